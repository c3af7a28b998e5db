import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { agentPaths, homePaths } from '../home/paths.ts';
import { systemClock } from '../worker/clock.ts';
import { HomeWatch } from './home-watch.ts';

const A = 'agent-a';
const B = 'agent-b';

/** A home with two agents, watched; what is told is taken one after the other. */
class Watched implements AsyncDisposable {
  readonly home: string = mkdtempSync(path.join(os.tmpdir(), 'animus-watch-'));
  readonly told: string[] = [];
  readonly watch: HomeWatch;
  #waiting: { what: string; resolve: () => void } | null = null;

  private constructor() {
    for (const agent of [A, B] as const) {
      const paths = agentPaths(this.home, agent);
      mkdirSync(paths.inbox, { recursive: true });
      mkdirSync(path.join(paths.releases, 'one'), { recursive: true });
      for (const file of [paths.environment, paths.settings]) writeFileSync(file, '{}');
    }
    writeFileSync(homePaths(this.home).config, '{}');
    this.watch = new HomeWatch(this.home, systemClock, {
      folders: () => this.#tell('folders'),
      fleetConfig: () => this.#tell('config'),
      agentFile: (agent, file) => this.#tell(`${agent} ${file}`),
      inbox: (agent) => this.#tell(`${agent} inbox`),
      failed: (reason) => this.#tell(`failed: ${reason}`),
    });
    for (const agent of [A, B] as const) this.watch.add(agent);
  }

  /** Does something and waits until that is told. */
  async after(change: () => void, what: string): Promise<void> {
    const told = new Promise<void>((resolve) => {
      this.#waiting = { what, resolve };
    });
    change();
    await told;
  }

  /** Resolves when the kernel watches. */
  static async open(): Promise<Watched> {
    const watched = new Watched();
    await watched.after(() => undefined, 'folders');
    return watched;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watch.close();
    rmSync(this.home, { recursive: true });
  }

  #tell(what: string): void {
    this.told.push(what);
    if (this.#waiting?.what === what) this.#waiting.resolve();
  }
}

test('files are seen however an editor writes them: in place, by rename, again, away and back', async () => {
  await using watched = await Watched.open();
  const { environment, settings } = agentPaths(watched.home, A);
  const { config } = homePaths(watched.home);
  const replace = (file: string, text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  await watched.after(() => writeFileSync(environment, 'A=1\n'), `${A} .env`);
  await watched.after(() => replace(environment, 'A=2\n'), `${A} .env`);
  await watched.after(() => writeFileSync(environment, 'A=3\n'), `${A} .env`);
  await watched.after(() => replace(config, '{ }'), 'config');
  await watched.after(() => appendFileSync(config, '\n'), 'config');
  await watched.after(() => rmSync(settings), `${A} settings.json`);
  await watched.after(() => writeFileSync(settings, '{ }'), `${A} settings.json`);
  await watched.after(() => writeFileSync(settings, '{  }'), `${A} settings.json`);
});

test('folders and inboxes are seen; what a database writes beside them wakes nobody', async () => {
  await using watched = await Watched.open();
  await watched.after(() => mkdirSync(path.join(watched.home, 'agent-c')), 'folders');
  await watched.after(() => renameSync(path.join(watched.home, 'agent-c'), path.join(watched.home, 'agent-d')), 'folders');
  await watched.after(() => rmSync(path.join(watched.home, 'agent-d'), { recursive: true }), 'folders');
  const { database, inbox } = agentPaths(watched.home, B);
  watched.told.length = 0;
  for (let count = 0; count < 20; count += 1) appendFileSync(database, 'a commit');
  await watched.after(() => writeFileSync(path.join(inbox, 'one.json'), '{}'), `${B} inbox`);
  assert.deepEqual(
    watched.told.filter((each) => each !== 'folders'),
    [`${B} inbox`],
  );
});

test('an inbox that goes and comes back is followed again, however that is done; a file in it that grows is told of', async () => {
  await using watched = await Watched.open();
  const { inbox } = agentPaths(watched.home, A);
  const remove = (): void => rmSync(inbox, { recursive: true });
  const make = (): void => mkdirSync(inbox);
  await watched.after(remove, `${A} inbox`);
  await watched.after(make, `${A} inbox`);
  const file = path.join(inbox, 'one.json');
  await watched.after(() => writeFileSync(file, '{'), `${A} inbox`);
  await watched.after(() => appendFileSync(file, '}'), `${A} inbox`);
  for (const clear of [remove, () => renameSync(inbox, `${inbox}.old`)]) {
    await watched.after(() => {
      clear();
      make();
    }, `${A} inbox`);
    await watched.after(() => writeFileSync(file, '{}'), `${A} inbox`);
  }
});

test('what may mend a broken agent is looked at while it is broken', async () => {
  await using watched = await Watched.open();
  const { plugins, currentRelease } = agentPaths(watched.home, A);
  watched.watch.attend(A, true);
  await watched.after(() => mkdirSync(path.join(plugins, 'mine/src'), { recursive: true }), `${A} plugins`);
  await watched.after(() => writeFileSync(path.join(plugins, 'mine/src/index.ts'), 'export {};'), `${A} plugins`);
  await watched.after(() => writeFileSync(currentRelease, ''), `${A} releases/current`);
});

/** Runs home-watch.fixture.ts where the kernel gives a user no more than so much; null where that cannot be arranged. */
async function runBounded(bound: 'max_inotify_watches' | 'max_inotify_instances', most: number): Promise<string[] | null> {
  const program = path.join(import.meta.dirname, 'home-watch.fixture.ts');
  const script = 'echo "$1" > "/proc/sys/user/$2" || exit 99; shift 2; exec "$@"';
  const command = ['-Ur', 'sh', '-c', script, 'sh', String(most), bound, process.execPath, '--conditions=animus-source', program];
  try {
    const { stdout } = await promisify(execFile)('unshare', command, { timeout: 30_000 });
    return stdout.trim().split('\n');
  } catch (error) {
    const isImpossible = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 1 || error.code === 99);
    if (isImpossible) return null;
    throw error;
  }
}

for (const [bound, most, says] of [
  ['max_inotify_watches', 3, /fs.inotify.max_user_watches/],
  ['max_inotify_instances', 0, /fs.inotify.max_user_instances/],
] as const) {
  test(`a kernel that gives no more than ${most} of ${bound}: it is told once, and everything is seen all the same`, async (t) => {
    const told = await runBounded(bound, most);
    if (told === null) return t.skip('user namespaces are not allowed here');
    assert.match(told.shift() ?? '', says);
    assert.deepEqual(told, ['folders', 'agent-1 .env', 'agent-1 settings.json', 'config', 'agent-2 inbox', 'folders']);
  });
}
