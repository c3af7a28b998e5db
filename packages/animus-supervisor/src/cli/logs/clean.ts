/** `animus logs clean`: removes rotated logs as `logs.keep_days` and `logs.keep_megabytes` say, or by age. */
import fs from 'node:fs';
import path from 'node:path';
import {
  type AgentId,
  codeOf,
  EXIT,
  type ExitCode,
  failed,
  LOG_KEEP_MEGABYTES,
  ok,
  parseFleetConfig,
  parseFleetDefaults,
  type Result,
  readBrocaConfig,
  readConfigFile,
} from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';
import { chooseAgents, missingHome } from '../agents.ts';
import type { CliContext } from '../context.ts';
import { size } from '../render.ts';
import { type Bounds, listToClean, type RotatedFile } from './clean-policy.ts';
import { type LogSource, listRotated } from './files.ts';
import { readInstant } from './filter.ts';
import { agentLog, agentOutput, SUPERVISOR, supervisorLog } from './sources.ts';

export type CleanValues = { 'older-than': string | null; 'dry-run': boolean; json: boolean };

type Cleaned = { from: string; files: RotatedFile[]; faults: string[] };

const DAY_MS = 24 * 60 * 60 * 1000;
const MEGABYTE = 1024 * 1024;

export function cleanLogs(words: readonly string[], values: CleanValues, context: CliContext): ExitCode {
  const { screen, home, now } = context;
  const missing = missingHome(home.home);
  if (missing !== null) {
    screen.complain(missing);
    return EXIT.failed;
  }
  const { text } = readConfigFile(home.config, 'shared');
  const { config } = parseFleetConfig(text);
  const older = values['older-than'];
  const before = older === null ? null : readInstant(older, now(), config.timezone);
  if (older !== null && (before === null || before > now())) {
    screen.complain(`--older-than takes a span as in 12h or 7d, or a date that is past, not ${JSON.stringify(older)}`);
    return EXIT.usage;
  }
  const isAll = words.length === 0 || words.includes('all');
  const names = words.filter((word) => word !== SUPERVISOR);
  const chosen = isAll || names.length > 0 ? chooseAgents(home.home, names, true) : ok<AgentId[]>([]);
  if (!chosen.ok) {
    screen.complain(chosen.error);
    return EXIT.failed;
  }
  const given = before === null ? null : { before, bytes: null };
  const cleaned = chosen.value.map((id) => {
    const bounds = given === null ? boundsOfAgent(home, id, now()) : ok(given);
    return clean(id, [agentLog(home, id), agentOutput(home, id)], bounds, values['dry-run']);
  });
  if (isAll || words.includes(SUPERVISOR)) {
    const megabytes = parseFleetDefaults(text).logs.keep_megabytes ?? LOG_KEEP_MEGABYTES;
    const bounds = given ?? { before: now() - config.logs.keepDays * DAY_MS, bytes: megabytes * MEGABYTE };
    const sources = [supervisorLog(home), { from: SUPERVISOR, file: home.eventsLog }];
    cleaned.push(clean(SUPERVISOR, sources, ok(bounds), values['dry-run']));
  }
  report(cleaned, values, context);
  return cleaned.every(({ faults }) => faults.length === 0) ? EXIT.done : EXIT.failed;
}

function boundsOfAgent({ home }: HomePaths, id: AgentId, now: number): Result<Bounds, string> {
  const { config } = readBrocaConfig(agentPaths(home, id).folder);
  if (config !== null) return ok({ before: now - config.logKeepDays * DAY_MS, bytes: config.logKeepBytes });
  return failed(
    `its configuration cannot be used, so how long logs are kept is not known: animus config validate ${id}, or say --older-than`,
  );
}

function clean(from: string, sources: readonly LogSource[], bounds: Result<Bounds, string>, isDry: boolean): Cleaned {
  if (!bounds.ok) return { from, files: [], faults: [bounds.error] };
  const files: RotatedFile[] = [];
  const faults: string[] = [];
  for (const source of sources) {
    const folder = path.dirname(source.file);
    // An agent can write its folder: a link there must not lead us to others' files.
    if (fs.lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) continue;
    for (const rotated of listToClean(rotatedOf(source), bounds.value)) {
      const fault = isDry ? null : remove(rotated.file);
      if (fault === null) files.push(rotated);
      else faults.push(fault);
    }
  }
  return { from, files, faults };
}

function rotatedOf(source: LogSource): RotatedFile[] {
  const live = fs.lstatSync(source.file, { throwIfNoEntry: false })?.ino;
  return listRotated(source).flatMap(({ file }) => {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.ino !== live ? [{ file, bytes: stat.size, at: stat.mtimeMs }] : [];
  });
}

function remove(file: string): string | null {
  try {
    fs.rmSync(file, { force: true });
    return null;
  } catch (error) {
    return `${file} cannot be removed (${codeOf(error)})`;
  }
}

function report(cleaned: readonly Cleaned[], values: CleanValues, { screen }: CliContext): void {
  const isDry = values['dry-run'];
  const bytes = (files: readonly RotatedFile[]): number => files.reduce((sum, file) => sum + file.bytes, 0);
  const all = cleaned.flatMap(({ files }) => files);
  if (values.json) {
    const logs = cleaned.map(({ from, files, faults }) => ({ from, bytes: bytes(files), files: files.map(({ file }) => file), faults }));
    screen.printJson({ dryRun: isDry, bytes: bytes(all), logs });
    return;
  }
  const verb = isDry ? 'would free' : 'freed';
  const count = (files: readonly RotatedFile[]): string => `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  for (const { from, files, faults } of cleaned) {
    if (files.length > 0) screen.print(`${from}: ${verb} ${size(bytes(files))} (${count(files)})`);
    for (const fault of faults) screen.complain(`${from}: ${fault}`);
  }
  screen.print(all.length === 0 ? 'there is nothing to remove' : `${verb} ${size(bytes(all))} in all (${count(all)})`);
}
