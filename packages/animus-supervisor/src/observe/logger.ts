/** Writes events to `logs/supervisor.log`, one JSON line each, at once: what happened last before a crash is what matters. */
import { renameSync, statSync } from 'node:fs';
import type { LogLevel } from 'animus-protocol';
import { pino } from 'pino';
import { describeEvent, type FleetEvent, levelOf } from './event.ts';

export type EventLog = {
  write(event: FleetEvent): void;
  setLevel(level: LogLevel): void;
};

/** The log is set aside as `.1` beyond this: two files are all that a supervisor ever leaves. */
const LONGEST_LOG = 10 * 1024 * 1024;

export function openEventLog(file: string): EventLog {
  setAside(file);
  const destination = pino.destination({ dest: file, sync: true, append: true, mode: 0o600, mkdir: true });
  const logger = pino({ base: null, level: 'info', timestamp: () => `,"time":"${new Date().toISOString()}"` }, destination);
  let sinceLook = 0;
  return {
    write(event) {
      logger[levelOf(event)](event, describeEvent(event));
      sinceLook += 1;
      if (sinceLook < 1_000) return;
      sinceLook = 0;
      if (setAside(file)) destination.reopen();
    },
    setLevel(level) {
      logger.level = level;
    },
  };
}

function setAside(file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || stat.size < LONGEST_LOG) return false;
  renameSync(file, `${file}.1`);
  return true;
}
