/**
 * Broca's log: events, not sentences, as JSON lines in `logs/broca.log`.
 *
 *     {"level":"info","time":"2026-11-23T21:57:00.123Z","event":"turn.settled","turn":7,"outcome":"answered"}
 *
 * pino makes the lines, redact.ts takes the secrets out, log-file.ts writes and rotates.
 */
import { join } from 'node:path';
import type { LogLevel } from 'animus-protocol';
import { pino } from 'pino';
import type { ChannelLog } from '../channel/channel.ts';
import { LogFile } from './log-file.ts';
import { createLineRedactor } from './redact.ts';

export type LogFields = Record<string, unknown>;
export type Log = ChannelLog & {
  trace(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  fatal(event: string, fields?: LogFields): void;
  /** What a plugin is given: each of its lines carries its name. */
  forPlugin(name: string): ChannelLog;
  setLevel(level: LogLevel): void;
  setSecrets(secrets: readonly string[]): void;
  setKeepDays(days: number): void;
  /** Why lines cannot be written now (disk full), for health; null when all is well. */
  fault(): string | null;
  close(): void;
};

export type LogOptions = {
  /** The agent's folder; the lines go to `logs/broca.log` in it. */
  folder: string;
  level: LogLevel;
  secrets: readonly string[];
  keepDays: number;
  /** ms since 1970. */
  now?: () => number;
  /** Bytes at which the file is rotated; 10 MB. */
  largest?: number;
};

/** Names that every line has; a field of the same name gets a "_" so that neither hides the other. */
const OWN_NAMES = new Set(['level', 'time', 'event', 'plugin']);

export function createLog({ folder, level, secrets, keepDays, now = Date.now, largest }: LogOptions): Log {
  const file = new LogFile({ path: join(folder, 'logs', 'broca.log'), keepDays, now, ...(largest === undefined ? {} : { largest }) });
  let redact = createLineRedactor(secrets);
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => file.write(redact(line)) },
  );
  const write =
    (at: LogLevel, plugin?: string) =>
    (event: string, fields: LogFields = {}): void => {
      if (logger.isLevelEnabled(at)) logger[at]({ event, ...(plugin === undefined ? {} : { plugin }), ...describeFields(fields) });
    };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    forPlugin: (name) => ({ info: write('info', name), warn: write('warn', name), error: write('error', name) }),
    setLevel: (next) => {
      logger.level = next;
    },
    setSecrets: (next) => {
      redact = createLineRedactor(next);
    },
    setKeepDays: (days) => {
      file.keepDays = days;
    },
    fault: () => file.fault,
    close: () => file.close(),
  };
}

/** Errors are written out. A plugin may hand over anything; a log line must not be what stops it. */
function describeFields(fields: LogFields): LogFields {
  try {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [OWN_NAMES.has(name) ? `${name}_` : name, describe(value)]));
  } catch (error) {
    return { fields: `could not be read: ${String(error)}` };
  }
}

function describe(value: unknown): unknown {
  return value instanceof Error ? pino.stdSerializers.errWithCause(value) : value;
}
