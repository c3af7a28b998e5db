/** `animus backup verify`: what a restore would read is read into a throwaway place and looked at; nothing is changed. */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT, type ExitCode, failed, ok, parseEnvironment, parseSettings, type Result } from 'animus-protocol';
import type { Manifest } from '../../home/archive/manifest.ts';
import { readArchive } from '../../home/archive/read.ts';
import { isExpectedName } from '../../home/backup-agent.ts';
import { type DatabaseFacts, examineDatabase } from '../../home/database-facts.ts';
import { makePrivateFolder } from '../../home/modes.ts';
import { makeStage } from '../../home/stage.ts';
import type { CliContext } from '../context.ts';
import { mark, size } from '../render.ts';

type Values = { identity: string | null; json: boolean };

export type Opened = { manifest: Manifest; database: DatabaseFacts };

export async function verifyBackup(files: readonly string[], { identity, json }: Values, context: CliContext): Promise<ExitCode> {
  const { screen, home } = context;
  if (files.length === 0) {
    screen.complain('which backup? Write its file, as in: animus backup verify backups/20261201/agent-7216@030000.tar.gz');
    return EXIT.usage;
  }
  makePrivateFolder(home.backups);
  const outcomes: Record<string, unknown>[] = [];
  let isAllWell = true;
  for (const file of files) {
    using stage = makeStage(home.backups, 'verify');
    const opened = await openBackup(file, stage.folder, identity, context.interruption());
    isAllWell &&= opened.ok;
    outcomes.push(opened.ok ? { file, ok: true, ...summary(opened.value) } : { file, ok: false, message: opened.error });
    const line = `${mark(screen, opened.ok)} ${file}: ${opened.ok ? describe(opened.value) : opened.error}`;
    if (!json) (opened.ok ? screen.print : screen.complain)(line);
  }
  if (json) screen.printJson({ ok: isAllWell, backups: outcomes });
  return isAllWell ? EXIT.done : EXIT.failed;
}

/** Reads a backup into a folder and checks everything in it. */
export async function openBackup(
  file: string,
  folder: string,
  identity: string | null,
  signal: AbortSignal,
): Promise<Result<Opened, string>> {
  const read = await readArchive({ file: path.resolve(file), into: folder, identity, isExpected: isExpectedName, signal });
  if (!read.ok) return read;
  const database = examineDatabase(path.join(folder, 'animus.db'));
  if (database.faults.length > 0) return failed(`its database is damaged: ${database.faults.join('; ')}`);
  if (database.schema !== read.value.schema)
    return failed(`its database has schema ${database.schema}, and was said to have ${read.value.schema}`);
  const faults = [...settingsFaults(path.join(folder, 'settings.json')), ...environmentFaults(path.join(folder, '.env'))];
  return faults.length === 0 ? ok({ manifest: read.value, database }) : failed(`its configuration cannot be used: ${faults.join('; ')}`);
}

function settingsFaults(file: string): string[] {
  return fs.existsSync(file) ? errorsOf(parseSettings(fs.readFileSync(file, 'utf8')).problems) : [];
}

function environmentFaults(file: string): string[] {
  return fs.existsSync(file) ? errorsOf(parseEnvironment(fs.readFileSync(file, 'utf8')).problems) : [];
}

function errorsOf(problems: readonly { severity: string; file: string; key: string; message: string }[]): string[] {
  return problems.flatMap(({ severity, file, key, message }) => (severity === 'error' ? [`${file}: ${key}: ${message}`] : []));
}

function summary({ manifest, database }: Opened): Record<string, unknown> {
  const { agent, takenAt, animus, release, hasSecrets, isFinal, schema } = manifest;
  const { turns, open } = database;
  return { agent, takenAt, animus, release, hasSecrets, isFinal, schema, turns, open, files: Object.keys(manifest.files).length };
}

function describe({ manifest, database }: Opened): string {
  const { agent, takenAt, animus, hasSecrets, files } = manifest;
  const bytes = Object.values(files).reduce((sum, each) => sum + each.bytes, 0);
  const taken = new Date(takenAt).toISOString().replace('T', ' ').slice(0, 19);
  const turns = `${database.turns} turns, ${database.open} of them open`;
  return `whole. ${agent}, taken ${taken} UTC by Animus ${animus}; ${turns}; ${Object.keys(files).length} files, ${size(bytes)}${hasSecrets ? '; with its key' : ''}`;
}
