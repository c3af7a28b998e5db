/** What may stand where on a command line of `animus`, read from the commands' own data. */
import type { Command, DelegatedCommand, OptionSpec } from '../command.ts';

/** What the value of an option, or a word, may be. */
export type Kind = { kind: 'none' } | { kind: 'text' } | { kind: 'files' } | { kind: 'words'; words: readonly string[] };
export type Place = Kind | { kind: 'agents' /** What may stand there besides. */; words: readonly string[] };

export type OptionGrammar = { names: readonly string[]; value: Kind; description: string };

export type CommandGrammar = {
  name: string;
  summary: string;
  options: readonly OptionGrammar[];
  /** The words in their order. */
  places: readonly Place[];
  /** All further words. */
  rest: Place;
};

const NOTHING: Kind = { kind: 'none' };

export function grammarOf(command: Command | DelegatedCommand): CommandGrammar {
  return command.kind === 'delegated' ? ofDelegated(command) : ofOwn(command);
}

function ofOwn(command: Command): CommandGrammar {
  const places: Place[] = [];
  let rest: Place = NOTHING;
  for (const [name, { count, choices }] of Object.entries(command.arguments)) {
    const place = choices === undefined ? placeNamed(name, command.name, count) : ({ kind: 'words', words: choices } as const);
    if (count === 'many' || count === 'some') rest = place;
    else places.push(place);
  }
  const options = Object.entries(command.options).map(([name, option]) => ({
    names: option.short === undefined ? [`--${name}`] : [`--${name}`, `-${option.short}`],
    value: valueTaken(option),
    description: option.description,
  }));
  return {
    name: command.name,
    summary: command.summary,
    options: [...options, { names: ['--help', '-h'], value: NOTHING, description: 'Show this help' }],
    places,
    rest,
  };
}

/** An argument says by its name what it is, in every command alike. */
function placeNamed(name: string, command: string, count: string): Place {
  if (name === 'id') return { kind: 'agents', words: [] };
  if (name === 'ids') return { kind: 'agents', words: command === 'logs' ? ['supervisor'] : count === 'some' ? ['all'] : [] };
  return /^(file|folder|archive|backup)s?$/.test(name) ? { kind: 'files' } : NOTHING;
}

function valueTaken(option: OptionSpec): Kind {
  if (option.kind === 'flag') return { kind: 'none' };
  if (option.kind === 'text' && option.choices !== undefined) return { kind: 'words', words: option.choices };
  return /^(file|folder)$/i.test(option.placeholder) ? { kind: 'files' } : { kind: 'text' };
}

/** The agent, then what the usage names: `list|stats [options]`, `--attach FILE`. */
function ofDelegated({ name, summary, usage }: DelegatedCommand): CommandGrammar {
  const first = usage.split(' ')[0] ?? '';
  const subcommands = /^[a-z][a-z|-]*$/.test(first) ? first.split('|') : [];
  const named = [...usage.matchAll(/(--[a-z-]+)(?: ([A-Z]+))?/g)].map(([, option = '', value]): OptionGrammar => {
    const kind = value === undefined ? 'none' : value === 'FILE' ? 'files' : 'text';
    return { names: [option], value: { kind }, description: '' };
  });
  const common: OptionGrammar[] = [
    { names: ['--json'], value: NOTHING, description: 'Print JSON for programs' },
    { names: ['--help', '-h'], value: NOTHING, description: 'Show this help' },
  ];
  return {
    name,
    summary,
    options: [...named.filter(({ names }) => names[0] !== '--json'), ...common],
    places: [{ kind: 'agents', words: [] }, subcommands.length === 0 ? NOTHING : { kind: 'words', words: subcommands }],
    rest: NOTHING,
  };
}
