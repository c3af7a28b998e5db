/**
 * Echo mode from spool to spool. Throughput: files that wait in the inbox against a loop of durable
 * transactions, as many a message as Broca commits for one that comes alone (counted here). Under load it
 * commits for several together; how many there are in fact is shown too. Latency: a file put into the idle
 * inbox until its reply is there.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { type AgentFolder, connect, type Link, makeAgentFolder, startBroca } from './broca.ts';
import { type Figure, median, ratioAtLeast, shown, valueAtMost } from './figure.ts';

const MESSAGES = 2_000;
const CHATS = 8;
const ALONE = 40;
const FLOOR_COMMITS = 2_000;
/** What a supervisor, which watches all inboxes, says of a new file. */
const NUDGE = { type: 'nudge', channel: 'spool' } as const;
const PATIENCE_MS = 60_000;
const TEXT = 'A message of ordinary length, as people write them to an agent on their telephones. '.repeat(2);

export async function echo(): Promise<Figure[]> {
  // Nothing listens there: echo asks nobody.
  using agent = makeAgentFolder('http://127.0.0.1:9');
  fs.writeFileSync(path.join(agent.folder, 'settings.json'), '{ "message_mode": "echo" }\n', { mode: 0o600 });
  for (const name of ['inbox', 'outbox']) fs.mkdirSync(path.join(agent.folder, name), { mode: 0o700 });
  await using _broca = startBroca(agent);
  using link = await connect(agent, 'supervisor');
  await link.next(({ type }) => type === 'ready');
  let number = 0;
  const alone: number[] = [];
  await one(agent, link, number++);
  const before = commits(agent);
  for (let count = 0; count < ALONE; count += 1) alone.push(await one(agent, link, number++));
  const aMessage = Math.round((commits(agent) - before) / ALONE);
  const commitMs = floorMs(agent);

  for (let count = 0; count < MESSAGES; count += 1) put(agent, number++, '.waiting');
  const start = commits(agent);
  const startedAt = performance.now();
  for (const name of fs.readdirSync(inbox(agent)).filter((each) => each.endsWith('.waiting'))) {
    fs.renameSync(path.join(inbox(agent), name), path.join(inbox(agent), name.replace('.waiting', '.json')));
  }
  link.send(NUDGE);
  await replies(agent, number);
  const seconds = (performance.now() - startedAt) / 1000;
  const together = (commits(agent) - start) / MESSAGES;
  const floor = 1000 / (aMessage * commitMs);
  return [
    ratioAtLeast({ name: `echo, spool to spool (floor: ${aMessage} commits)`, value: MESSAGES / seconds, unit: 'messages/s', floor }, 0.4),
    shown({ name: 'echo: commits a message under load (alone beside it)', value: together, unit: '', floor: aMessage }),
    valueAtMost(
      { name: 'echo: idle inbox to reply (floor: one commit)', value: median(alone), unit: 'ms', floor: commitMs },
      5 + 4 * commitMs,
    ),
  ];
}

function inbox(agent: AgentFolder): string {
  return path.join(agent.folder, 'inbox');
}

function put(agent: AgentFolder, number: number, ending: string): void {
  const sender = `s${number % CHATS}`;
  const file = path.join(inbox(agent), String(number).padStart(7, '0'));
  fs.writeFileSync(`${file}.tmp`, JSON.stringify({ id: `m${number}`, chat: `c${number % CHATS}`, sender: { id: sender }, text: TEXT }));
  fs.renameSync(`${file}.tmp`, `${file}${ending}`);
}

/** Puts one message and waits for its reply, in ms. */
async function one(agent: AgentFolder, link: Link, number: number): Promise<number> {
  const watcher = fs.watch(path.join(agent.folder, 'outbox'));
  try {
    const replied = new Promise<void>((resolve) => {
      watcher.on('change', (_event, name) => {
        if (typeof name === 'string' && !name.startsWith('.')) resolve();
      });
    });
    const startedAt = performance.now();
    put(agent, number, '.json');
    link.send(NUDGE);
    await Promise.race([replied, tooLong()]);
    return performance.now() - startedAt;
  } finally {
    watcher.close();
    // Until what Broca commits after the hand-over is done too.
    await sleep(20);
  }
}

async function tooLong(): Promise<never> {
  await sleep(PATIENCE_MS, undefined, { ref: false });
  throw new Error('Broca did not answer');
}

async function replies(agent: AgentFolder, count: number): Promise<void> {
  const outbox = path.join(agent.folder, 'outbox');
  const deadline = performance.now() + PATIENCE_MS;
  while (fs.readdirSync(outbox).filter((name) => !name.startsWith('.')).length < count) {
    if (performance.now() > deadline) throw new Error('Broca did not answer all of them');
    await sleep(25);
  }
}

/** How many transactions wrote the database so far: SQLite counts them in the memory its connections share (WalIndexHdr.iChange). */
function commits(agent: AgentFolder): number {
  return fs.readFileSync(path.join(agent.folder, 'animus.db-shm')).readUInt32LE(8);
}

/** One small durable transaction on the same file system, in ms. */
function floorMs(agent: AgentFolder): number {
  const db = new Database(path.join(agent.folder, 'floor.db'));
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT');
  const statement = db.prepare('INSERT INTO messages (text) VALUES (?)');
  const insert = db.transaction(() => void statement.run(TEXT)).immediate;
  const startedAt = performance.now();
  for (let count = 0; count < FLOOR_COMMITS; count += 1) insert();
  const ms = (performance.now() - startedAt) / FLOOR_COMMITS;
  db.close();
  return ms;
}
