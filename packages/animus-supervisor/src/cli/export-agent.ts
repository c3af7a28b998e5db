/** `animus export`: one agent as one file, to be imported elsewhere; with --move it is here no more. */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, failed, ok, type Result } from 'animus-protocol';
import { takeHomeLock } from '../fleet/lock.ts';
import { parseEncryption, suffixOf } from '../home/archive/encryption.ts';
import { archiveAgent } from '../home/backup.ts';
import { type Backup, backupAgent, isSessionName } from '../home/backup-agent.ts';
import { backupName, type Stamp, stampOf } from '../home/backup-files.ts';
import { makePrivateFolder } from '../home/modes.ts';
import { agentPaths } from '../home/paths.ts';
import { recordFiles, removeRecord } from '../worker/record.ts';
import { ask } from './client.ts';
import type { CliContext } from './context.ts';
import { stopAgent } from './stop-agent.ts';
import { asOnlyUpdate } from './switch-agent.ts';

export type ExportOrder = { id: AgentId; to: string | null; encrypt: string | null; isMove: boolean };

export type Exported = Backup & {
  /** Where the folder of an agent that moved is kept; null of one that stays. */
  kept: string | null;
};

export async function exportAgent(order: ExportOrder, context: CliContext): Promise<Result<Exported, string>> {
  const { id, encrypt } = order;
  const { home, version, now, screen } = context;
  const encryption = encrypt === null ? ok(null) : await parseEncryption(encrypt);
  if (!encryption.ok) return encryption;
  const file = chooseFile(order, suffixOf(encryption.value), stampOf(new Date(now()), home.home));
  if (!file.ok) return file;
  const sessions = encryption.value === null ? findSessions(agentPaths(home.home, id).run) : [];
  if (order.isMove && sessions.length > 0) {
    return failed(
      `${id} has a login (${sessions.join(', ')}) that only an encrypted export takes along: add --encrypt age:<recipient> or gpg:<recipient>`,
    );
  }
  makePrivateFolder(home.backups);
  const request = {
    home: home.home,
    id,
    root: home.backups,
    encryption: encryption.value,
    version,
    now: new Date(now()),
    signal: context.interruption(),
  };
  // A database between two releases, or a clone between two commits, is no state to take elsewhere.
  return await asOnlyUpdate(id, context, async () => {
    screen.complain(screen.paint('dim', 'exporting …'));
    if (order.isMove) return await move({ ...request, export: { file: file.value, isFinal: true } }, context);
    const exported = await backupAgent({ ...request, export: { file: file.value, isFinal: false } });
    return exported.ok ? ok({ ...exported.value, kept: null }) : exported;
  });
}

/** Stopped here before the file is there: killed at any moment, it is stopped here, and runs nowhere twice by itself. */
async function move(request: Parameters<typeof backupAgent>[0], context: CliContext): Promise<Result<Exported, string>> {
  const { home } = context;
  const { id } = request;
  const stopped = await stopAgent(home, id);
  if (!stopped.ok) return stopped;
  const agent = agentPaths(home.home, id);
  const lock = takeHomeLock(agent.lock);
  if (lock === null) return failed(`the folder of ${id} is in use: its Broca runs, or another command works on it`);
  const exported = await backupAgent(request);
  if (!exported.ok) {
    lock.release();
    const again = stopped.value.ran ? await ask(home.socket, { kind: 'start', agent: id }, { timeoutMs: null }) : null;
    return failed(again === null || again.ok ? exported.error : `${exported.error}\nIt is stopped: animus start ${id}`);
  }
  const kept = await archiveAgent(home.home, id, request.now, lock);
  if (!kept.ok)
    return failed(`${exported.value.file} is written, but ${id} could not be taken out of this home and is stopped here: ${kept.error}`);
  await ask(home.socket, { kind: 'rescan' }, { timeoutMs: 10_000 });
  removeRecord(recordFiles(home.runAgents, id));
  return ok({ ...exported.value, kept: kept.value });
}

/** A folder gets a name made for it. */
function chooseFile({ id, to }: ExportOrder, suffix: string, stamp: Stamp): Result<string, string> {
  const wanted = path.resolve(to ?? '.');
  const isFolder = fs.statSync(wanted, { throwIfNoEntry: false })?.isDirectory() === true;
  const file = isFolder ? path.join(wanted, backupName(wanted, id, stamp, suffix).replace('@', `@${stamp.day}-`)) : wanted;
  if (!fs.existsSync(path.dirname(file))) return failed(`there is no folder ${path.dirname(file)}: make it first`);
  return fs.existsSync(file) ? failed(`${file} is there already: move it away, or choose another name with --to`) : ok(file);
}

function findSessions(run: string): string[] {
  const names = fs.existsSync(run) ? fs.readdirSync(run) : [];
  return names.map((name) => `run/${name}`).filter(isSessionName);
}
