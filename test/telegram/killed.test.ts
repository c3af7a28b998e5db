/** Both sides are processes of their own and killed with SIGKILL at random moments. The data centre's ledger, kept on disk, is the witness. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentFolder, BrocaProcess, TelegramProcess } from 'animus-testkit';
import { logged, writeLogin } from './rig.ts';

const ROUNDS = 4;
const PER_ROUND = 3;
/** The flood wait falls into this one. */
const FLOODED = 2;

test('kill -9 of either side at random moments, a flood wait in the middle: each reply once, complete, in order', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'telegram-killed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await using telegram = await TelegramProcess.start({ folder });
  const owner = await telegram.call('createUser', { username: 'ada' });
  const bot = await telegram.call('createBot', { username: 'agent_bot' });
  await telegram.call('meet', owner, bot);
  const { ip, port } = telegram.proxy;
  const agent = new AgentFolder({
    ...{ endpoint: 'http://127.0.0.1:1', apiKey: 'key' },
    environment: { TELEGRAM_OWNER_ID: String(owner.id), TELEGRAM_PROXY: `socks5://${ip}:${port}` },
    settings: { message_mode: 'echo', plugins: { telegram: { enabled: true, buffer_delay: 0 } } },
  });
  t.after(() => agent[Symbol.dispose]());
  const [session, app] = [await telegram.call('mintSession', bot), await telegram.call('app')];
  writeLogin(agent.folder, { mintSession: () => session, app }, bot);
  let broca = await BrocaProcess.start(agent.folder);
  // What was written before the first look at a mailbox is history, and answered by nobody.
  await logged(agent, 'telegram-caught-up', 1);
  const expected: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const soFar = (await telegram.call('requests')).length;
    if (round === FLOODED) await telegram.call('floodWait', bot, 1);
    for (let number = 0; number < PER_ROUND; number += 1) {
      const text = `round ${round}, message ${number}: ${'word '.repeat(20).trim()}`;
      expected.push(text);
      await telegram.call('pushText', owner, bot, text);
    }
    // Some requests into whatever happens now: between reading, storing, sending and hearing that it arrived.
    const into = 1 + Math.floor(Math.random() * PER_ROUND);
    t.diagnostic(`round ${round} ends at request ${into}`);
    await telegram.call('requested', { number: soFar + into });
    if (round % 2 === 0) {
      await broca.kill('SIGKILL');
      broca = await BrocaProcess.start(agent.folder);
    } else {
      await telegram.killAndRestart();
    }
  }
  await telegram.call('sent', { by: bot, number: expected.length });
  await broca.kill('SIGKILL');
  const said = (await telegram.call('sentTo', owner, bot)).map(({ text }) => text.replace(/^\[.*?\] /, ''));
  assert.deepEqual(said, expected);
});
