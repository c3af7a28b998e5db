/** Where an agent's clone gets newer commits from: what its person set as `origin`, else what the fleet's configuration says. */
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { git } from '../home/git.ts';
import type { Installation } from '../home/installation.ts';

export type OriginRequest = {
  clone: string;
  home: string;
  installation: Installation;
  /** `broca.repository` of animus.config.json. */
  repository: string | null;
  signal: AbortSignal;
};

export type Origin = {
  source: string;
  /** A person pointed this clone elsewhere (`git remote set-url origin …`): `broca.ref` is not meant for it. */
  isOwn: boolean;
};

/** In the clone's configuration: what we set as its origin. Another one is a person's wish. */
const MARK = 'animus.origin';

export async function findOrigin(request: OriginRequest): Promise<Result<Origin, string>> {
  const { clone, installation, signal } = request;
  const [origin, mark] = [await readConfig(clone, 'remote.origin.url', signal), await readConfig(clone, MARK, signal)];
  if (origin !== null && origin !== mark) return ok({ source: origin, isOwn: true });
  const source = await fleetOrigin(request);
  if (source !== null) return ok({ source, isOwn: false });
  const hint =
    installation.kind === 'checkout' ? `; the checkout that Animus runs from would do: ${JSON.stringify(installation.root)}` : '';
  return failed(
    `there is nowhere to fetch from: set broca.repository in animus.config.json to the address of Broca's repository, as in {"broca": {"repository": "https://…"}}${hint}`,
  );
}

/** Points a clone of ours there, and remembers that it was us. */
export async function setOrigin(clone: string, source: string, signal: AbortSignal): Promise<void> {
  const options = { cwd: clone, signal };
  const isSet = await git(['remote', 'set-url', 'origin', source], options);
  if (!isSet.ok) await git(['remote', 'add', 'origin', source], options);
  await git(['config', MARK, source], options);
}

/** One that a person chose: without our mark. */
export async function addOwnOrigin(clone: string, source: string, signal: AbortSignal): Promise<void> {
  await git(['remote', 'add', 'origin', source], { cwd: clone, signal });
}

/** `broca.repository`, else the remote of the checkout that Animus runs from; null where there is neither. */
export async function fleetOrigin({ home, installation, repository, signal }: Omit<OriginRequest, 'clone'>): Promise<string | null> {
  if (repository !== null) return fromFolder(repository, home);
  if (installation.kind !== 'checkout') return null;
  const remote = await readConfig(installation.root, 'remote.origin.url', signal);
  return remote === null ? null : fromFolder(remote, installation.root);
}

/** A path in animus.config.json is seen from where that file lies. */
export function fromFolder(repository: string, folder: string): string {
  return /^\.{1,2}(\/|$)/.test(repository) ? path.resolve(folder, repository) : repository;
}

async function readConfig(folder: string, key: string, signal: AbortSignal): Promise<string | null> {
  const value = await git(['config', '--local', '--get', key], { cwd: folder, signal });
  return value.ok && value.value !== '' ? value.value : null;
}
