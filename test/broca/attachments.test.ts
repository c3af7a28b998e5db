/** Images and files on their way through one Broca as a process of its own, to the Letta simulator. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { AgentFolder, BrocaProcess, type LettaSimulator, startLettaSimulator } from 'animus-testkit';

const KEY = 'sk-very-secret-key-4711';
const AGENT = { id: 'agent-test', apiKey: KEY };
const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

type Rig = { letta: LettaSimulator; agent: AgentFolder; broca(): Promise<BrocaProcess> };

async function open(t: TestContext, settings: Record<string, unknown> = {}): Promise<Rig> {
  const letta = await startLettaSimulator({ agents: [AGENT] });
  const agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY, settings });
  const started: BrocaProcess[] = [];
  t.after(async () => {
    for (const broca of started) await broca[Symbol.asyncDispose]();
    await letta.close();
    agent[Symbol.dispose]();
  });
  const broca = async (): Promise<BrocaProcess> => {
    const one = await BrocaProcess.start(agent.folder);
    started.push(one);
    return one;
  };
  return { letta, agent, broca };
}

async function run(agent: AgentFolder, args: readonly string[]): Promise<{ code: unknown; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args, '--folder', agent.folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ANIMUS_TEST_RUN: process.env.ANIMUS_TEST_RUN },
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, out, err };
}

function drop(agent: AgentFolder, id: string, files: Record<string, Buffer | string>): void {
  for (const [name, content] of Object.entries(files)) writeFileSync(agent.path('inbox', name), content);
  const message = { id, chat: 'c', sender: { id: 'ann', username: 'ann' }, text: 'look', attachments: Object.keys(files) };
  writeFileSync(agent.path('inbox', `${id}.json`), JSON.stringify(message));
}

/** What the agent was asked: its text, and the images as [type, bytes]. */
function asked(letta: LettaSimulator, turn = 0): { text: string; images: [string, Buffer][] } {
  const content = letta.turns[turn]?.content;
  if (typeof content === 'string') return { text: content, images: [] };
  const parts = content as { type: string; text?: string; source?: { media_type: string; data: string } }[];
  return {
    text: parts.map((part) => part.text ?? '').join(''),
    images: parts.flatMap(({ source }) =>
      source === undefined ? [] : [[source.media_type, Buffer.from(source.data, 'base64')] as [string, Buffer]],
    ),
  };
}

test('an image from the spool is shown to the agent, a file is named, and both leave the inbox', async (t) => {
  const { letta, agent, broca } = await open(t);
  await broca();
  drop(agent, '1', { 'photo.png': PNG, 'evil.svg': '<svg onload="alert(1)"/>' });
  await letta.turnEnded();
  assert.deepEqual(asked(letta), {
    text: '[Username: @ann, Spool ID: ann] look\n[Image Attachment: photo.png, image/png, 70 bytes]\n[Attachment: evil.svg, text/plain, 24 bytes]',
    images: [['image/png', PNG]],
  });
  assert.deepEqual(
    readdirSync(agent.path('inbox')).filter((name) => name !== 'rejected'),
    [],
  );
});

test('broca send --attach hands a file of several frames over, and conversations get shows it', async (t) => {
  const { letta, agent, broca } = await open(t);
  await broca();
  const large = Buffer.concat([PNG, Buffer.alloc(9 * 1024 * 1024, 7)]);
  writeFileSync(join(agent.home, 'photo.png'), large);
  const sent = await run(agent, ['send', '--attach', join(agent.home, 'photo.png'), 'What is this?']);
  assert.deepEqual([sent.code, sent.err], [0, '']);
  assert.match(sent.out, /^echo: .*What is this\?\n\[Image Attachment: photo\.png, image\/png, 9\.4 MB\]\n\[image\]/);
  assert.ok(asked(letta).images[0]?.[1].equals(large));
  const shown = JSON.parse((await run(agent, ['conversations', 'get', 'console/main', '--json'])).out);
  assert.equal(shown.messages[0].attachments[0].name, 'photo.png');
  assert.match((await run(agent, ['conversations', 'get', 'console/main'])).out, /photo\.png \(image\/png\)/);

  writeFileSync(join(agent.home, 'huge.bin'), Buffer.alloc(20 * 1024 * 1024 + 1));
  const huge = await run(agent, ['send', '--attach', join(agent.home, 'huge.bin'), 'x']);
  assert.deepEqual([huge.code, huge.out, huge.err], [1, '', 'broca: huge.bin was not taken: it is larger than 20 MB\n']);
  const none = await run(agent, ['send', '--attach', join(agent.home, 'none.bin')]);
  assert.match(none.err, /there is no file .*none\.bin/);
  assert.equal(letta.turns.length, 1);
  assert.equal(readdirSync(agent.path('attachments')).filter((name) => name.startsWith('.')).length, 0, 'nothing half is left');
});

for (const by of ['server', 'provider'] as const) {
  test(`images that the ${by} refuses: the message is asked once more without them`, async (t) => {
    const { letta, agent, broca } = await open(t);
    letta.refuseImages(by);
    await broca();
    writeFileSync(join(agent.home, 'photo.png'), PNG);
    const sent = await run(agent, ['send', '--attach', join(agent.home, 'photo.png'), 'What is this?']);
    assert.equal(sent.code, 0, sent.err);
    assert.match(sent.out, /What is this\?\n\[Image Attachment: photo\.png, image\/png, 70 bytes: it could not be shown to you\]/);
    const attempts = JSON.parse((await run(agent, ['queue', 'show', '1', '--json'])).out).attempts;
    assert.deepEqual(
      attempts.map(({ outcome }: { outcome: string }) => outcome),
      [by === 'server' ? 'rejected' : 'failed', 'answered'],
    );
  });
}

test('killed while the agent works on an image: the same attempt is found again, and nothing runs twice', async (t) => {
  const { letta, agent, broca } = await open(t);
  letta.hold();
  const first = await broca();
  drop(agent, '1', { 'photo.png': PNG });
  await letta.turnStarted();
  await first.kill('SIGKILL');
  letta.release();
  const second = await broca();
  await second.beat(({ queue }) => queue.waiting + queue.running === 0 && queue.outbox === 0);
  assert.equal(letta.turns.length, 1);
  assert.equal(asked(letta).images.length, 1);
});

test('a request lost on its way is sent again as it was, image and all', async (t) => {
  const { letta, agent, broca } = await open(t);
  const lost = letta.fault({ route: 'conversations.messages.create', kind: 'drop' });
  const first = await broca();
  drop(agent, '1', { 'photo.png': PNG });
  await letta.turnEnded();
  assert.deepEqual(asked(letta).images, [['image/png', PNG]]);
  assert.equal(letta.turns.length, 1);
  assert.equal(lost.hits, 1);
  await first.beat(({ queue }) => queue.waiting + queue.running === 0);
});

test('an image whose file is gone by the time it is asked is a line, not a failure', async (t) => {
  const { letta, agent, broca } = await open(t);
  await letta.goOffline();
  const running = await broca();
  drop(agent, '1', { 'photo.png': PNG });
  await running.beat(({ queue }) => queue.waiting + queue.running === 1);
  rmSync(agent.path('attachments'), { recursive: true });
  await letta.goOnline();
  await letta.turnEnded();
  assert.match(asked(letta).text, /\[Image Attachment: photo\.png, image\/png, 70 bytes: the file is gone\]$/);
  assert.deepEqual(asked(letta).images, []);
});

test('switched off, images are named and not shown; more files than allowed are refused', async (t) => {
  const { letta, agent, broca } = await open(t, { images: { enabled: false }, limits: { attachments: 1 } });
  await broca();
  drop(agent, '1', { 'photo.png': PNG });
  await letta.turnEnded();
  assert.deepEqual(asked(letta), {
    text: '[Username: @ann, Spool ID: ann] look\n[Image Attachment: photo.png, image/png, 70 bytes]',
    images: [],
  });
  writeFileSync(join(agent.home, 'photo.png'), PNG);
  const path = join(agent.home, 'photo.png');
  const sent = await run(agent, ['send', '--attach', path, '--attach', path, 'two']);
  assert.match(sent.err, /refused: more than 1 files? in one message/);
});

test('an upload that settings ask for gives the agent a link; a host that fails is a line', async (t) => {
  let uploads = 0;
  const host = createServer((request, response) => {
    uploads += 1;
    request.resume();
    if (request.url === '/bad') response.writeHead(500).end();
    else response.end(`http://host/${uploads}.png`);
  }).listen(0, '127.0.0.1');
  await once(host, 'listening');
  t.after(() => host.close());
  const url = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  const { letta, agent, broca } = await open(t, { images: { upload: { enabled: true, url: `${url}/good` } } });
  const running = await broca();
  drop(agent, '1', { 'photo.png': PNG });
  await letta.turnEnded();
  assert.deepEqual(asked(letta), { text: '[Username: @ann, Spool ID: ann] look\n[Image Attachment: http://host/1.png]', images: [] });
  agent.writeSettings({ images: { upload: { enabled: true, url: `${url}/bad` } } });
  await using link = await running.connect('supervisor');
  link.send({ type: 'reload' });
  drop(agent, '2', { 'other.png': Buffer.concat([PNG, Buffer.from('x')]) });
  await letta.turnEnded({ number: 2 });
  assert.match(asked(letta, 1).text, /\[Image Attachment: other\.png, image\/png, 71 bytes: its upload failed\]$/);
  assert.equal(uploads, 2);
});

test('an echoing agent names files as a live one does, and without files no folder for them is made', async (t) => {
  const { agent, broca } = await open(t, { message_mode: 'echo' });
  await broca();
  assert.match((await run(agent, ['send', 'hi'])).out, /hi\n$/);
  assert.equal(existsSync(agent.path('attachments')), false);
  writeFileSync(join(agent.home, 'photo.png'), PNG);
  const sent = await run(agent, ['send', '--attach', join(agent.home, 'photo.png')]);
  assert.match(sent.out, /^\[Username: [^\]]*\]\n\[Image Attachment: photo\.png, image\/png, 70 bytes\]\n$/);
  assert.deepEqual(readFileSync(agent.path('attachments', ...listOne(agent))), PNG);
});

function listOne(agent: AgentFolder): [string, string] {
  const [folder = ''] = readdirSync(agent.path('attachments'));
  const [file = ''] = readdirSync(agent.path('attachments', folder));
  return [folder, file];
}
