/** The chaos program's side of the spool: writes files into inboxes, reads outboxes and deletes what it read. */
import fs from 'node:fs';
import path from 'node:path';
import { replaceFile } from './home.ts';
import type { Ledger } from './ledger.ts';
import type { Message } from './message.ts';

const PART = /^\d+-\d+\.json$/;

type SpoolPart = { inReplyTo: string | null; chat: string; turn: number; part: number; parts: number; key: string; text: string };

export class SpoolMouth {
  readonly #agent: string;
  readonly #folder: string;
  readonly #ledger: Ledger;
  /** File name → the message in it, while it lies in the inbox. */
  readonly #lying = new Map<string, string>();
  #files = 0;

  constructor(agent: string, folder: string, ledger: Ledger) {
    this.#agent = agent;
    this.#folder = folder;
    this.#ledger = ledger;
  }

  /** False when the disk is full: the message is to be written again later. */
  write(message: Message): boolean {
    const { id, chat, text } = message;
    this.#files += 1;
    const name = `${String(this.#files).padStart(7, '0')}.json`;
    const hidden = path.join(this.#folder, 'inbox', `.${name}.tmp`);
    const file = JSON.stringify({ id, chat, sender: { id: `person-${chat}`, username: `user_${chat}` }, text });
    if (!replaceFile(hidden, path.join(this.#folder, 'inbox', name), file)) return false;
    this.#lying.set(name, id);
    return true;
  }

  /** Reads what arrived, in the order of arrival, and notes which messages are gone from the inbox. */
  look(): void {
    const found = this.#list('outbox')
      .filter((name) => PART.test(name))
      .map((name) => ({ name, order: fs.statSync(path.join(this.#folder, 'outbox', name), { bigint: true }).ctimeNs }))
      .sort((a, b) => (a.order === b.order ? compareNames(a.name, b.name) : a.order < b.order ? -1 : 1));
    for (const { name, order } of found) {
      const file = path.join(this.#folder, 'outbox', name);
      const { part, parts, ...rest } = JSON.parse(fs.readFileSync(file, 'utf8')) as SpoolPart;
      fs.unlinkSync(file);
      this.#ledger.arrived({ ...rest, number: part, count: parts, agent: this.#agent, channel: 'spool', order });
    }
    const inbox = new Set(this.#list('inbox'));
    for (const [name, id] of this.#lying) {
      if (inbox.has(name)) continue;
      this.#lying.delete(name);
      this.#noteTaken(name, id);
    }
  }

  /** Files that Broca has not taken. */
  get waiting(): number {
    return this.#list('inbox').filter((name) => name.endsWith('.json')).length;
  }

  #noteTaken(name: string, id: string): void {
    const explanation = path.join(this.#folder, 'inbox/rejected', name.replace(/\.json$/, '.error.txt'));
    if (fs.existsSync(explanation)) this.#ledger.refused(id, fs.readFileSync(explanation, 'utf8').trim());
    else this.#ledger.taken(id);
  }

  #list(folder: 'inbox' | 'outbox'): string[] {
    return fs.readdirSync(path.join(this.#folder, folder));
  }
}

/** `<turn>-<part>.json`, by number. */
function compareNames(a: string, b: string): number {
  const [turnA = 0, partA = 0] = a.match(/\d+/g)?.map(Number) ?? [];
  const [turnB = 0, partB = 0] = b.match(/\d+/g)?.map(Number) ?? [];
  return turnA - turnB || partA - partB;
}
