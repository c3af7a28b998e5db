/** `animus backup`: each chosen agent, one after the other, so that a fleet's backup costs one core at most. */
import path from 'node:path';
import { type AgentId, EXIT, type ExitCode, type FleetConfig, failed, ok, type Result } from 'animus-protocol';
import { type Encryption, parseEncryption } from '../../home/archive/encryption.ts';
import { type Backup, backupAgent } from '../../home/backup-agent.ts';
import { pruneBackups } from '../../home/backup-files.ts';
import type { HomePaths } from '../../home/paths.ts';
import { chooseAgents } from '../agents.ts';
import type { CliContext } from '../context.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { mark, type Screen, size } from '../render.ts';

export type BackupValues = { ids: readonly string[]; encrypt: string | null; to: string | null; keep: number | null; json: boolean };

type Outcome = { id: AgentId; ok: boolean; backup: Backup | null; removed: string[]; message: string };

export async function backUp(values: BackupValues, context: CliContext): Promise<ExitCode> {
  const { home, screen } = context;
  const refuse = (error: string, code: ExitCode): ExitCode => {
    screen.complain(error);
    return code;
  };
  const agents = chooseAgents(home.home, values.ids, true);
  if (!agents.ok) return refuse(agents.error, EXIT.failed);
  const config = readFleetConfig(home);
  if (!config.ok) return refuse(config.error, EXIT.configuration);
  const plan = await planBackup(values, config.value, home);
  if (!plan.ok) return refuse(plan.error, EXIT.usage);
  const interrupted = context.interruption();
  const outcomes: Outcome[] = [];
  for (const id of agents.value) {
    if (interrupted.aborted) break;
    const outcome = await backUpOne(id, plan.value, interrupted, context);
    outcomes.push(outcome);
    if (!values.json) tell(outcome, screen);
  }
  if (values.json) screen.printJson({ backups: outcomes.map(({ backup, ...rest }) => ({ ...rest, ...backup })) });
  else if (agents.value.length === 0) screen.print('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
  return !interrupted.aborted && outcomes.every((outcome) => outcome.ok) ? EXIT.done : EXIT.failed;
}

type Plan = { root: string; encryption: Encryption | null; keep: number | null };

/** What the command line does not say, `backup` in animus.config.json says. How many are kept it must say itself. */
async function planBackup(values: BackupValues, config: FleetConfig, home: HomePaths): Promise<Result<Plan, string>> {
  if (values.keep === 0) return failed('--keep 0 would delete every backup: keep at least 1');
  const how = values.encrypt ?? config.backup.encrypt ?? 'none';
  const encryption = how === 'none' ? ok(null) : await parseEncryption(how);
  if (!encryption.ok) return encryption;
  const to = values.to ?? (config.backup.to === null ? null : path.resolve(home.home, config.backup.to));
  return ok({ root: to === null ? home.backups : path.resolve(to), encryption: encryption.value, keep: values.keep });
}

async function backUpOne(
  id: AgentId,
  { root, encryption, keep }: Plan,
  signal: AbortSignal,
  { home, version, now }: CliContext,
): Promise<Outcome> {
  const request = { home: home.home, id, root, encryption, version, now: new Date(now()), signal };
  const backup = await backupAgent(request);
  if (!backup.ok) return { id, ok: false, backup: null, removed: [], message: backup.error };
  const removed = keep === null ? [] : pruneBackups(root, id, keep);
  return { id, ok: true, backup: backup.value, removed, message: describe(backup.value, removed) };
}

function describe({ file, bytes, skipped, hasSecrets, cloneFault }: Backup, removed: readonly string[]): string {
  const parts = [`${file} (${size(bytes)}${hasSecrets ? ', with its key' : ''})`];
  if (removed.length > 0) parts.push(`${removed.length} older ones deleted`);
  if (skipped.length > 0)
    parts.push(`left out, being links or oddly named: ${skipped.slice(0, 3).join(', ')}${skipped.length > 3 ? ' …' : ''}`);
  if (cloneFault !== null) parts.push(`what was edited in its clone is not in it: ${cloneFault}`);
  return parts.join('; ');
}

function tell({ id, ok: isDone, message }: Outcome, screen: Screen): void {
  const line = `${mark(screen, isDone)} ${id}: ${message}`;
  if (isDone) screen.print(line);
  else screen.complain(line);
}
