/** Builds a certain commit of an agent's clone, wherever the clone stands: after a rollback it is ahead of what runs. */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { git } from '../home/git.ts';
import { FOLDER_MODE } from '../home/modes.ts';
import { type BuildRequest, buildRelease } from '../home/release.ts';
import { makeStage } from '../home/stage.ts';
import { moveCopy } from './renew-clone.ts';
import { copyClone } from './swap-clone.ts';

/** Gives the release's name. What was edited in the clone is put on top where it fits; else it is refused. The clone stays as it is. */
export async function buildCommit({ signal, ...request }: BuildRequest & { signal: AbortSignal }): Promise<Result<string, string>> {
  const { agent, commit } = request;
  const head = await readHead(agent.clone, signal);
  if (!head.ok) return head;
  if (head.value === commit) return await buildRelease(request);
  fs.mkdirSync(agent.releases, { recursive: true, mode: FOLDER_MODE });
  using stage = makeStage(agent.releases, 'source');
  const copy = path.join(stage.folder, 'broca');
  copyClone(agent, copy);
  const moved = await moveCopy({ copy, commit, signal });
  return moved.ok ? await buildRelease({ ...request, agent: { ...agent, clone: copy } }) : moved;
}

/** Builds `wanted` where the clone has it and its edits fit it, else `commit`, which the clone holds. */
export async function buildWhereIs(
  request: BuildRequest & { signal: AbortSignal },
  wanted: string | null,
): Promise<Result<{ commit: string; release: string }, string>> {
  const isWanted = wanted !== null && wanted !== request.commit;
  const asWanted = isWanted ? await buildCommit({ ...request, commit: wanted }) : null;
  if (asWanted?.ok === true) return ok({ commit: wanted ?? '', release: asWanted.value });
  const built = await buildCommit(request);
  return built.ok ? ok({ commit: request.commit, release: built.value }) : built;
}

export async function readHead(clone: string, signal: AbortSignal): Promise<Result<string, string>> {
  const head = await git(['rev-parse', '--verify', 'HEAD^{commit}'], { cwd: clone, signal });
  return head.ok ? head : failed(`its clone has no commit to build: ${head.error}`);
}
