/** Log lines on the screen: time in the configured zone, who, how bad, what. */
import { indented, type Screen } from '../render.ts';
import { describeFields, type Level, type LogLine } from './line.ts';

/** `timezone` null is the machine's own. */
export function makeLineWriter(screen: Screen, timezone: string | null, names: readonly string[]): (line: LogLine) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...(timezone === null ? {} : { timeZone: timezone }),
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  const width = Math.max(0, ...names.map((name) => shortName(name).length));
  return (line) => {
    const time = line.at === 0 ? ' '.repeat(19) : format.format(line.at);
    const who = shortName(line.from).padEnd(width);
    const level = paintLevel(line.level, screen);
    return `${screen.paint('dim', time)} ${screen.paint('bold', who)} ${level} ${indented(describeFields(line))}`;
  };
}

/** The first block of a UUID tells agents apart; other names stay whole. */
function shortName(from: string): string {
  return /^agent-[0-9a-f]{8}-[0-9a-f]{4}-/.test(from) ? from.slice(0, 'agent-'.length + 8) : from;
}

function paintLevel(level: Level | null, screen: Screen): string {
  const text = (level ?? '-').toUpperCase().padEnd(5);
  if (level === 'error' || level === 'fatal') return screen.paint('red', text);
  return level === 'warn' ? screen.paint('yellow', text) : screen.paint('dim', text);
}
