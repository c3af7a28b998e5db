/** One line of a log: read, chosen and shown. Brocas and the supervisor write JSON lines `{"level","time","event",…}`. */

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof LEVELS)[number];

export type LogLine = {
  /** Who wrote it: an agent's id, or `supervisor`. */
  from: string;
  /** ms of the epoch. A line that does not say has the time of the one before it. */
  at: number;
  /** Null for a line that is no event of ours (a stack trace of Node's). */
  level: Level | null;
  raw: string;
  /** The parsed line without time and level; null where it is no JSON object. */
  fields: Record<string, unknown> | null;
};

export type LineFilter = {
  /** Only at or after this, in ms of the epoch. */
  since: number | null;
  /** Only before this, in ms of the epoch. */
  until: number | null;
  /** Only this level and worse. */
  level: Level | null;
  /** Only lines that hold this, in any case of letters. */
  grep: string | null;
  /** What else is asked of it. */
  fits?: (line: LogLine) => boolean;
};

export const EVERYTHING: LineFilter = { since: null, until: null, level: null, grep: null };

/** pino's numbers, as other programs of the same log write levels. */
const NUMBERS: Readonly<Record<number, Level>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/** A line says when it was written as `time`; a kept event as `at`. */
export function readLine(from: string, raw: string, before: number): LogLine {
  const parsed = raw.startsWith('{') ? parseObject(raw) : null;
  if (parsed === null) return { from, at: before, level: null, raw, fields: null };
  const { time, level, ...fields } = parsed;
  const when = time ?? fields['at'];
  const at = typeof when === 'number' ? when : typeof when === 'string' ? Date.parse(when) : Number.NaN;
  return { from, at: Number.isNaN(at) ? before : at, level: readLevel(level), raw, fields };
}

export function isChosen(line: LogLine, { since, until, level, grep, fits }: LineFilter): boolean {
  if (since !== null && line.at < since) return false;
  if (until !== null && line.at >= until) return false;
  if (level !== null && (line.level === null || LEVELS.indexOf(line.level) < LEVELS.indexOf(level))) return false;
  if (grep !== null && !line.raw.toLowerCase().includes(grep.toLowerCase())) return false;
  return fits === undefined || fits(line);
}

/** `event key=value …`, or the line as it is. A stack stays readable on lines of its own. */
export function describeFields(line: LogLine): string {
  if (line.fields === null) return line.raw;
  const { event, msg, err, kind, agent, ...fields } = line.fields;
  // The supervisor's events say the whole in their sentence; the rest is for programs (--json).
  const isSentence = typeof msg === 'string' && typeof kind === 'string';
  const words = [event, isSentence && typeof agent === 'string' ? `${agent}:` : null, msg].filter((word) => typeof word === 'string');
  const rest = isSentence ? {} : { ...(kind === undefined ? {} : { kind }), ...(agent === undefined ? {} : { agent }), ...fields };
  for (const [name, value] of Object.entries(rest))
    words.push(`${name}=${typeof value === 'string' && !/[\s"]/.test(value) ? value : JSON.stringify(value)}`);
  if (err !== undefined) words.push(describeError(err));
  return words.join(' ');
}

function describeError(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    if ('stack' in value && typeof value.stack === 'string') return `\n${value.stack}`;
    if ('message' in value && typeof value.message === 'string') return value.message;
  }
  return JSON.stringify(value);
}

function readLevel(level: unknown): Level | null {
  if (typeof level === 'number') return NUMBERS[level] ?? null;
  return LEVELS.find((each) => each === level) ?? null;
}

function parseObject(raw: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(raw);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null;
  } catch {
    return null;
  }
}
