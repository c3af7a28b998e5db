/** The tables that the shells' completion (shell/) reads, in each shell's own words. */
import type { CommandGrammar, Kind, Place } from './grammar.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** `program` is the shell's file from shell/. */
export function completionScript(shell: Shell, program: string, commands: readonly CommandGrammar[]): string {
  if (shell === 'fish') return `${program}\n${fishTables(commands)}`;
  const head = shell === 'zsh' ? '#compdef animus\n' : '';
  return `${head}${posixTables(commands)}\n${program}`;
}

/** Functions that bash and zsh both understand. */
function posixTables(commands: readonly CommandGrammar[]): string {
  const list = commands.map(({ name, summary }) => quoted(`${name}\t${summary}`));
  const options = commands.map(({ name, options: all }) => {
    const lines = all.flatMap(({ names, value, description }) =>
      names.map((each) => quoted(`${each}\t${valueWord(value)}\t${description}`)),
    );
    return `    ${name}) ${printing(lines)} ;;`;
  });
  const places = commands.flatMap(({ name, places: all, rest }) => [
    ...all.map((place, at) => `    ${name}:${at}) ${printing([quoted(placeWord(place))])} ;;`),
    `    ${name}:*) ${printing([quoted(placeWord(rest))])} ;;`,
  ]);
  return [
    `_animus_commands() {\n  ${printing(list)}\n}`,
    `_animus_options() {\n  case $1 in\n${options.join('\n')}\n  esac\n}`,
    `_animus_place() {\n  case $1:$2 in\n    help:0) _animus_words=$(_animus_commands | cut -f1 | tr '\\n' ' ') && ${printing(['"words $_animus_words"'])} ;;\n${places.join('\n')}\n  esac\n}`,
  ].join('\n');
}

function printing(words: readonly string[]): string {
  return `printf '%s\\n' ${words.join(' ')}`;
}

function valueWord(value: Kind): string {
  if (value.kind === 'none') return '-';
  return value.kind === 'words' ? value.words.join(' ') : value.kind;
}

function placeWord(place: Place): string {
  return place.kind === 'words' || place.kind === 'agents' ? [place.kind, ...place.words].join(' ') : place.kind;
}

function fishTables(commands: readonly CommandGrammar[]): string {
  const first = '-n __fish_use_subcommand';
  const lines = commands.map(({ name, summary }) => `complete -c animus ${first} -a ${name} -d ${fishQuoted(summary)}`);
  lines.push(`complete -c animus ${first} -a help -d ${fishQuoted('Show the help of a command')}`);
  lines.push(`complete -c animus -n '__animus_at help 0' -a ${fishQuoted(commands.map(({ name }) => name).join(' '))}`);
  for (const command of commands) lines.push(...fishOptions(command), ...fishPlaces(command));
  return `${lines.join('\n')}\n`;
}

function fishOptions({ name, options }: CommandGrammar): string[] {
  return options.map(({ names, value, description }) => {
    const [long = '', short] = names;
    const words = [`complete -c animus -n '__fish_seen_subcommand_from ${name}' -l ${long.slice(2)}`];
    if (short !== undefined) words.push(`-s ${short.slice(1)}`);
    if (value.kind === 'files') words.push('-r -F');
    if (value.kind === 'text') words.push('-x');
    if (value.kind === 'words') words.push(`-x -a ${fishQuoted(value.words.join(' '))}`);
    if (description !== '') words.push(`-d ${fishQuoted(description)}`);
    return words.join(' ');
  });
}

function fishPlaces({ name, options, places, rest }: CommandGrammar): string[] {
  const valued = options.filter(({ value }) => value.kind !== 'none').flatMap(({ names }) => names);
  const all = [
    ...places.map((place, at) => ({ place, at: String(at) })),
    { place: rest, at: places.length === 0 ? 'any' : String(places.length) },
  ];
  return all.flatMap(({ place, at }) => {
    const where = `complete -c animus -n ${fishQuoted(['__animus_at', name, at, ...valued].join(' '))}`;
    if (place.kind === 'files') return [`${where} -F`];
    if (place.kind === 'words') return [`${where} -a ${fishQuoted(place.words.join(' '))}`];
    if (place.kind === 'agents') return [`${where} -a ${fishQuoted(['(__animus_agents)', ...place.words].join(' '))}`];
    return [];
  });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
