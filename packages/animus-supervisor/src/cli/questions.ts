/** Questions to the person at the terminal. */
import readline from 'node:readline/promises';
import type { Readable } from 'node:stream';
import { failed, ok, type Result } from 'animus-protocol';

/** Longest key or answer taken from a pipe. */
const LONGEST = 64 * 1024;

/** The first line of what is piped in. */
export async function readFirstLine(input: Readable): Promise<string> {
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.includes('\n') || text.length > LONGEST) break;
  }
  return text.split('\n', 1)[0]?.replace(/\r$/, '') ?? '';
}

/** Asks for a secret; what is typed is not shown. */
export async function askSecret(input: NodeJS.ReadStream, question: string): Promise<Result<string, string>> {
  process.stderr.write(question);
  input.setRawMode(true);
  input.setEncoding('utf8');
  let text = '';
  try {
    for await (const chunk of input) {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n' || character === '\u0004') return ok(text);
        if (character === '\u0003') return failed('interrupted');
        if (character === '\u007f' || character === '\b') text = text.slice(0, -1);
        else text += character;
      }
    }
    return ok(text);
  } finally {
    input.setRawMode(false);
    input.pause();
    process.stderr.write('\n');
  }
}

/** Yes only when the person says so. */
export async function askYes(input: NodeJS.ReadStream, question: string): Promise<boolean> {
  const asking = readline.createInterface({ input, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim());
  } finally {
    asking.close();
  }
}
