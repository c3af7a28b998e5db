/** One command line → one command → one exit code. */
import { EXIT, type ExitCode } from 'animus-protocol';
import { checkHomeOwner } from '../home/modes.ts';
import { agentPaths } from '../home/paths.ts';
import { chooseAgent } from './agents.ts';
import { type Command, type DelegatedCommand, type Input, usageOf } from './command.ts';
import { COMMANDS } from './commands.ts';
import type { CliContext } from './context.ts';
import { nearestOf } from './nearest-policy.ts';
import { readPlainArguments } from './plain-arguments.ts';
import { table } from './render.ts';

const HELP = new Set(['--help', '-h', 'help']);

/** Any number: a command of an agent's own Broca ends with a code of its own. `uid` null: this system has none. */
export async function runCli(words: readonly string[], context: CliContext, uid: number | null): Promise<number> {
  const { screen } = context;
  const [name, ...rest] = words;
  if (name === '--version' || name === '-v') {
    screen.print(context.version);
    return EXIT.done;
  }
  if (name === undefined || HELP.has(name)) {
    const wanted = name === 'help' ? rest[0] : undefined;
    if (wanted !== undefined) return await runCli([wanted, '--help'], context, uid);
    screen.print(await overview());
    return name === undefined ? EXIT.usage : EXIT.done;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const near = nearestOf(name, Object.keys(COMMANDS));
    screen.complain(
      `animus has no command ${JSON.stringify(name)}${near === null ? '' : `; did you mean ${near}?`}\nAll commands: animus --help`,
    );
    return EXIT.usage;
  }
  const command = await load();
  if (command.kind === 'delegated') return await runDelegated(command, rest, context, uid);
  const input = await readInput(command, rest, context);
  if (typeof input === 'number') return input;
  return refuseForeignHome(context, uid) ?? (await command.run(input, context));
}

async function readInput(command: Command, words: readonly string[], { screen }: CliContext): Promise<Input | ExitCode> {
  const plain = readPlainArguments(command, words);
  if (plain !== null) return plain;
  const { readFullArguments } = await import('./full-arguments.ts');
  const full = await readFullArguments(command, words);
  if (!full.ok) {
    screen.complain(`${full.error}\nMore: animus ${command.name} --help`);
    return EXIT.usage;
  }
  if (full.value.kind === 'input') return full.value.input;
  screen.print(full.value.text);
  return EXIT.done;
}

async function runDelegated(
  command: DelegatedCommand,
  [word, ...rest]: readonly string[],
  context: CliContext,
  uid: number | null,
): Promise<number> {
  const { screen, home } = context;
  if (word === undefined || word.startsWith('-')) {
    const isAsked = word !== undefined && HELP.has(word);
    const say = isAsked ? screen.print : screen.complain;
    say(isAsked ? delegatedHelp(command) : `animus ${command.name} needs an agent first, and options after it. Usage: ${usageOf(command)}`);
    return isAsked ? EXIT.done : EXIT.usage;
  }
  const refused = refuseForeignHome(context, uid);
  if (refused !== null) return refused;
  const id = chooseAgent(home.home, word);
  if (!id.ok) {
    screen.complain(id.error);
    return EXIT.failed;
  }
  const { currentRelease } = await import('../home/release-file.ts');
  const agent = agentPaths(home.home, id.value);
  const current = currentRelease(home.home, agent);
  if (!current.ok) {
    screen.complain(`${id.value}: ${current.error}`);
    return EXIT.failed;
  }
  const { runBroca } = await import('./exec.ts');
  const calledFor = /^[\w.-]+$/.test(word) ? word : id.value;
  return await runBroca(current.value.runtime, agent, { command: command.name, words: rest, calledFor }, context);
}

function refuseForeignHome({ home, screen }: CliContext, uid: number | null): ExitCode | null {
  const owner = checkHomeOwner(home.home, uid);
  if (owner.ok) return null;
  screen.complain(owner.error);
  return EXIT.failed;
}

function delegatedHelp(command: DelegatedCommand): string {
  const examples = command.examples.map(({ line, effect }) => `  ${line}  ${effect}`);
  const more = `What follows the id is read by the agent's own Broca: animus ${command.name} <id> --help`;
  return [usageOf(command), '', command.summary, '', 'Examples:', ...examples, '', more].join('\n');
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map(async (load) => await load()));
  return [
    'animus <command> [arguments]',
    '',
    table(
      ['Command', ''],
      commands.map(({ name, summary }) => [name, summary]),
    ),
    '',
    'Ids may be shortened while they fit one agent only. Each command: --json, and --help with examples.',
    'Exit codes: 0 done, 1 not well or failed, 2 not understood, 3 no supervisor, 78 configuration.',
  ].join('\n');
}
