/** What goes out without a question, and files that came in and go back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { startLettaSimulator } from 'animus-testkit';
import { openTelegramRig, type TelegramRig } from './rig.ts';

const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');

async function outbound({ agent }: TelegramRig, ...words: string[]): Promise<{ code: unknown; out: string }> {
  const child = spawn(process.execPath, [MAIN, 'outbound', 'send', '--channel', 'telegram', ...words, '--folder', agent.folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ANIMUS_TEST_RUN: process.env.ANIMUS_TEST_RUN },
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, out: out + err };
}

for (const isUser of [false, true]) {
  test(`outbound finds a chat by its name, as ${isUser ? 'a person' : 'a bot'} may; what cannot be reached says why`, async (t) => {
    const rig = await openTelegramRig(t, { isUser, settings: { outbound: { enabled: true } } });
    const { telegram, bot } = rig;
    const bea = telegram.createUser({ username: 'bea_b' });
    const eve = telegram.createUser({ username: 'eve_e' });
    const room = telegram.createGroup({ title: 'Room', members: [bot, bea], kind: 'supergroup', username: 'the_room' });
    if (!isUser) telegram.meet(bea, bot);
    await using _broca = await rig.start();
    for (const [chat, to] of [
      ['@bea_b', bea],
      ['@the_room', room],
      [String(bea.id), bea],
    ] as const) {
      const { code, out } = await outbound(rig, '--chat', chat, '--text', `hello ${chat}`, '--wait');
      assert.equal(code, 0, out);
      assert.equal((await telegram.sent({ by: bot, to, text: `hello ${chat}` })).outcome, 'stored');
    }
    const nobody = await outbound(rig, '--chat', '@nobody_here', '--text', 'hello', '--wait');
    assert.deepEqual([nobody.code === 0, /knows nobody and no chat @nobody_here/.test(nobody.out)], [false, true], nobody.out);
    if (isUser) return;
    const stranger = await outbound(rig, '--chat', '@eve_e', '--text', 'hello', '--wait');
    assert.deepEqual([stranger.code === 0, /never wrote to it/.test(stranger.out)], [false, true], stranger.out);
    assert.equal(telegram.sentTo(eve, bot).length, 0);
  });
}

test('what came in goes back, an image as a photo and a file as a file; a path that leads elsewhere does not', async (t) => {
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), Buffer.alloc(3_000, 1)]);
  const agent = { id: 'agent-test', apiKey: 'key' };
  let reply = '';
  const letta = await startLettaSimulator({ agents: [agent], script: () => [{ kind: 'assistant', text: reply }] });
  t.after(async () => await letta.close());
  const rig = await openTelegramRig(t, { letta: letta.url, settings: { message_mode: 'live' } });
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  reply = 'Thank you.';
  telegram.pushFile(owner, bot, { bytes: png, kind: 'photo' }, 'keep this');
  await telegram.sent({ by: bot, text: 'Thank you.' });
  const [stored] = filesUnder(rig.agent.path('attachments'));
  assert.ok(stored);
  reply = `![as you sent it](attachments/${stored})\n\n![not this](attachments/../.env)`;
  telegram.pushText(owner, bot, 'show it');
  const back = await telegram.sent({ by: bot, number: 2 });
  assert.deepEqual([back.text, telegram.fileOf(back)?.isPhoto, telegram.fileOf(back)?.bytes.equals(png)], ['as you sent it', true, true]);
  const other = await telegram.sent({ by: bot, number: 3 });
  assert.deepEqual([telegram.fileOf(other), other.text.includes('AGENT_API_KEY')], [null, false]);
  assert.match(other.text, /not this/);

  reply = 'Thank you.';
  telegram.pushFile(owner, bot, { bytes: Buffer.from('%PDF-1.7 a report'), name: 'report.pdf' }, 'and this');
  await telegram.sent({ by: bot, text: 'Thank you.', number: 2 });
  const report = filesUnder(rig.agent.path('attachments')).find((name) => name !== stored);
  reply = `Here it is:\n\n![the report](attachments/${report})`;
  telegram.pushText(owner, bot, 'and that');
  const file = await telegram.sent({ by: bot, text: 'the report' });
  assert.deepEqual([telegram.fileOf(file)?.isPhoto, telegram.fileOf(file)?.bytes.toString()], [false, '%PDF-1.7 a report']);
});

function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}
