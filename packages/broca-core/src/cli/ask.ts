/**
 * Runs one command: by the Broca that runs in the folder, or, when none runs, here with the folder's
 * lock taken, so that two never work on one database.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failed, ok, type Result, unreachable } from 'animus-protocol';
import { type CommandName, FILES_COMMANDS, type FilesCommandName, STORE_COMMANDS, type StoreCommandName } from '../commands/commands.ts';
import { folderFault } from '../folder-fault.ts';
import { isUpdating } from '../lifecycle/probation.ts';
import { describeDoubt, putInDoubt } from '../store/damage/doubt.ts';
import { type FolderLock, takeLock } from '../store/lock.ts';
import { describeOpenFault, openStore } from '../store/open.ts';
import { type Answer, type BrocaClient, type ConnectFault, connectToBroca } from './client.ts';

/** How long a held lock without a socket is taken for a Broca that starts, or for another command. */
const START_WAIT_MS = 10_000;
const LOOK_AGAIN_MS = 100;

export type Reached =
  | { kind: 'running'; client: BrocaClient }
  /** No Broca runs; the lock is ours until it is released. */
  | { kind: 'none'; lock: FolderLock };

export async function askBroca(folder: string, name: CommandName, args: Record<string, unknown>): Promise<Result<unknown, string>> {
  const answer = await askOnce(folder, name, args);
  switch (answer.kind) {
    case 'value':
      return ok(answer.value);
    case 'error':
      return failed(answer.error);
    case 'lost':
      return failed('Broca ended before it answered: look whether it was done, then try again');
    default:
      return unreachable(answer);
  }
}

/** As `askBroca`, for those who can ask again when Broca ended meanwhile; `lost` also once `signal` aborts. */
export async function askOnce(folder: string, name: CommandName, args: Record<string, unknown>, signal?: AbortSignal): Promise<Answer> {
  const fault = folderFault(folder);
  if (fault !== null) return { kind: 'error', error: fault };
  if (isFilesCommand(name)) return await askAboutFiles(folder, name, args);
  const reached = await reachBroca(folder);
  if (!reached.ok) return { kind: 'error', error: reached.error };
  switch (reached.value.kind) {
    case 'running':
      return await request(reached.value.client, name, args, signal);
    case 'none':
      return answerOf(await runHere(folder, name, args, reached.value.lock));
    default:
      return unreachable(reached.value);
  }
}

function answerOf(result: Result<unknown, string>): Answer {
  return result.ok ? { kind: 'value', value: result.value } : { kind: 'error', error: result.error };
}

/** Finds out whether a Broca runs in the folder, waiting for one that starts, for at most `patienceMs`. */
export async function reachBroca(folder: string, patienceMs: number = START_WAIT_MS): Promise<Result<Reached, string>> {
  mkdirSync(join(folder, 'run'), { recursive: true, mode: 0o700 });
  const deadline = performance.now() + Math.min(START_WAIT_MS, patienceMs);
  for (;;) {
    const client = await connectToBroca(socketOf(folder), deadline - performance.now());
    if (client.ok) return ok({ kind: 'running', client: client.value });
    if (client.error.kind !== 'absent') return failed(describeConnectFault(client.error, folder));
    const lock = takeLock(join(folder, 'run', 'lock'), 0);
    if (lock !== null) return ok({ kind: 'none', lock });
    if (performance.now() > deadline) {
      return failed(
        `something holds ${join(folder, 'run', 'lock')} and does not answer: a Broca that starts slowly, or another broca command. Try again; if it stays so, restart the agent (animus restart)`,
      );
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

export function socketOf(folder: string): string {
  return join(folder, 'run', 'broca.sock');
}

export function describeConnectFault(fault: ConnectFault, folder: string): string {
  switch (fault.kind) {
    case 'absent':
      return `no Broca runs in ${folder}`;
    case 'silent':
      return `the Broca in ${folder} does not answer: it hangs or is paused. Restart the agent (animus restart), then try again`;
    case 'unusable':
      return `the socket of the Broca in ${folder} cannot be used: ${fault.reason}`;
    default:
      return unreachable(fault);
  }
}

function isFilesCommand(name: CommandName): name is FilesCommandName {
  return Object.hasOwn(FILES_COMMANDS, name);
}

/** Files need no lock. A Broca that cannot be asked reads them itself when it starts. */
async function askAboutFiles(folder: string, name: FilesCommandName, args: Record<string, unknown>): Promise<Answer> {
  const client = await connectToBroca(socketOf(folder));
  return client.ok ? await request(client.value, name, args) : answerOf(await FILES_COMMANDS[name](args, { folder, live: null }));
}

async function request(client: BrocaClient, name: CommandName, args: Record<string, unknown>, signal?: AbortSignal): Promise<Answer> {
  const giveUp = (): void => client.close();
  signal?.addEventListener('abort', giveUp, { once: true });
  const answer = await client.request(name, args);
  signal?.removeEventListener('abort', giveUp);
  client.close();
  return answer;
}

async function runHere(
  folder: string,
  name: StoreCommandName,
  args: Record<string, unknown>,
  lock: FolderLock,
): Promise<Result<unknown, string>> {
  const file = join(folder, 'animus.db');
  try {
    // What is changed now would be lost if the update is undone.
    if (isUpdating(folder)) {
      return failed('this agent is being updated: try again in a moment. If an update was interrupted, animus update finishes it');
    }
    const opened = openStore(file);
    if (!opened.ok) return failed(describeOpenFault(file, opened.error));
    const store = opened.value;
    try {
      return await STORE_COMMANDS[name](args, { store, folder, now: Date.now, live: null, signal: new AbortController().signal });
    } catch (error) {
      if (!putInDoubt(folder, error)) throw error;
      return failed(`${describeDoubt(error)}: start the agent (animus start, or broca run), and its Broca looks at all of it`);
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
}
