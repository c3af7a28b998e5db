/**
 * One agent's plugin is hostile, another agent is its target: what it reaches at each level of isolation is what the table in
 * docs/operations.md says, no more and no less.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Isolation } from 'animus-protocol';
import { commitAll, runGit, snapshotRepository } from 'animus-testkit';
import type { Targets } from './hostile-plugin.fixture.ts';
import { type Agent, FleetRig, isAlive, until } from './rig.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const TABLE = readTable(fs.readFileSync(path.join(ROOT, 'docs/operations.md'), 'utf8'));

type Level = { isolation: Isolation; wish: 'off' | 'auto'; environment: Record<string, string>; user?: string };
const LEVELS: Level[] = [
  { isolation: 'none', wish: 'off', environment: {} },
  { isolation: 'permission', wish: 'auto', environment: { ANIMUS_BWRAP: 'off' } },
  { isolation: 'bwrap', wish: 'auto', environment: {} },
  ...(process.getuid?.() === 0 ? [{ isolation: 'bwrap+user', wish: 'auto', environment: {}, user: 'nobody' } as const] : []),
];

describe('a hostile plugin', () => {
  let fleet: FleetRig;
  let eve: Agent;
  let ada: Agent;
  let repository: string;
  let chainFile: string;
  const secret = 'violet-otter-4711';

  before(async () => {
    fleet = await FleetRig.make();
    repository = path.join(fleet.rig.folder, 'repository');
    runGit(fleet.rig.folder, ['clone', '--quiet', snapshotRepository(ROOT), repository]);
    fs.mkdirSync(path.join(repository, 'plugins'), { recursive: true });
    fs.copyFileSync(path.join(import.meta.dirname, 'hostile-plugin.fixture.ts'), path.join(repository, 'plugins/hostile.ts'));
    commitAll(repository, 'A plugin');
    fleet.configure({ broca: { repository } });
    [eve, ada] = [await fleet.deployed('eve'), await fleet.deployed('ada')];
    fs.writeFileSync(path.join(eve.folder, 'settings.json'), '{ "plugins": { "hostile": { "enabled": true } } }', { mode: 0o600 });
    fs.appendFileSync(path.join(ada.folder, '.env'), `# ${secret}\n`);
    fs.writeFileSync(path.join(fleet.rig.folder, 'personal.txt'), secret, { mode: 0o600 });
    fs.symlinkSync(path.join(ada.folder, '.env'), path.join(eve.folder, 'old-link'));
    chainFile = path.join(eve.folder, 'chain');
  });
  after(async () => {
    fs.rmSync(chainFile, { force: true });
    await fleet[Symbol.asyncDispose]();
  });

  /** What got through: the deed's name → whether it did. */
  async function unleash({ wish, environment, user }: Level): Promise<Record<string, boolean | string>> {
    const targets = path.join(eve.folder, 'targets.json');
    for (const name of [targets, path.join(eve.folder, 'deeds.json'), path.join(eve.folder, 'link')]) fs.rmSync(name, { force: true });
    fleet.configure({ broca: { repository }, supervisor: { isolation: wish, user: user ?? null } });
    const up = await fleet.rig.animus(['up', '-d'], { environment });
    if (up.code !== 0 && user !== undefined) return {};
    assert.equal(up.code, 0, up.stdout + up.stderr);
    await fleet.send(ada, secret);
    fs.writeFileSync(chainFile, '');
    const about: Targets = {
      folder: ada.folder,
      secret,
      pid: await fleet.brocaOf(ada),
      supervisorSocket: path.join(fleet.home, 'run/animus.sock'),
      personal: path.join(fleet.rig.folder, 'personal.txt'),
      chainFile,
    };
    fs.writeFileSync(`${targets}.new`, JSON.stringify(about));
    fs.renameSync(`${targets}.new`, targets);
    const file = path.join(eve.folder, 'deeds.json');
    return await until('it has tried all', () => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : null));
  }

  for (const level of LEVELS) {
    it(`with isolation ${level.isolation} reaches what docs say`, async (t) => {
      const deeds = await unleash(level);
      const status = await fleet.statusOf(eve);
      const { sandbox } = (await fleet.status()).supervisor;
      if (level.isolation.startsWith('bwrap') && !sandbox.works) {
        await fleet.done('down');
        return t.skip(sandbox.reason);
      }
      assert.equal(status.isolation, level.isolation);
      assert.equal((await fleet.health('eve')).agents[0]?.process.isolation, level.isolation);
      const seen = Object.fromEntries(Object.entries(deeds).map(([name, through]) => [name, through === true ? 'yes' : '-']));
      assert.deepEqual(seen, TABLE[level.isolation], JSON.stringify(deeds, null, 1));
      if (level.user !== undefined) {
        const own = fs.readFileSync(`/proc/${status.pid}/status`, 'utf8');
        assert.match(own, /^Uid:\t65534\t65534\t65534\t65534$/m);
        assert.match(own, /^CapEff:\t0+$/m);
        assert.equal(fs.statSync(path.join(eve.folder, 'animus.db')).uid, 65_534);
        await fleet.done('restart', 'eve');
      }
      // Whatever it started goes on for ever, and yet ends with it; the other agent has noticed nothing.
      assert.match(await fleet.send(ada, 'are you well?'), /are you well\?/);
      const tree = status.tree;
      await fleet.done('down');
      const left = fleet.processes();
      if (tree !== 'marker') assert.deepEqual(left, []);
      fs.rmSync(chainFile, { force: true });
      await until('nothing goes on', () => left.every(({ pid }) => !isAlive(pid)) || null);
      fs.rmSync(chainFile, { force: true });
    });
  }

  it('an agent that must be kept apart does not start where that is not possible', async () => {
    fleet.configure({ broca: { repository }, supervisor: { isolation: 'require' } });
    const up = await fleet.rig.animus(['up', '-d'], { environment: { ANIMUS_BWRAP: 'off' } });
    assert.equal(up.code, 1);
    const reason = 'isolation is required, and this machine gives none: ANIMUS_BWRAP=off switches it off';
    assert.match(up.stdout, new RegExp(`✗ ${ada.id}: broken: ${reason}`));
    const health = await fleet.rig.animus(['health', 'ada']);
    assert.equal(health.code, 1);
    assert.match(health.stdout, /isolation is required/);
    // Once it may, it starts by itself.
    fleet.configure({ broca: { repository }, supervisor: { isolation: 'auto' } });
    await fleet.brocaOf(ada);
    assert.equal((await fleet.statusOf(ada)).isolation, 'permission');
    await fleet.done('down');
  });
});

/** Rows of the table whose head names the levels: deed → what stands for each level. By level. */
function readTable(page: string): Record<string, Record<string, string>> {
  const lines = page.split('\n');
  const head = lines.findIndex((line) => /^\| An agent's plugin can/.test(line));
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const levels = cells(lines[head] ?? '').slice(1);
  const table: Record<string, Record<string, string>> = {};
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith('|')) break;
    const [deed = '', ...marks] = cells(line);
    for (const [index, mark] of marks.entries()) {
      const level = (levels[index] ?? '').replaceAll('`', '');
      table[level] = { ...table[level], [deed]: mark };
    }
  }
  return table;
}
