/**
 * An agent's clone as two plain files, for an export: a git bundle of its whole history, in which what is edited and
 * not committed is one commit more, and what the clone's configuration says. What git ignores stays behind.
 */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import type { ArchiveEntry } from './archive/write.ts';
import { findLinksOutside, git, refuseUnsafe } from './git.ts';

/** Where an export has them. */
export const CLONE_BUNDLE = 'clone/bundle';
export const CLONE_ABOUT = 'clone/about.json';

/** Points to the edits, in the bundle and while one is made. */
const EDITS = 'refs/animus/edits';

export type CloneAbout = {
  head: string;
  branch: string | null;
  /** Its `origin`, and whether a person set that (release/origin.ts). */
  origin: string | null;
  isOwnOrigin: boolean;
};
const cloneAbout: v.GenericSchema<unknown, CloneAbout> = v.object({
  head: v.pipe(v.string(), v.regex(/^[0-9a-f]{40,64}$/)),
  branch: v.nullable(v.string()),
  origin: v.nullable(v.string()),
  isOwnOrigin: v.boolean(),
});

type Run = (...args: readonly string[]) => Promise<Result<string, string>>;

/** `folder` is private and thrown away by the caller. Nothing that a person sees of the clone changes. */
export async function bundleClone(clone: string, folder: string, signal: AbortSignal): Promise<Result<ArchiveEntry[], string>> {
  const author = { GIT_AUTHOR_NAME: 'Animus', GIT_AUTHOR_EMAIL: 'animus@localhost' };
  const committer = { GIT_COMMITTER_NAME: 'Animus', GIT_COMMITTER_EMAIL: 'animus@localhost' };
  const environment = { ...author, ...committer, GIT_INDEX_FILE: path.join(folder, 'index') };
  const run: Run = async (...args) => await git(['-c', 'commit.gpgSign=false', ...args], { cwd: clone, signal, environment });
  const head = await run('rev-parse', '--verify', 'HEAD^{commit}');
  if (!head.ok) return failed(`its clone cannot be exported: ${head.error}`);
  const bundle = path.join(folder, 'clone.bundle');
  const bundled = await steps(
    () => run('read-tree', 'HEAD'),
    () => run('add', '--all'),
    () => run('write-tree'),
    (tree) => run('commit-tree', tree, '-p', 'HEAD', '-m', 'edits, not committed'),
    (edits) => run('update-ref', EDITS, edits),
    () => run('bundle', 'create', '--quiet', bundle, '--all'),
  );
  await run('update-ref', '-d', EDITS);
  if (!bundled.ok) return failed(`its clone cannot be exported: ${bundled.error}`);
  const config = async (key: string): Promise<string | null> => {
    const value = await run('config', '--local', '--get', key);
    return value.ok && value.value !== '' ? value.value : null;
  };
  const [origin, mark] = [await config('remote.origin.url'), await config('animus.origin')];
  const branch = await run('symbolic-ref', '--quiet', '--short', 'HEAD');
  const isOwnOrigin = origin !== null && origin !== mark;
  const about: CloneAbout = { head: head.value, branch: branch.ok ? branch.value : null, origin, isOwnOrigin };
  return ok([
    { name: CLONE_BUNDLE, file: bundle },
    { name: CLONE_ABOUT, text: `${JSON.stringify(about, null, 2)}\n` },
  ]);
}

export type Unbundled = { commit: string; origin: string | null; isOwnOrigin: boolean };

/** Makes the clone anew from files that may be anybody's: nothing of them runs here, and no link may lead out. */
export async function unbundleClone(stage: string, target: string, signal: AbortSignal): Promise<Result<Unbundled, string>> {
  const about = readAbout(path.join(stage, CLONE_ABOUT));
  if (about === null) return failed(`its ${CLONE_ABOUT} cannot be read`);
  const { head, branch, origin, isOwnOrigin } = about;
  if (origin !== null && refuseUnsafe({ source: origin, ref: null }) !== null)
    return failed(`its clone has an origin that is not taken: ${origin}`);
  fs.mkdirSync(target, { recursive: true, mode: 0o700 });
  const run: Run = async (...args) => await git(['-c', 'transfer.fsckObjects=true', ...args], { cwd: target, signal });
  const bundle = path.join(stage, CLONE_BUNDLE);
  const made = await steps(
    () => run('init', '--quiet', '--template=', '--initial-branch=animus-import'),
    () => run('fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--update-head-ok', bundle, '+refs/*:refs/*'),
    () => run('rev-parse', '--verify', `${head}^{commit}`),
    async () => await checkOut(run, head, branch),
    () => run('read-tree', '--reset', '-u', EDITS),
    // What was edited is edited again: the index is as it was committed, the files are not.
    () => run('reset', '--quiet'),
    () => run('update-ref', '-d', EDITS),
  );
  if (!made.ok) return failed(`its clone cannot be made anew: ${made.error}`);
  const [outside] = findLinksOutside(target);
  if (outside !== undefined) return failed(`its clone has a link that leads out of it (${outside}): it is not taken`);
  return ok({ commit: head, origin, isOwnOrigin });
}

async function checkOut(run: Run, head: string, branch: string | null): Promise<Result<string, string>> {
  const isBranch = branch !== null && (await run('check-ref-format', '--branch', branch)).ok;
  const tip = isBranch ? await run('rev-parse', '--verify', '--quiet', `refs/heads/${branch}^{commit}`) : null;
  return tip?.ok === true && tip.value === head
    ? await run('checkout', '--quiet', branch ?? '', '--')
    : await run('checkout', '--quiet', '--detach', head);
}

/** One after the other, each with what the one before printed; the first that fails is the outcome. */
async function steps(...all: ((printed: string) => Promise<Result<string, string>>)[]): Promise<Result<string, string>> {
  let last: Result<string, string> = ok('');
  for (const each of all) {
    last = await each(last.value);
    if (!last.ok) return last;
  }
  return last;
}

function readAbout(file: string): CloneAbout | null {
  try {
    return v.parse(cloneAbout, JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
