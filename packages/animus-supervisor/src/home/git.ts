/**
 * Git, as deploy and update need it: an agent's own clone of Broca. The source may be anybody's, so nothing of it may run
 * here: no hooks, no transport that starts a program, no submodules, no prompt; and no link may lead out of the clone.
 */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { execa } from 'execa';

export type CloneRequest = {
  /** A path, or an address git knows. */
  source: string;
  /** Branch, tag or commit; null takes what the source has checked out. */
  ref: string | null;
  /** A commit to go to instead, where the source has it, and the branch to be on there. */
  at: CommitOnBranch | null;
  /** Must not be there yet. */
  target: string;
  signal: AbortSignal;
};

/** No option, and nothing else that git would read as more than a name. */
const REF = /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./+-]*$/;

export type CommitOnBranch = { commit: string; branch: string | null };

/** Wins over every configuration file, the source's and the person's own. */
const SAFE_CONFIGURATION: readonly string[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['submodule.recurse', 'false'],
  ['protocol.ext.allow', 'never'],
  ['advice.detachedHead', 'false'],
].flatMap(([key, value]) => ['-c', `${key}=${value}`]);

const ENVIRONMENT: Record<string, string | undefined> = {
  LC_ALL: 'C',
  GIT_TERMINAL_PROMPT: '0',
  // `ext::` and helpers of other names start programs; these four do not.
  GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
  GIT_LFS_SKIP_SMUDGE: '1',
  // Set when animus is called from a git hook; they would point git at that other repository.
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
};

/**
 * The commit a clone was last brought to by us; what lies beyond it is a person's. Branches of the origin may be
 * rewritten, and a package has no origin at all.
 */
export const UPSTREAM_REF = 'refs/animus/upstream';

/** Clones, checks out `ref`, and refuses a clone with a link that leads out of it. */
export async function cloneRepository(request: CloneRequest): Promise<Result<{ commit: string }, string>> {
  const refused = refuseUnsafe(request);
  if (refused !== null) return failed(refused);
  const { target, signal } = request;
  // --no-local: everything is copied through git's own protocol. No hard links, no borrowed objects: the clone stands alone.
  const options = ['--quiet', '--no-local', '--no-recurse-submodules', '--template=', ...(request.ref === null ? [] : ['--no-checkout'])];
  const cloned = await git(['clone', ...options, '--', request.source, target], { cwd: path.dirname(target), signal });
  if (!cloned.ok) return failed(`git could not clone ${request.source}: ${explainClone(request.source, cloned.error)}`);
  if (request.ref !== null) {
    const checkedOut = await checkOut(request.ref, request);
    if (!checkedOut.ok) return checkedOut;
  }
  if (request.at !== null) {
    const moved = await goTo(request.at, target, signal);
    if (!moved.ok) return moved;
  }
  const [outside] = findLinksOutside(target);
  if (outside !== undefined) return failed(`${request.source} has a link that leads out of it (${outside}): it is not cloned`);
  return await markUpstream(target, signal);
}

/** On the branch, where that has the commit: a later update follows it. Where the commit is unknown, the clone stays as it is. */
async function goTo({ commit, branch }: CommitOnBranch, clone: string, signal: AbortSignal): Promise<Result<null, string>> {
  const run = async (...args: readonly string[]): Promise<Result<string, string>> => await git(args, { cwd: clone, signal });
  if (!(await run('rev-parse', '--verify', '--quiet', `${commit}^{commit}`)).ok) return signal.aborted ? failed('interrupted') : ok(null);
  const remote = `refs/remotes/origin/${branch}`;
  const isOnBranch = branch !== null && REF.test(branch) && (await run('merge-base', '--is-ancestor', commit, remote)).ok;
  const steps = isOnBranch
    ? [
        ['checkout', '--quiet', '-B', branch, '--track', `origin/${branch}`],
        ['reset', '--quiet', '--hard', commit],
      ]
    : [['checkout', '--quiet', '--detach', commit]];
  for (const step of steps) {
    const done = await run(...step);
    if (!done.ok) return failed(`${commit} could not be checked out: ${done.error}`);
  }
  return ok(null);
}

/** Makes a repository of a folder's files, as an installation without one needs it. `at` makes equal sources equal commits. */
export async function makeRepository(
  folder: string,
  message: string,
  at: Date,
  signal: AbortSignal,
): Promise<Result<{ commit: string }, string>> {
  const date = `${Math.trunc(at.getTime() / 1000)} +0000`;
  const author = { GIT_AUTHOR_NAME: 'Animus', GIT_AUTHOR_EMAIL: 'animus@localhost', GIT_AUTHOR_DATE: date };
  const committer = { GIT_COMMITTER_NAME: 'Animus', GIT_COMMITTER_EMAIL: 'animus@localhost', GIT_COMMITTER_DATE: date };
  const steps = [
    ['init', '--quiet', '--template=', '--initial-branch=main'],
    ['add', '--all', '--force'],
    ['-c', 'commit.gpgSign=false', 'commit', '--quiet', '--no-verify', '--message', message],
  ];
  for (const step of steps) {
    const done = await git(step, { cwd: folder, signal, environment: { ...author, ...committer } });
    if (!done.ok) return failed(`git could not make a repository of the packaged sources: ${done.error}`);
  }
  return await markUpstream(folder, signal);
}

/**
 * Whether a clone holds anything that its origin does not: changed or new files, stashes, commits of its own. What
 * cannot be looked at counts as own work.
 */
export async function hasOwnWork(clone: string): Promise<boolean> {
  if (!fs.existsSync(path.join(clone, '.git'))) return fs.existsSync(clone);
  const { signal } = new AbortController();
  const questions = [
    ['status', '--porcelain', '--untracked-files=all'],
    ['log', '--max-count=1', '--format=%H', '--branches', 'HEAD', '--not', '--remotes', '--tags'],
    ['stash', 'list'],
  ];
  for (const question of questions) {
    const answer = await git(question, { cwd: clone, signal });
    if (!answer.ok || answer.value !== '') return true;
  }
  return false;
}

/** Of a folder that is none of its repositories git says that it does not exist. */
function explainClone(source: string, complaint: string): string {
  const isFolder = fs.statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder && complaint.includes('does not exist') ? 'this folder is no git repository' : complaint;
}

async function markUpstream(clone: string, signal: AbortSignal): Promise<Result<{ commit: string }, string>> {
  const commit = await readCommit(clone, signal);
  const marked = commit.ok ? await git(['update-ref', UPSTREAM_REF, commit.value.commit], { cwd: clone, signal }) : commit;
  return marked.ok ? commit : marked;
}

async function readCommit(clone: string, signal: AbortSignal): Promise<Result<{ commit: string }, string>> {
  const commit = await git(['rev-parse', '--verify', 'HEAD^{commit}'], { cwd: clone, signal });
  return commit.ok ? ok({ commit: commit.value.trim() }) : failed(`the clone has no commit: ${commit.error}`);
}

async function checkOut(ref: string, { source, target, signal }: CloneRequest): Promise<Result<null, string>> {
  const remote = `refs/remotes/origin/${ref}`;
  const isBranch = await git(['rev-parse', '--verify', '--quiet', remote], { cwd: target, signal });
  const isKnown = isBranch.ok || (await git(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], { cwd: target, signal })).ok;
  if (!isKnown && !signal.aborted) return failed(`${source} has no branch, tag or commit ${ref}`);
  // A branch is followed, so that a later pull works; anything else is checked out as it is.
  const how = isBranch.ok
    ? ['checkout', '--quiet', '-B', ref, '--track', `origin/${ref}`]
    : ['checkout', '--quiet', '--detach', `${ref}^{commit}`];
  const done = await git(how, { cwd: target, signal });
  return done.ok ? ok(null) : failed(`${ref} of ${source} could not be checked out: ${done.error}`);
}

/** Why a source or ref that somebody wrote is not given to git, or null. */
export function refuseUnsafe({ source, ref }: { source: string; ref: string | null }): string | null {
  if (source === '' || hasControlCharacter(source))
    return 'broca.repository in animus.config.json is empty or has control characters in it';
  if (/^[a-z0-9+.-]*::/i.test(source))
    return `${source}: this way of reaching a repository starts a program, and is not taken; use https, ssh or a path`;
  if (ref !== null && !REF.test(ref)) {
    return `${JSON.stringify(ref)} cannot be a branch, tag or commit (--ref, or broca.ref in animus.config.json)`;
  }
  return null;
}

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\u007f');
}

/** The links below `folder` whose targets lie outside of `within`, relative to `folder`. */
export function findLinksOutside(folder: string, within: string = folder): string[] {
  const [top, root] = [fs.realpathSync(folder), fs.realpathSync(within)];
  const outside: string[] = [];
  for (const entry of fs.readdirSync(top, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = path.join(entry.parentPath, entry.name);
    const name = path.relative(top, link);
    if (name.startsWith(`.git${path.sep}`)) continue;
    if (!isInside(root, path.resolve(entry.parentPath, fs.readlinkSync(link))) || !isInside(root, realPathOf(link))) outside.push(name);
  }
  return outside;
}

/** Where a link really leads, through other links; a dangling one leads where it says. */
function realPathOf(link: string): string {
  try {
    return fs.realpathSync(link);
  } catch {
    return path.resolve(path.dirname(link), fs.readlinkSync(link));
  }
}

function isInside(root: string, file: string): boolean {
  return file === root || file.startsWith(`${root}${path.sep}`);
}

export type GitOptions = { cwd: string; signal: AbortSignal; environment?: Record<string, string> };

/** Runs git and gives its output, or the last lines of what it complained about. */
export async function git(args: readonly string[], options: GitOptions): Promise<Result<string, string>> {
  const env = { ...ENVIRONMENT, ...options.environment };
  const ended = await execa('git', [...SAFE_CONFIGURATION, ...args], {
    cwd: options.cwd,
    env,
    reject: false,
    stdin: 'ignore',
    cancelSignal: options.signal,
  });
  if (!ended.failed) return ok(ended.stdout);
  if (ended.isCanceled) return failed('interrupted');
  if (ended.code === 'ENOENT') return failed('there is no git on this machine: install it first');
  const complaint = ended.stderr.split('\n').filter((line) => line !== '');
  return failed(complaint.slice(-3).join(' ') || ended.shortMessage || 'it failed without a word');
}
