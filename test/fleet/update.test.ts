/** An agent gets a newer Broca while people write to it: nothing is lost, nothing answered twice, and one that is not well goes back. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Ran, runGit } from 'animus-testkit';
import DatabaseConstructor from 'better-sqlite3';
import type { Agent } from './rig.ts';
import { Talk, UpdateRig } from './update.rig.ts';

describe('update', () => {
  let rig: UpdateRig;
  let one: Agent;

  before(async () => {
    rig = await UpdateRig.make();
    await rig.fleet.done('up', '-d');
    one = await rig.fleet.deployed('one');
  });
  after(async () => await rig[Symbol.asyncDispose]());

  it('moves the agent to the newest commit, keeps the former release, and people notice nothing', async () => {
    const from = rig.current(one);
    const to = rig.commit('News', { 'docs/news.md': 'news\n' });
    const talk = new Talk(rig.fleet, one, 'news');
    const { code, agents } = await rig.ask('update', 'one');
    await talk.isAnswered();
    assert.equal(code, 0);
    assert.deepEqual([agents[0]?.outcome, agents[0]?.from, agents[0]?.to], ['updated', from, to]);
    assert.equal(rig.current(one), to);
    assert.equal((await rig.fleet.statusOf(one)).release, to);
    assert.equal(fs.existsSync(path.join(one.folder, 'broca/docs/news.md')), true);
    assert.deepEqual(
      fs
        .readdirSync(path.join(one.folder, 'releases'))
        .filter((name) => /^[0-9a-f]{40}/.test(name))
        .sort(),
      [from, to].sort(),
    );
    assert.equal(fs.existsSync(path.join(one.folder, '.update')), false);
  });

  it('says that there is nothing newer, and builds what was edited by hand', async () => {
    assert.equal((await rig.ask('update', 'one')).agents[0]?.outcome, 'unchanged');
    const plugin = path.join(one.folder, 'plugins/own.mjs');
    fs.writeFileSync(plugin, OWN_PLUGIN);
    const before = rig.current(one);
    const { agents } = await rig.ask('update', 'one');
    assert.deepEqual([agents[0]?.outcome, agents[0]?.to], ['updated', `${before}-2`]);
    assert.equal(fs.existsSync(path.join(one.folder, 'releases/current/plugins/own.mjs')), true);
    fs.rmSync(plugin);
  });

  it('--check tells what would come and changes nothing', async () => {
    rig.commit('Better words', { 'docs/words.md': 'better\n' });
    const before = describeFolder(one.folder);
    const { code, agents } = await rig.ask('update', 'all', '--check');
    assert.equal(code, 0);
    assert.match(agents[0]?.brings.join() ?? '', /Better words/);
    assert.equal(agents[0]?.outcome, 'would-change');
    assert.deepEqual(describeFolder(one.folder), before);
    assert.match(
      await rig.fleet.done('update', 'one', '--check'),
      /would move to [0-9a-f]{10} \(main of .*\)\n {2}brings:\n {4}[0-9a-f]+ Better words/,
    );
  });

  it('--check tells of a way back, and of edits that would be built', async () => {
    const [older, newer] = [rig.current(one).slice(0, 40), rig.head];
    assert.equal((await rig.ask('update', 'one')).code, 0);
    const said = await rig.fleet.done('update', 'one', '--check', '--ref', older);
    assert.match(said, /would go back to [0-9a-f]{10} \(.*\)\n {2}drops:\n {4}[0-9a-f]+ Better words/);
    assert.equal((await rig.ask('update', 'one', '--check')).agents[0]?.outcome, 'unchanged');
    const edited = path.join(one.folder, 'broca/packages/broca-core/src/main.ts');
    const text = fs.readFileSync(edited, 'utf8');
    fs.writeFileSync(edited, `${text}\nprocess.title = 'mine';\n`);
    const before = describeFolder(one.folder);
    assert.match(await rig.fleet.done('update', 'one', '--check'), /would be built anew, for what was edited/);
    assert.deepEqual(describeFolder(one.folder), before);
    assert.equal((await rig.ask('update', 'one')).agents[0]?.to, `${newer}-2`);
    assert.equal((await rig.ask('update', 'one', '--check')).agents[0]?.outcome, 'unchanged', 'an edit that is built is no news');
    fs.writeFileSync(edited, text);
    assert.equal((await rig.ask('update', 'one')).agents[0]?.to, newer);
  });

  it('a release that cannot start, or falls on probation after it migrated, is taken back with its database', async () => {
    const good = rig.head;
    const from = rig.current(one);
    const schema = readSchema(one);
    rig.configure({ supervisor: {} });
    for (const [message, spoil] of Object.entries(BAD_RELEASES)) {
      spoil(rig);
      const talk = new Talk(rig.fleet, one, message.replaceAll(' ', '-'));
      const { code, agents } = await rig.ask('update', 'one');
      await talk.isAnswered();
      assert.equal(code, 1);
      assert.match(agents[0]?.message ?? '', new RegExp(`is not updated, ${from} is in use again: the new release was tried and`));
      assert.match(agents[0]?.message ?? '', /exited with code \d; what it said: animus logs agent-one, or with --output what it printed$/);
      assert.equal(rig.current(one), from);
      assert.equal((await rig.fleet.statusOf(one)).release, from);
      assert.equal(readSchema(one), schema);
      assert.equal(fs.existsSync(path.join(one.folder, '.update')), false);
      rig.reset(good);
    }
    rig.configure({});
  });

  it('a migration that fails is found out on a copy, while the old Broca goes on', async () => {
    const good = rig.head;
    const pid = await rig.fleet.brocaOf(one);
    addMigration(rig, 'CREATE TABLE turns (x)');
    const { code, agents } = await rig.ask('update', 'one');
    assert.deepEqual([code, agents[0]?.outcome], [1, 'failed']);
    assert.match(agents[0]?.message ?? '', /cannot work with its database: [\s\S]*turns/);
    assert.equal(await rig.fleet.brocaOf(one), pid);
    rig.reset(good);
  });

  it('rollback goes back and forth; a migration that only adds stays, with all that came in since', async () => {
    addMigration(rig, 'CREATE TABLE more (text TEXT)', 'from - 1');
    const from = rig.current(one);
    const to = (await rig.ask('update', 'one')).agents[0]?.to;
    const schema = readSchema(one);
    assert.match(await rig.fleet.send(one, 'since then'), /since then\n$/);
    const talk = new Talk(rig.fleet, one, 'rollback');
    const back = await rig.ask('rollback', 'one');
    await talk.isAnswered();
    assert.deepEqual([back.code, back.agents[0]?.from, back.agents[0]?.to], [0, to, from]);
    assert.equal((await rig.fleet.statusOf(one)).release, from);
    assert.equal(readSchema(one), schema);
    assert.match(await rig.fleet.done('conversations', 'one', 'get', 'console/main'), /since then/);
    const upgraded = await rig.ask('upgrade', 'one');
    assert.deepEqual(
      [upgraded.code, upgraded.agents[0]?.outcome, rig.current(one)],
      [0, 'unchanged', from],
      'what was rolled back stays so',
    );
    assert.match(upgraded.agents[0]?.message ?? '', new RegExp(`${to?.slice(0, 10)}, which was rolled back, is left out`));
    assert.match((await rig.ask('update', 'one', '--check')).agents[0]?.message ?? '', /would move to/);
    assert.equal((await rig.ask('rollback', 'one')).agents[0]?.to, to);
  });

  it('a migration that an older release cannot work with is rolled back only while nothing came in', async () => {
    addMigration(rig, 'CREATE TABLE changed (text TEXT)', 'from');
    const from = rig.current(one);
    const schema = readSchema(one);
    await rig.ask('update', 'one');
    const back = await rig.ask('rollback', 'one');
    assert.equal(back.code, 0, back.agents[0]?.message);
    assert.match(back.agents[0]?.message ?? '', /with the database from before its migration/);
    assert.deepEqual([rig.current(one), readSchema(one)], [from, schema]);
    await rig.ask('update', 'one');
    await rig.fleet.send(one, 'now it is too late');
    const refused = await rig.ask('rollback', 'one');
    assert.equal(refused.code, 1);
    assert.match(
      refused.agents[0]?.message ?? '',
      /^the former release cannot work with its database: [\s\S]*written by a newer Broca[\s\S]*messages came in since \(.*turns.*\)/,
    );
    assert.match(await rig.fleet.send(one, 'it runs on'), /it runs on\n$/);
  });

  it('a backup is restored after a loss with the commit it was taken with, on the branch it was on; what is gone is said', async () => {
    const main = rig.head;
    const two = await rig.fleet.deployed('two', '--no-start');
    runGit(rig.repository, ['checkout', '--quiet', '-b', 'next']);
    addMigration(rig, 'CREATE TABLE ahead (text TEXT)');
    const next = rig.head;
    runGit(rig.repository, ['checkout', '--quiet', 'main']);
    assert.equal((await rig.ask('update', 'two', '--ref', 'next')).code, 0);
    const schema = readSchema(two);
    const file: string = JSON.parse(await rig.fleet.done('backup', 'two', '--json')).backups[0].file;
    const restore = async (): Promise<Ran> =>
      await rig.fleet.rig.animus(['restore', file, '--no-start'], { environment: { ANIMUS_AGENT_KEY: two.key } });
    await rig.fleet.done('remove', 'two', '--yes');
    const restored = await restore();
    assert.equal(restored.code, 0, restored.stderr);
    assert.deepEqual([rig.current(two), readSchema(two)], [next, schema]);
    assert.equal((await rig.ask('update', 'two')).agents[0]?.outcome, 'unchanged', 'it follows its branch');
    // One that is there on an older release is told which one the backup needs.
    await rig.fleet.done('remove', 'two', '--yes');
    assert.equal((await rig.fleet.deploy(two, '--no-start')).code, 0);
    const older = await rig.fleet.rig.animus(['restore', file, '--force']);
    assert.match(older.stderr, new RegExp(`animus update agent-two --ref ${next}, then restore it\\nagent-two is as it was`));
    assert.equal(rig.current(two), main);
    await rig.fleet.done('remove', 'two', '--yes');
    runGit(rig.repository, ['branch', '--quiet', '-D', 'next']);
    const refused = await restore();
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      new RegExp(`commit ${next}, which could not be built from there: .*broca\\.repository.*\\nNothing was changed\\.`),
    );
    assert.equal(fs.existsSync(two.folder), false);
  });

  it('of all it does one by one and stops at the first that fails; who is stopped stays stopped', async () => {
    const two = await rig.fleet.deployed('two', '--no-start');
    const good = rig.head;
    BAD_RELEASES['it dies at once'](rig);
    const failed = await rig.ask('update', 'all');
    assert.deepEqual([failed.code, failed.agents.map(({ id }) => id), failed.notTried], [1, ['agent-one'], ['agent-two']]);
    rig.reset(good);
    const to = rig.commit('For all', { 'docs/all.md': 'all\n' });
    const { code, agents } = await rig.ask('update', 'all');
    assert.deepEqual([code, agents.map(({ outcome }) => outcome)], [0, ['updated', 'updated']]);
    const { phase, wanted } = await rig.fleet.statusOf(two);
    assert.deepEqual([phase, wanted, rig.current(two)], ['stopped', 'stopped', to]);
    await rig.fleet.done('start', 'two');
    assert.equal((await rig.fleet.statusOf(two)).release, to);
  });

  it('without a supervisor it does the same: what runs is restarted and left running, what does not stays so', async () => {
    const { supervisor } = await rig.fleet.status();
    process.kill(supervisor.pid, 'SIGTERM');
    const to = rig.commit('Alone', { 'docs/alone.md': 'alone\n' });
    const talk = new Talk(rig.fleet, one, 'alone');
    const { code } = await rig.ask('update', 'one');
    await talk.isAnswered();
    assert.equal(code, 0);
    await rig.fleet.done('up', '-d');
    const status = await rig.fleet.statusOf(one);
    assert.deepEqual([status.phase, status.release], ['ready', to]);
    await rig.fleet.done('down');
    const last = rig.commit('Down', { 'docs/down.md': 'down\n' });
    assert.equal((await rig.ask('update', 'one')).code, 0);
    assert.deepEqual([rig.current(one), rig.fleet.processes()], [last, []]);
    await rig.fleet.done('up', '-d');
    assert.equal((await rig.fleet.statusOf(one)).release, last);
  });

  it('upgrade makes a runtime, moves agents to it, and removes those nobody runs on', async () => {
    const runtimes = path.join(rig.fleet.home, 'runtime');
    const [newest = ''] = fs.readdirSync(runtimes);
    // As if this Animus had been installed anew since: what they run on is called otherwise.
    pretendOlderRuntime(rig.fleet.home, newest, '0.0.1-older');
    await rig.fleet.done('restart', 'all');
    const { code, agents, removedRuntimes } = await rig.ask('upgrade');
    assert.deepEqual([code, agents.map(({ outcome }) => outcome)], [0, ['updated', 'updated']]);
    assert.deepEqual(fs.readdirSync(runtimes).sort(), ['0.0.1-older', newest].sort(), 'the former releases run on the older one');
    assert.deepEqual(removedRuntimes, []);
    rig.commit('After the upgrade', { 'docs/after.md': 'after\n' });
    assert.deepEqual((await rig.ask('update', 'all')).removedRuntimes, ['0.0.1-older']);
    assert.deepEqual(fs.readdirSync(runtimes), [newest]);
    assert.equal((await rig.ask('upgrade')).agents[0]?.outcome, 'unchanged');
  });

  it('upgrade makes a runtime again that was deleted: who runs goes on, who could not start does', async () => {
    const runtime = path.join(rig.fleet.home, 'runtime');
    const pid = await rig.fleet.brocaOf(one);
    await rig.fleet.done('stop', 'two');
    fs.rmSync(runtime, { recursive: true });
    const refused = await rig.fleet.rig.animus(['start', 'two']);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout + refused.stderr, /the runtime .* is missing: animus upgrade agent-two/);
    const { code, agents } = await rig.ask('upgrade', 'all');
    assert.deepEqual([code, agents.map(({ outcome }) => outcome)], [0, ['mended', 'mended']]);
    assert.equal(await rig.fleet.brocaOf(one), pid);
    await rig.fleet.brocaOf({ ...one, id: 'agent-two' });
    await rig.fleet.done('restart', 'one');
    assert.match(await rig.fleet.send(one, 'on a new one'), /on a new one\n$/);
  });
});

const OWN_PLUGIN = `export default {
  name: 'own',
  title: 'Own',
  settings: { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } },
  create: () => ({ capabilities: {}, start: async () => {}, stop: async () => {}, deliver: async () => ({ kind: 'sent' }) }),
};
`;

const BAD_RELEASES = {
  'it dies at once': (rig: UpdateRig) =>
    rig.edit('It dies at once', 'packages/broca-core/src/run.ts', (text) =>
      text.replace('const startedAt =', "if (argv.length === 0) throw new Error('no');\n  const startedAt ="),
    ),
  'it falls on probation': (rig: UpdateRig) => {
    addMigration(rig, 'CREATE TABLE fallen (text TEXT)');
    // After a while, as one does whose fault is in what it does now and then.
    return rig.edit('It falls on probation', 'packages/broca-core/src/lifecycle/probation.ts', (text) =>
      text.replace(
        'async serve(signal: AbortSignal): Promise<void> {',
        'async serve(signal: AbortSignal): Promise<void> {\n    setTimeout(() => process.exit(9), 1_500);',
      ),
    );
  },
} satisfies Record<string, (rig: UpdateRig) => string>;

/** Appends a migration; `worksFrom` is an expression over `from`, its own version. */
function addMigration(rig: UpdateRig, sql: string, worksFrom = 'from'): void {
  rig.edit(`A migration: ${sql}`, 'packages/broca-core/src/store/migrate.ts', (text) =>
    text.replace(/MIGRATIONS: readonly Migration\[\] = \[(.*?)\];/s, (_, known: string) => {
      const from = known.split(/,(?![^{]*\})/).length + 1;
      const works = worksFrom === 'from' ? from : from - 1;
      return `MIGRATIONS: readonly Migration[] = [${known}, { version: ${from}, worksFrom: ${works}, sql: '${sql}' }];`;
    }),
  );
}

function readSchema(agent: Agent): unknown {
  const db = new DatabaseConstructor(path.join(agent.folder, 'animus.db'), { readonly: true });
  try {
    return db.pragma('user_version', { simple: true });
  } finally {
    db.close();
  }
}

/** What is built on one runtime says from now on that it is built on another, which is the same. */
function pretendOlderRuntime(home: string, newest: string, older: string): void {
  fs.cpSync(path.join(home, 'runtime', newest), path.join(home, 'runtime', older), { recursive: true });
  for (const agent of fs.readdirSync(home).filter((name) => name.startsWith('agent-'))) {
    const releases = path.join(home, agent, 'releases');
    for (const name of fs.readdirSync(releases).filter((each) => /^[0-9a-f]{40}/.test(each))) {
      const file = path.join(releases, name, 'release.json');
      fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(newest, older));
      fs.rmSync(path.join(releases, name, 'node_modules'));
      fs.symlinkSync(path.join('../../../runtime', older, 'node_modules'), path.join(releases, name, 'node_modules'));
    }
  }
}

/** Names, sizes and times of all that is in an agent's folder, what its running Broca writes apart. */
function describeFolder(folder: string): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => !/^(run|logs|animus\.db)/.test(name) && !name.includes('.cache'))
    .map((name) => ({ name, stat: fs.lstatSync(path.join(folder, name)) }))
    .map(({ name, stat }) => (stat.isDirectory() ? name : `${name} ${stat.size} ${stat.mtimeMs}`))
    .sort();
}
