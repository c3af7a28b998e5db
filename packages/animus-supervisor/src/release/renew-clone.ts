/**
 * Brings a copy of an agent's clone to a newer commit, and what a person did in it along: own commits are rebased,
 * edits are put back on top, files git does not know stay. Where that cannot be done without choosing between the
 * two, it says which files, and the copy is thrown away: the clone itself is never touched here.
 *
 *     what is own → fetch → set edits aside → move → edits back
 */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { findLinksOutside, type GitOptions, git, refuseUnsafe, UPSTREAM_REF } from '../home/git.ts';

export type RenewRequest = {
  /** A copy of the clone; it is left half done when this fails. */
  copy: string;
  /** What `git fetch` takes. */
  source: string;
  /** Branch, tag or commit; null: the branch the clone is on, else the source's default. */
  ref: string | null;
  /** The commit that runs, which may be another than the clone's: after a rollback it is. Null: the clone's. */
  runs: string | null;
  signal: AbortSignal;
};

export type Renewed = {
  /** HEAD before and after. */
  from: string;
  commit: string;
  /** What was asked for, as the source has it. */
  upstream: { name: string; commit: string };
  /** Own commits, newest first, as `<short> <subject>`. */
  ownCommits: string[];
  /** Tracked files that were changed by hand. */
  edited: string[];
  /** What it brings beyond the commit that runs, newest first, as `<short> <subject>`; at most LISTED. */
  brings: string[];
  /** What runs and would be gone: the new commit is older, or of another branch. As many. */
  drops: string[];
};

const LISTED = 20;

type Git = (...args: readonly string[]) => Promise<Result<string, string>>;

const COMMITTER = { GIT_COMMITTER_NAME: 'Animus', GIT_COMMITTER_EMAIL: 'animus@localhost', GIT_EDITOR: 'true' };
const QUIET = ['commit.gpgSign=false', 'rebase.autoStash=false', 'rebase.updateRefs=false', 'rebase.autoSquash=false'].flatMap((each) => [
  '-c',
  each,
]);
const TAGS = 'refs/animus/tags';
const DEFAULT_BRANCH = 'refs/animus/head';

export async function renewClone({ copy, source, ref, runs, signal }: RenewRequest): Promise<Result<Renewed, string>> {
  const run = gitIn(copy, signal);
  const refused = refuseUnsafe({ source, ref }) ?? findUnfinished(copy);
  if (refused !== null) return failed(refused);
  const state = await readState(run);
  if (!state.ok) return state;
  const fetched = await fetchFrom(source, run);
  if (!fetched.ok) return failed(`nothing could be fetched from ${source}: ${fetched.error}`);
  const wanted = await findWanted(ref, state.value.branch, source, run);
  if (!wanted.ok) return wanted;
  const { own, base, edited } = state.value;
  if (own.length > 0 && base === null) {
    return failed(
      `its own commits have no one commit of ${source} that they begin at: rebase the clone by hand (git rebase), then update again`,
    );
  }
  const linksBefore = new Set(findLinksOutside(copy));
  const { name } = wanted.value;
  // git pulls into a clone without edits only.
  const first = edited.length > 0 ? 'Commit what you edited in the clone (git commit --all), then bring' : 'Bring';
  const advice = `${first} the two together there (git pull --rebase ${source} ${name}), and update again`;
  const moved = await keepingEdits(edited, { name, advice }, run, async () => {
    const inTheWay = await findFilesInTheWay(copy, wanted.value.commit, run);
    if (!inTheWay.ok || inTheWay.value.length > 0) return inTheWay.ok ? conflict(inTheWay.value, name, MOVE_AWAY) : inTheWay;
    return own.length > 0 ? await rebase(wanted.value, base ?? '', advice, run) : await checkOut(wanted.value, state.value.branch, run);
  });
  if (!moved.ok) return moved;
  const outside = findLinksOutside(copy).find((name) => !linksBefore.has(name));
  if (outside !== undefined)
    return failed(`${wanted.value.name} of ${source} has a link that leads out of it (${outside}): it is not taken`);
  const marked = await run('update-ref', UPSTREAM_REF, wanted.value.commit);
  const commit = marked.ok ? await run('rev-parse', 'HEAD') : marked;
  if (!commit.ok) return commit;
  const before = runs !== null && (await run('rev-parse', '--verify', '--quiet', `${runs}^{commit}`)).ok ? runs : state.value.head;
  const listed = [`--max-count=${LISTED}`, '--format=%h %s'];
  const brings = await run('log', ...listed, wanted.value.commit, '--not', before);
  // Own commits are in both, rebased.
  const drops = await run('log', ...listed, '--left-only', '--cherry-pick', `${before}...${commit.value}`);
  return ok({
    from: state.value.head,
    commit: commit.value,
    upstream: { name, commit: wanted.value.commit },
    ownCommits: own,
    edited,
    brings: brings.ok ? linesOf(brings.value) : [],
    drops: drops.ok ? linesOf(drops.value) : [],
  });
}

/** Brings a copy of a clone to a commit that it has, edits along. The copy is left half done when this fails. */
export async function moveCopy({
  copy,
  commit,
  signal,
}: {
  copy: string;
  commit: string;
  signal: AbortSignal;
}): Promise<Result<null, string>> {
  const run = gitIn(copy, signal);
  const unfinished = findUnfinished(copy);
  if (unfinished !== null) return failed(unfinished);
  const isKnown = await run('rev-parse', '--verify', '--quiet', `${commit}^{commit}`);
  if (!isKnown.ok) return failed(`its clone has no commit ${commit}`);
  const state = await readState(run);
  if (!state.ok) return state;
  const { edited } = state.value;
  const wanted = { name: commit.slice(0, 10), commit, branch: null };
  const advice = 'Set them aside in the clone (git stash), or go forward with animus update';
  return await keepingEdits(edited, { name: wanted.name, advice }, run, async () => {
    const inTheWay = await findFilesInTheWay(copy, commit, run);
    if (!inTheWay.ok || inTheWay.value.length > 0) return inTheWay.ok ? conflict(inTheWay.value, wanted.name, MOVE_AWAY) : inTheWay;
    return await checkOut(wanted, null, run);
  });
}

function gitIn(copy: string, signal: AbortSignal): Git {
  return async (...args) => await git([...QUIET, ...args], { cwd: copy, signal, environment: COMMITTER } satisfies GitOptions);
}

/** What somebody began in the clone and did not end: git's own words for it are in these files. */
function findUnfinished(copy: string): string | null {
  if (!fs.existsSync(path.join(copy, '.git'))) return 'its clone is no git repository any more: move it away, and deploy the agent anew';
  const names = {
    'rebase-merge': 'rebase',
    'rebase-apply': 'rebase',
    MERGE_HEAD: 'merge',
    CHERRY_PICK_HEAD: 'cherry-pick',
    REVERT_HEAD: 'revert',
  };
  const found = Object.entries(names).find(([file]) => fs.existsSync(path.join(copy, '.git', file)));
  // Of a git that runs just now, or was killed: in the copy it is nobody's.
  fs.rmSync(path.join(copy, '.git/index.lock'), { force: true });
  return found === undefined
    ? null
    : `a git ${found[1]} is under way in its clone: finish it there (git ${found[1]} --continue or --abort), then update again`;
}

type State = { head: string; branch: string | null; own: string[]; base: string | null; edited: string[] };

async function readState(run: Git): Promise<Result<State, string>> {
  const head = await run('rev-parse', '--verify', 'HEAD^{commit}');
  if (!head.ok) return failed(`its clone has no commit: ${head.error}`);
  const branch = await run('symbolic-ref', '--quiet', '--short', 'HEAD');
  const hasMark = (await run('rev-parse', '--verify', '--quiet', UPSTREAM_REF)).ok;
  // A clone of an older Animus is not marked: what its origin had, tags too, is not own.
  const theirs = ['--not', '--remotes=origin', hasMark ? UPSTREAM_REF : '--tags'];
  const own = await run('log', '--format=%h %s', 'HEAD', ...theirs);
  const boundary = await run('rev-list', '--boundary', 'HEAD', ...theirs);
  const edited = await run('status', '--porcelain=v1', '-z', '--untracked-files=no', '--no-renames');
  if (!own.ok || !boundary.ok || !edited.ok)
    return failed([own, boundary, edited].flatMap((part) => (part.ok ? [] : [part.error])).join(' '));
  const bases = linesOf(boundary.value).filter((line) => line.startsWith('-'));
  return ok({
    head: head.value,
    branch: branch.ok ? branch.value : null,
    own: linesOf(own.value),
    base: bases.length === 1 ? (bases[0]?.slice(1) ?? null) : null,
    edited: edited.value.split('\0').flatMap((entry) => (entry === '' ? [] : [entry.slice(3)])),
  });
}

/** Everything the origin has; tags under a name of ours, for a person may have tags of the same name. */
async function fetchFrom(source: string, run: Git): Promise<Result<string, string>> {
  const refs = ['+refs/heads/*:refs/remotes/origin/*', `+refs/tags/*:${TAGS}/*`, `+HEAD:${DEFAULT_BRANCH}`];
  return await run('fetch', '--quiet', '--prune', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head', '--', source, ...refs);
}

type Wanted = { name: string; commit: string; branch: string | null };

async function findWanted(ref: string | null, branch: string | null, source: string, run: Git): Promise<Result<Wanted, string>> {
  const commitOf = async (name: string): Promise<string | null> => {
    const found = await run('rev-parse', '--verify', '--quiet', `${name}^{commit}`);
    return found.ok ? found.value : null;
  };
  const named = ref ?? branch;
  const ofBranch = named === null ? null : await commitOf(`refs/remotes/origin/${named}`);
  if (named !== null && ofBranch !== null) return ok({ name: named, commit: ofBranch, branch: named });
  if (ref !== null) {
    const other = (await commitOf(`${TAGS}/${ref}`)) ?? (/^[0-9a-f]{7,64}$/.test(ref) ? await commitOf(ref) : null);
    return other === null ? failed(`${source} has no branch, tag or commit ${ref}`) : ok({ name: ref, commit: other, branch: null });
  }
  return await findDefault(source, commitOf, run);
}

async function findDefault(source: string, commitOf: (name: string) => Promise<string | null>, run: Git): Promise<Result<Wanted, string>> {
  const commit = await commitOf(DEFAULT_BRANCH);
  if (commit === null) return failed(`${source} has no default branch: say which one, with --ref`);
  const symbolic = await run('ls-remote', '--symref', '--', source, 'HEAD');
  const branch = symbolic.ok ? (/^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(symbolic.value)?.[1] ?? null) : null;
  return ok({ name: branch ?? commit.slice(0, 10), commit, branch });
}

/** Sets tracked edits aside for the time of `move`, and puts them on top of what it led to. */
async function keepingEdits(
  edited: readonly string[],
  { name, advice }: { name: string; advice: string },
  run: Git,
  move: () => Promise<Result<unknown, string>>,
): Promise<Result<null, string>> {
  if (edited.length > 0) {
    const stashed = await run('stash', 'push', '--quiet', '--message', 'edits, set aside by animus update');
    if (!stashed.ok) return failed(`the edits in its clone cannot be set aside: ${stashed.error}`);
  }
  const moved = await move();
  if (!moved.ok || edited.length === 0) return moved.ok ? ok(null) : moved;
  if ((await run('stash', 'pop', '--quiet', '--index')).ok) return ok(null);
  // What was staged cannot be staged again as it was; the edits themselves may still fit.
  const popped = (await run('reset', '--quiet', '--hard')).ok ? await run('stash', 'pop', '--quiet') : failed('');
  if (popped.ok) return ok(null);
  const files = await conflictedFiles(run);
  return conflict(files.length > 0 ? files : edited, name, advice);
}

async function rebase(wanted: Wanted, base: string, advice: string, run: Git): Promise<Result<unknown, string>> {
  const rebased = await run('rebase', '--quiet', '--onto', wanted.commit, base);
  if (rebased.ok) return rebased;
  const files = await conflictedFiles(run);
  return files.length > 0
    ? conflict(files, wanted.name, advice)
    : failed(`its own commits cannot be rebased onto ${wanted.name}: ${rebased.error}`);
}

/** A branch is followed; a branch of that name with commits of its own is the person's, and stays as it is. */
async function checkOut({ commit, branch }: Wanted, current: string | null, run: Git): Promise<Result<unknown, string>> {
  if (branch === null) return await run('checkout', '--quiet', '--detach', commit);
  if (branch === current) return await run('reset', '--quiet', '--hard', commit);
  const own = await run('log', '--max-count=1', '--format=%h', `refs/heads/${branch}`, '--not', '--remotes=origin', UPSTREAM_REF);
  if (own.ok && own.value !== '') return await run('checkout', '--quiet', '--detach', commit);
  const done = await run('checkout', '--quiet', '-B', branch, commit);
  // So that a person's own pull works; a clone without this remote has nothing to follow.
  if (done.ok) await run('branch', '--quiet', `--set-upstream-to=origin/${branch}`);
  return done;
}

/** Files of the person that git does not know, ignored ones too, where the new commit has another file. */
async function findFilesInTheWay(copy: string, commit: string, run: Git): Promise<Result<string[], string>> {
  const others = await run('ls-files', '--others', '-z', '--', ':!node_modules', ':!**/node_modules');
  const tree = await run('ls-tree', '-r', '-z', commit);
  if (!others.ok || !tree.ok) return failed(others.ok ? (tree.ok ? '' : tree.error) : others.error);
  const blobs = new Map<string, string>();
  for (const entry of tree.value.split('\0')) {
    const [facts, name] = entry.split('\t');
    if (name !== undefined) blobs.set(name, facts?.split(' ')[2] ?? '');
  }
  const inTheWay: string[] = [];
  for (const name of others.value.split('\0').filter((each) => each !== '' && blobs.has(each))) {
    const hash = await run('hash-object', '--', name);
    // The same file: the commit brings it.
    if (hash.ok && hash.value === blobs.get(name)) fs.rmSync(path.join(copy, name));
    else inTheWay.push(name);
  }
  return ok(inTheWay);
}

async function conflictedFiles(run: Git): Promise<string[]> {
  const files = await run('diff', '--name-only', '--diff-filter=U', '-z');
  return files.ok ? files.value.split('\0').filter((name) => name !== '') : [];
}

const MOVE_AWAY = 'Move these files out of the clone, or call them something else, and try again';

function conflict(files: readonly string[], name: string, advice: string): Result<never, string> {
  const list = files.map((file) => `  ${file}`).join('\n');
  return failed(`own changes in its clone do not fit ${name}:\n${list}\nNothing was changed. ${advice}`);
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
