/**
 * Broca's log: events, not sentences, as JSON lines in `logs/broca.log`.
 *
 *     {"level":"info","time":"2026-11-23T21:57:00.123Z","event":"turn.settled","turn":7,"outcome":"answered"}
 *
 * pino makes the lines, redact.ts takes the secrets out, log-file.ts writes and rotates. pino takes 9 ms to
 * load, a third of a Broca's start, so it is loaded once Broca is ready (`load`). Until then lines are made
 * here: written as soon, redacted as well, and reading the same.
 */
import { join } from 'node:path';
import { LOG_LEVELS, type LogLevel } from 'animus-protocol';
import type { ChannelLog } from '../channel/channel.ts';
import { LogFile } from './log-file.ts';
import { createLineRedactor } from './redact.ts';
import type { LogKeep } from './rotation-policy.ts';

export type LogFields = Record<string, unknown>;
export type Log = ChannelLog & {
  trace(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  fatal(event: string, fields?: LogFields): void;
  /** What a plugin is given: each of its lines carries its name. */
  forPlugin(name: string): ChannelLog;
  /** Loads pino; call it once Broca is ready. Nothing depends on when, or whether, it is done. */
  load(): Promise<void>;
  setLevel(level: LogLevel): void;
  /** Adds to those known: a key that was replaced is still a secret, and in use until the restart. */
  addSecrets(secrets: readonly string[]): void;
  setKeep(keep: LogKeep): void;
  /** Why lines cannot be written now (disk full), for health; null when all is well. */
  fault(): string | null;
  close(): void;
};

export type LogOptions = {
  /** The agent's folder; the lines go to `logs/broca.log` in it. */
  folder: string;
  level: LogLevel;
  secrets: readonly string[];
  keep: LogKeep;
  /** ms since 1970. */
  now?: () => number;
  /** Bytes at which the file is rotated; 10 MB. */
  largest?: number;
};

/** Writes one event; it looks at the level no more. */
type EventWriter = (level: LogLevel, fields: LogFields) => void;

/** Names that every line has; a field of the same name gets a "_" so that neither hides the other. */
const OWN_NAMES = new Set(['level', 'time', 'event', 'plugin']);
/** Causes of causes of an error that are written out. */
const DEEPEST_CAUSE = 5;

export function createLog({ folder, level, secrets, keep, now = Date.now, largest }: LogOptions): Log {
  const file = new LogFile({ path: join(folder, 'logs', 'broca.log'), keep, now, ...(largest === undefined ? {} : { largest }) });
  const known = new Set(secrets);
  let redact = createLineRedactor(secrets);
  let lowest = LOG_LEVELS.indexOf(level);
  const writeLine = (line: string): void => file.write(redact(line));
  let writeEvent = createPlainWriter(now, writeLine);
  const write =
    (at: LogLevel, plugin?: string) =>
    (event: string, fields: LogFields = {}): void => {
      if (LOG_LEVELS.indexOf(at) >= lowest)
        writeEvent(at, { event, ...(plugin === undefined ? {} : { plugin }), ...describeFields(fields) });
    };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    forPlugin: (name) => ({ info: write('info', name), warn: write('warn', name), error: write('error', name) }),
    load: async () => {
      try {
        writeEvent = await createPinoWriter(now, writeLine);
      } catch (error) {
        write('warn')('log.plain', { error });
      }
    },
    setLevel: (next) => {
      lowest = LOG_LEVELS.indexOf(next);
    },
    addSecrets: (next) => {
      for (const secret of next) known.add(secret);
      redact = createLineRedactor([...known]);
    },
    setKeep: (next) => {
      file.keep = next;
    },
    fault: () => file.fault,
    close: () => file.close(),
  };
}

async function createPinoWriter(now: () => number, write: (line: string) => void): Promise<EventWriter> {
  const { pino } = await import('./pino.ts');
  const options = {
    level: 'trace',
    base: null,
    timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const logger = pino(options, { write });
  return (level, fields) => logger[level](fields);
}

function createPlainWriter(now: () => number, write: (line: string) => void): EventWriter {
  return (level, fields) => {
    const head = { level, time: new Date(now()).toISOString() };
    let line: string;
    try {
      line = JSON.stringify({ ...head, ...fields });
    } catch (error) {
      line = JSON.stringify({ ...head, event: fields['event'], fields: `could not be written: ${String(error)}` });
    }
    write(`${line}\n`);
  };
}

/** Errors are written out. A plugin may hand over anything; a log line must not be what stops it. */
function describeFields(fields: LogFields): LogFields {
  try {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [OWN_NAMES.has(name) ? `${name}_` : name, describe(value, 0)]));
  } catch (error) {
    return { fields: `could not be read: ${String(error)}` };
  }
}

/** No more of an error than this: what libraries hang on theirs (requests, headers) is theirs to keep. */
function describe(value: unknown, depth: number): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  const code = 'code' in value ? { code: value.code } : {};
  const causes = cause === undefined || depth === DEEPEST_CAUSE ? {} : { cause: describe(cause, depth + 1) };
  return { type: name, message, ...code, stack, ...causes };
}
