/** The journal of a data centre that is to outlive its process: one fact a line, written before anybody hears of it. */
import fs from 'node:fs';
import type { Fact } from './model.ts';

export type Journal = { readonly past: Fact[]; append(fact: Fact): void; close(): void };

export const noJournal: Journal = { past: [], append: () => {}, close: () => {} };

export function openJournal(file: string): Journal {
  const past = fs.existsSync(file) ? readFacts(file) : [];
  const descriptor = fs.openSync(file, 'a', 0o600);
  return {
    past,
    // What was written survives the end of the process by any signal; nothing here has to survive the machine.
    append: (fact) => fs.writeSync(descriptor, `${toText(fact)}\n`),
    close: () => fs.closeSync(descriptor),
  };
}

/** A last line without its end was never answered: it is cut off. */
function readFacts(file: string): Fact[] {
  const text = fs.readFileSync(file, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) fs.truncateSync(file, Buffer.byteLength(whole));
  return whole.split('\n').filter(Boolean).map(fromText);
}

function toText(fact: Fact): string {
  return JSON.stringify(fact, function (this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key];
    if (Buffer.isBuffer(raw)) return { $bytes: raw.toString('base64') };
    return typeof value === 'bigint' ? { $big: value.toString() } : value;
  });
}

/** Our own file, written by `toText` above: its shape is not checked again. */
function fromText(line: string): Fact {
  return JSON.parse(line, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('$bytes' in value && typeof value.$bytes === 'string') return Buffer.from(value.$bytes, 'base64');
    return '$big' in value && typeof value.$big === 'string' ? BigInt(value.$big) : value;
  });
}
