/**
 * What a command of `animus` is: data (name, arguments, options, examples) and a handler. The parser and the help
 * both read the data; the handler gets values that were checked against it.
 */
import type { ExitCode } from 'animus-protocol';
import type { CliContext } from './context.ts';

/** `some` is one or more; the command itself says what is missing. `choices`: the words that may stand there. */
export type ArgumentSpec = { count: 'one' | 'maybe' | 'many' | 'some'; description: string; choices?: readonly string[] };

export type OptionSpec =
  | { kind: 'flag'; short?: string; description: string }
  | { kind: 'text'; short?: string; placeholder: string; description: string; choices?: readonly string[] }
  /** A whole number, 0 or more. */
  | { kind: 'number'; short?: string; placeholder: string; description: string };

export type ArgumentSpecs = Record<string, ArgumentSpec>;
export type OptionSpecs = Record<string, OptionSpec>;

export type Example = { line: string; effect: string };

/** Names as in the specs; an option or argument that was not given is null, false or empty. */
export type InputValue = string | number | boolean | null | readonly string[];
export type Input = Readonly<Record<string, InputValue>>;

export type ArgumentValue<A extends ArgumentSpec> = A['count'] extends 'many' | 'some'
  ? readonly string[]
  : A['count'] extends 'one'
    ? string
    : string | null;
export type OptionValue<O extends OptionSpec> = O['kind'] extends 'flag'
  ? boolean
  : O['kind'] extends 'number'
    ? number | null
    : string | null;
export type Values<A extends ArgumentSpecs, O extends OptionSpecs> = { readonly [K in keyof A]: ArgumentValue<A[K]> } & {
  readonly [K in keyof O]: OptionValue<O[K]>;
} & { readonly json: boolean };

export type CommandSpec<A extends ArgumentSpecs, O extends OptionSpecs> = {
  name: string;
  summary: string;
  arguments: A;
  options: O;
  examples: readonly Example[];
  run(values: Values<A, O>, context: CliContext): Promise<ExitCode>;
};

export type Command = {
  kind: 'own';
  name: string;
  /** One line for the list of commands. */
  summary: string;
  arguments: ArgumentSpecs;
  options: OptionSpecs;
  examples: readonly Example[];
  run(input: Input, context: CliContext): Promise<ExitCode>;
};

/** A command that the agent's own Broca understands: everything after the id goes to it as it is. */
export type DelegatedCommand = {
  kind: 'delegated';
  name: string;
  summary: string;
  /** What may follow the id. */
  usage: string;
  examples: readonly Example[];
};

const JSON_OPTION: OptionSpec = { kind: 'flag', description: 'Print JSON for programs' };

/** Every command of ours has --json. */
export function defineCommand<const A extends ArgumentSpecs, const O extends OptionSpecs>(spec: CommandSpec<A, O>): Command {
  const { name, summary, examples } = spec;
  return {
    kind: 'own',
    name,
    summary,
    arguments: spec.arguments,
    options: { ...spec.options, json: JSON_OPTION },
    examples,
    // Both parsers give exactly what the specs ask for; a test holds them to it.
    run: async (input, context) => await spec.run(input as Values<A, O>, context),
  };
}

/** `animus deploy <id> <endpoint> [key] [options]` */
export function usageOf(command: Command | DelegatedCommand): string {
  if (command.kind === 'delegated') return `animus ${command.name} <id> ${command.usage}`;
  const names = Object.entries(command.arguments).map(([name, { count }]) =>
    count === 'one' ? `<${name}>` : count === 'maybe' ? `[${name}]` : count === 'some' ? `<${name}…>` : `[${name}…]`,
  );
  return ['animus', command.name, ...names, '[options]'].join(' ');
}
