/** Who an agent is on Telegram, as fingerprints: reconcile-policy.ts compares them, no key is kept. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type AgentId, fingerprint, isPlaceholder, parseEnvironment } from 'animus-protocol';
import * as v from 'valibot';
import { type AgentPaths, agentPaths } from '../home/paths.ts';
import { findSharedIdentities } from './reconcile-policy.ts';

/** Each names one bot or one account; API id and hash name a program, and may be shared. */
const TELEGRAM_KEYS = ['TELEGRAM_BOT_TOKEN', 'TELEGRAM_PHONE', 'TELEGRAM_SESSION_STRING'];

/** Agents that may not start because another answers as the same Telegram user or bot, and why. */
export function findIdentityFaults(home: string, workers: Iterable<{ agent: AgentId; isRecorded: boolean }>): Map<AgentId, string> {
  return findSharedIdentities(
    [...workers].map(({ agent, isRecorded }) => ({
      agent,
      runs: isRecorded,
      identities: readTelegramIdentities(agentPaths(home, agent)),
    })),
  );
}

/** From its `.env` and, for who logged in by hand, from the session that lies in its folder. */
export function readTelegramIdentities({ environment, folder }: Pick<AgentPaths, 'environment' | 'folder'>): string[] {
  const { values } = parseEnvironment(readFile(environment));
  const written = TELEGRAM_KEYS.flatMap((key) => {
    const value = values[key]?.trim() ?? '';
    return value === '' || isPlaceholder(value) ? [] : [`${key} ${fingerprint(value)}`];
  });
  const account = accountOf(readFile(path.join(folder, 'run', 'telegram.session')));
  return account === null ? written : [...written, `account ${account}`];
}

/** Whose login it is; null for what is no session of the Telegram channel. */
function accountOf(text: string): string | null {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), v.object({ account: v.object({ id: v.string() }) })), text);
  return parsed.success ? parsed.output.account.id : null;
}

/** No `.env` and no session of a person is larger. */
const LONGEST_BYTES = 1024 * 1024;

/** Empty where there is none. The agent can write it: a named pipe or gigabytes in its place would hold the whole supervisor otherwise. */
function readFile(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return '';
  }
  try {
    const stat = fstatSync(descriptor);
    return stat.isFile() && stat.size <= LONGEST_BYTES ? readFileSync(descriptor, 'utf8') : '';
  } finally {
    closeSync(descriptor);
  }
}
