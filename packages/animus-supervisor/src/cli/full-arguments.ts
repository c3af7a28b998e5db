/** Reads any command line of one command with yargs, and words its help and its mistakes. */
import { failed, ok, type Result } from 'animus-protocol';
import yargs, { type Argv, type Options } from 'yargs';
import { type Command, type Input, type InputValue, type OptionSpec, usageOf } from './command.ts';
import { nearestOf } from './nearest-policy.ts';
import { isList, placeWords } from './plain-arguments.ts';

/** `help` when the person asked for it or needs it; an error is what they wrote wrong. */
export type FullArguments = { kind: 'input'; input: Input } | { kind: 'help'; text: string };

export async function readFullArguments(command: Command, words: readonly string[]): Promise<Result<FullArguments, string>> {
  const options = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  if (options.includes('--help') || options.includes('-h')) return ok({ kind: 'help', text: await helpOf(command) });
  let mistake: string | null = null;
  const parser = describeOptions(command, words).fail((message, error) => {
    mistake ??= message ?? error.message;
  });
  const parsed: Record<string, unknown> = await parser.parseAsync();
  const unknown = unknownOption(command, parsed);
  if (unknown !== null) return failed(unknown);
  return mistake === null ? collect(command, parsed) : failed(mistake);
}

async function helpOf(command: Command): Promise<string> {
  const names = Object.entries(command.arguments).map(([name, { count }]) =>
    count === 'one' ? `<${name}>` : count === 'maybe' ? `[${name}]` : count === 'some' ? `<${name}..>` : `[${name}..]`,
  );
  const parser = describeOptions(command, [])
    .command(['$0', ...names].join(' '), command.summary, (builder) => describeArguments(builder, command))
    .usage(`${usageOf(command)}\n\n${command.summary}`)
    .option('help', { alias: 'h', type: 'boolean', description: 'Show this help' });
  for (const { line, effect } of command.examples) parser.example(line, effect);
  return await parser.getHelp();
}

/** Words that are no options are placed by us (plain-arguments.ts): yargs loses some that are blank. */
function describeOptions(command: Command, words: readonly string[]): Argv {
  const parser = yargs([...words])
    .scriptName(`animus ${command.name}`)
    .locale('en')
    .version(false)
    .help(false)
    .exitProcess(false)
    .wrap(null)
    .parserConfiguration({
      // `--no-check` is an option of that name, not the opposite of `check`.
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'duplicate-arguments-array': false,
      'greedy-arrays': false,
    });
  for (const [name, option] of Object.entries(command.options)) parser.option(name, optionOf(option));
  return parser;
}

function describeArguments(builder: Argv, command: Command): Argv {
  for (const [name, { count, description }] of Object.entries(command.arguments)) {
    builder.positional(name, { type: 'string', description, ...(isList(count) ? { array: true } : {}) });
  }
  return builder;
}

function optionOf(option: OptionSpec): Options {
  const alias = option.short === undefined ? {} : { alias: option.short };
  if (option.kind === 'flag') return { type: 'boolean', description: option.description, ...alias };
  return { type: 'string', requiresArg: true, description: `${option.description} (${option.placeholder})`, ...alias };
}

/** Ours and not yargs' strict mode: it names the nearest option there is. */
function unknownOption(command: Command, parsed: Record<string, unknown>): string | null {
  const known = new Set(['_', '$0', ...Object.keys(command.options)]);
  for (const { short } of Object.values(command.options)) if (short !== undefined) known.add(short);
  const name = Object.keys(parsed).find((key) => !known.has(key));
  if (name === undefined) return null;
  const near = nearestOf(name, Object.keys(command.options));
  return `animus ${command.name} has no option ${name.length === 1 ? '-' : '--'}${name}${near === null ? '' : `; did you mean --${near}?`}`;
}

function collect(command: Command, parsed: Record<string, unknown>): Result<FullArguments, string> {
  const words = Array.isArray(parsed['_']) ? parsed['_'].map(String) : [];
  const placed = placeWords(command, words);
  if (!placed.ok) return failed(`${placed.error}. Usage: ${usageOf(command)}`);
  const input = placed.value;
  for (const [name, option] of Object.entries(command.options)) {
    const value = readOption(name, option, parsed[name]);
    if (!value.ok) return value;
    input[name] = value.value;
  }
  return ok({ kind: 'input', input });
}

function readOption(name: string, option: OptionSpec, value: unknown): Result<InputValue, string> {
  if (option.kind === 'flag') return ok(value === true);
  if (value === undefined) return ok(null);
  if (typeof value !== 'string' || value === '') return failed(`--${name} needs a value (${option.placeholder})`);
  if (option.kind === 'text') {
    const { choices } = option;
    if (choices === undefined || choices.includes(value)) return ok(value);
    return failed(`--${name} takes ${choices.join(', ')}, not ${JSON.stringify(value)}`);
  }
  return /^(0|[1-9]\d{0,14})$/.test(value) ? ok(Number(value)) : failed(`--${name} takes a whole number, not ${JSON.stringify(value)}`);
}
