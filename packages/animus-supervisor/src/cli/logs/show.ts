/** Log lines on the screen: time in the configured zone, who, how bad, what. */
import { indented, type Screen } from '../render.ts';
import { describeFields, type Level, type LogLine } from './line.ts';

/** `timezone` null is the machine's own. `describe` says what a line tells. */
export function makeLineWriter(
  screen: Screen,
  timezone: string | null,
  names: readonly string[],
  describe: (line: LogLine) => string = describeFields,
): (line: LogLine) => string {
  const time = makeTimeWriter(timezone);
  const width = Math.max(0, ...names.map((name) => shortName(name).length));
  return (line) => {
    const at = line.at === 0 ? ' '.repeat(19) : time(line.at);
    const who = shortName(line.from).padEnd(width);
    const level = paintLevel(line.level, screen);
    return `${screen.paint('dim', at)} ${screen.paint('bold', who)} ${level} ${indented(describe(line))}`;
  };
}

/** `2026-11-23 19:30:00` of an instant, in ms of the epoch. `timezone` null is the machine's own. */
export function makeTimeWriter(timezone: string | null): (at: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...(timezone === null ? {} : { timeZone: timezone }),
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  return (at) => format.format(at);
}

/** The first block of a UUID tells agents apart; other names stay whole. */
export function shortName(from: string): string {
  return /^agent-[0-9a-f]{8}-[0-9a-f]{4}-/.test(from) ? from.slice(0, 'agent-'.length + 8) : from;
}

function paintLevel(level: Level | null, screen: Screen): string {
  const text = (level ?? '-').toUpperCase().padEnd(5);
  if (level === 'error' || level === 'fatal') return screen.paint('red', text);
  return level === 'warn' ? screen.paint('yellow', text) : screen.paint('dim', text);
}
