/** Cron expressions, as `backup.schedule` holds them. croner reads them: no dependencies, and the zone's changes of clock are in it. */
import { failed, ok, type Result } from 'animus-protocol';
import { Cron } from 'croner';

/** ms of the epoch. */
export type NextAfter = (at: number) => number;

const CRON_HELP = 'write minute, hour, day, month and weekday, as in "0 3 * * *" (every night at three)';

/**
 * When an expression comes next after an instant, in `timezone` (null: the machine's own). An hour that the clock skips
 * comes right after the gap; one that it has twice comes once. The error says what is wrong with the expression.
 */
export function readCron(expression: string, timezone: string | null): Result<NextAfter, string> {
  try {
    const cron = new Cron(expression, { mode: '5-part', paused: true, ...(timezone === null ? {} : { timezone }) });
    const next = (at: number): number | null => cron.nextRun(new Date(at))?.getTime() ?? null;
    if (next(Date.now()) === null) return failed(`${JSON.stringify(expression)} never comes: ${CRON_HELP}`);
    return ok((at) => next(at) ?? Number.POSITIVE_INFINITY);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failed(`${JSON.stringify(expression)} is no cron expression (${why}): ${CRON_HELP}`);
  }
}
