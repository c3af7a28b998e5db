/** `animus backup --schedule`: one key of animus.config.json, which the supervisor reads at once; and what it says now. */
import fs from 'node:fs';
import { type BackupReport, EXIT, type ExitCode, type FleetConfig, failed, ok, type Result, setJsonValue } from 'animus-protocol';
import { FILE_MODE } from '../../home/modes.ts';
import type { HomePaths } from '../../home/paths.ts';
import { readCron } from '../../schedule/cron.ts';
import type { CliContext } from '../context.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { makeTimeWriter } from '../logs/show.ts';
import { readText } from '../read-text.ts';
import { askStatus } from '../supervisor.ts';

export type ScheduleValues = { ids: readonly string[]; schedule: string | null; json: boolean };

const PATIENCE_MS = 2_000;

export async function scheduleBackups({ ids, schedule, json }: ScheduleValues, context: CliContext): Promise<ExitCode> {
  const { home, screen } = context;
  const refuse = (error: string, code: ExitCode): ExitCode => {
    screen.complain(error);
    return code;
  };
  const words = ids.filter((word) => word !== 'schedule');
  if (words.length > 0) return refuse(`a schedule backs up every agent: leave ${words.join(' ')} out`, EXIT.usage);
  const config = readFleetConfig(home);
  if (!config.ok) return refuse(config.error, EXIT.configuration);
  const { timezone } = config.value;
  const wanted = schedule === null ? config.value.backup.schedule : schedule === 'off' ? null : schedule;
  const cron = wanted === null ? ok(null) : readCron(wanted, timezone);
  if (!cron.ok) return refuse(cron.error, schedule === null ? EXIT.configuration : EXIT.usage);
  if (schedule !== null) {
    const written = writeSchedule(home, wanted);
    if (!written.ok) return refuse(written.error, EXIT.failed);
  }
  const reply = await askStatus(home.socket, PATIENCE_MS);
  // A supervisor reads a file that was just written a moment later: what it reports is the last backup, not the next.
  const report = reply.ok ? (reply.value.supervisor.backup ?? null) : null;
  const nextAt = cron.value === null ? null : cron.value(context.now());
  if (json) screen.printJson({ schedule: wanted, timezone, nextAt, isSupervised: reply.ok, last: report });
  else for (const line of describe({ wanted, nextAt, report, isSupervised: reply.ok }, config.value)) screen.print(line);
  return EXIT.done;
}

type Shown = { wanted: string | null; nextAt: number | null; report: BackupReport | null; isSupervised: boolean };

function describe({ wanted, nextAt, report, isSupervised }: Shown, { timezone, backup }: FleetConfig): string[] {
  if (wanted === null || nextAt === null) return ['nothing is scheduled; as in: animus backup --schedule "0 3 * * *"'];
  const time = makeTimeWriter(timezone);
  const lines = [`scheduled: ${wanted}, next at ${time(nextAt)}; the newest ${backup.keep} of each agent are kept`];
  if (!isSupervised) lines.push('no supervisor runs: backups are made while one does, and a missed one at its start');
  if (report?.isRunning === true) lines.push('one is being made now');
  if (report?.lastGoodAt != null) lines.push(`last: ${time(report.lastGoodAt)}`);
  if (report?.failure != null) lines.push(report.failure);
  return lines;
}

function writeSchedule(home: HomePaths, schedule: string | null): Result<null, string> {
  const by = `set "backup": { "schedule": ${JSON.stringify(schedule)} } in ${home.config} by hand`;
  const changed = setJsonValue(readText(home.config) ?? '{}\n', ['backup', 'schedule'], schedule);
  if (!changed.ok) return failed(`${changed.error}; ${by}`);
  try {
    // Where it is a link to a file kept elsewhere, that file is changed.
    const file = fs.existsSync(home.config) ? fs.realpathSync(home.config) : home.config;
    const temporary = `${file}.${process.pid}.new`;
    fs.writeFileSync(temporary, changed.value, { mode: fs.statSync(file, { throwIfNoEntry: false })?.mode ?? FILE_MODE });
    fs.renameSync(temporary, file);
    return ok(null);
  } catch (error) {
    return failed(`${error instanceof Error ? error.message : String(error)}; ${by}`);
  }
}
