/** Writes events to `logs/supervisor.log`, one JSON line each, as far as the configured level lets them. */
import type { LogLevel } from 'animus-protocol';
import { pino } from 'pino';
import { BoundedFile } from './bounded-file.ts';
import { describeEvent, type FleetEvent, levelOf } from './event.ts';

export type EventLog = {
  write(event: FleetEvent): void;
  setLevel(level: LogLevel): void;
};

/** The log is set aside as `.1` beyond this. */
const LONGEST_LOG = 10 * 1024 * 1024;

export function openEventLog(path: string): EventLog {
  // Not pino's own destination: it throws when the disk is full, which would end the supervisor.
  const file = new BoundedFile(path, LONGEST_LOG);
  const destination = { write: (line: string): void => void file.append(line) };
  const logger = pino({ base: null, level: 'info', timestamp: () => `,"time":"${new Date().toISOString()}"` }, destination);
  return {
    write: (event) => logger[levelOf(event)](event, describeEvent(event)),
    setLevel(level) {
      logger.level = level;
    },
  };
}
