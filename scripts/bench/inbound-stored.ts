/** Messages stored one by one (each its own durable transaction) against single inserts into a bare table, same pragmas. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { createInbox } from '../../packages/broca-core/src/inbox/receive.ts';
import { openStore } from '../../packages/broca-core/src/store/open.ts';
import { type Figure, median, ratioAtLeast } from './figure.ts';

const ROUNDS = 15;
const MESSAGES = 200;
const TEXT = 'A message of ordinary length, as people write them to an agent on their telephones. '.repeat(2);

export async function inboundStored(): Promise<Figure[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  try {
    const opened = openStore(path.join(folder, 'animus.db'));
    if (!opened.ok) throw new Error(JSON.stringify(opened.error));
    const store = opened.value;
    const inbox = createInbox(store, Date.now, () => undefined);
    const raw = openRaw(path.join(folder, 'raw.db'), store.pragma('wal_autocheckpoint', { simple: true }));
    const stored: number[] = [];
    const floor: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      floor.push(rate((number) => void raw.insert(`${round}-${number}`)));
      stored.push(rate((number) => receive(inbox, `${round}-${number}`)));
    }
    raw.close();
    store.close();
    return [ratioAtLeast({ name: 'inbound-stored', value: median(stored), unit: 'messages/s', floor: median(floor) }, 0.5)];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function rate(once: (number: number) => void): number {
  const startedAt = performance.now();
  for (let number = 0; number < MESSAGES; number += 1) once(number);
  return (MESSAGES * 1000) / (performance.now() - startedAt);
}

function receive(inbox: ReturnType<typeof createInbox>, externalId: string): void {
  const receipt = inbox.receive({
    channel: 'bench',
    account: '',
    chat: 'one',
    externalId,
    sender: { id: 'somebody', username: 'somebody', displayName: 'Some Body' },
    text: TEXT,
    attachments: [],
    at: Date.now(),
  });
  if (receipt.kind !== 'stored') throw new Error(`not stored: ${JSON.stringify(receipt)}`);
}

function openRaw(file: string, autocheckpoint: unknown): { insert(id: string): void; close(): void } {
  const db = new Database(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.pragma(`wal_autocheckpoint = ${autocheckpoint}`);
  db.exec('CREATE TABLE messages (id INTEGER PRIMARY KEY, external_id TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL) STRICT');
  const statement = db.prepare('INSERT INTO messages (external_id, text, at) VALUES (?, ?, ?)');
  const insert = db.transaction((id: string) => void statement.run(id, TEXT, Date.now())).immediate;
  return { insert, close: () => void db.close() };
}
