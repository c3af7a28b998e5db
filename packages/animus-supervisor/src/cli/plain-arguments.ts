/**
 * Reads the plain forms of a command line: words, `--name`, `--name value`, `-x`, `-x value`. Anything else (help,
 * `--name=value`, joined letters, a mistake) gives null and is left to yargs, which takes 40 ms to load: twice
 * what node takes to start. What is read here is read the same by yargs; a property holds both to it.
 */
import { failed, ok, type Result } from 'animus-protocol';
import type { ArgumentSpec, Command, InputValue, OptionSpec } from './command.ts';

export function readPlainArguments(command: Command, words: readonly string[]): Record<string, InputValue> | null {
  const options: Record<string, InputValue> = {};
  const given: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === '') return null;
    if (!word.startsWith('-')) {
      given.push(word);
      continue;
    }
    const found = findOption(command, word);
    if (found === null) return null;
    const [name, option] = found;
    if (option.kind === 'flag') {
      // yargs takes these two words for the flag's value.
      if (words[at + 1] === 'true' || words[at + 1] === 'false') return null;
      options[name] = true;
      continue;
    }
    at += 1;
    const value = readValue(option, words[at]);
    // Given twice is a list to yargs; the rule for it stands there.
    if (value === null || Object.hasOwn(options, name)) return null;
    options[name] = value;
  }
  const placed = placeWords(command, given);
  return placed.ok ? { ...placed.value, ...options } : null;
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

/** Takes all words that are left. */
export function isList(count: ArgumentSpec['count']): boolean {
  return count === 'many' || count === 'some';
}

/** The words that are no options, each in its place; options are as if not given. */
export function placeWords(command: Command, words: readonly string[]): Result<Record<string, InputValue>, string> {
  const input: Record<string, InputValue> = {};
  for (const [name, { kind }] of Object.entries(command.options)) input[name] = kind === 'flag' ? false : null;
  const rest = [...words];
  for (const [name, { count, choices }] of Object.entries(command.arguments)) {
    const word = isList(count) ? undefined : rest.shift();
    if (count === 'one' && (word === undefined || word === '')) return failed(`<${name}> is missing`);
    if (choices !== undefined && word !== undefined && !choices.includes(word))
      return failed(`<${name}> is ${choices.join(', ')}, not ${JSON.stringify(word)}`);
    input[name] = isList(count) ? rest.splice(0) : word === undefined || word === '' ? null : word;
  }
  return rest.length === 0 ? ok(input) : failed(`${JSON.stringify(rest[0])} is one word too many`);
}
