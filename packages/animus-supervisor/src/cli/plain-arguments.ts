/**
 * Reads the plain forms of a command line: words, `--name`, `--name value`, `-x`, `-x value`. Anything else (help,
 * `--name=value`, joined letters, a mistake) gives null and is left to yargs, which takes 40 ms to load: twice
 * what node takes to start. What is read here is read the same by yargs; a property holds both to it.
 */
import type { Command, InputValue, OptionSpec } from './command.ts';

export function readPlainArguments(command: Command, words: readonly string[]): Record<string, InputValue> | null {
  const input = emptyInput(command);
  const given: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) {
      given.push(word);
      continue;
    }
    const found = findOption(command, word);
    if (found === null) return null;
    const [name, option] = found;
    if (option.kind === 'flag') {
      input[name] = true;
      continue;
    }
    at += 1;
    const value = readValue(option, words[at]);
    // Given twice is a list to yargs; the rule for it stands there.
    if (value === null || input[name] !== null) return null;
    input[name] = value;
  }
  return placeWords(command, given, input);
}

export function emptyInput(command: Command): Record<string, InputValue> {
  const input: Record<string, InputValue> = {};
  for (const [name, { count }] of Object.entries(command.arguments)) input[name] = count === 'many' ? [] : null;
  for (const [name, { kind }] of Object.entries(command.options)) input[name] = kind === 'flag' ? false : null;
  return input;
}

function findOption(command: Command, word: string): [string, OptionSpec] | null {
  for (const entry of Object.entries(command.options)) {
    if (word === `--${entry[0]}` || (entry[1].short !== undefined && word === `-${entry[1].short}`)) return entry;
  }
  return null;
}

function readValue(option: Exclude<OptionSpec, { kind: 'flag' }>, word: string | undefined): string | number | null {
  if (word === undefined || word === '' || word.startsWith('-')) return null;
  if (option.kind === 'number') return /^(0|[1-9]\d{0,14})$/.test(word) ? Number(word) : null;
  return option.choices === undefined || option.choices.includes(word) ? word : null;
}

function placeWords(command: Command, words: readonly string[], input: Record<string, InputValue>): Record<string, InputValue> | null {
  const rest = [...words];
  for (const [name, { count }] of Object.entries(command.arguments)) {
    if (count === 'many') {
      input[name] = rest.splice(0);
      continue;
    }
    const word = rest.shift();
    if (word === '' || (word === undefined && count === 'one')) return null;
    input[name] = word ?? null;
  }
  return rest.length === 0 ? input : null;
}
