/** `animus restore` while messages flow: nothing lost, nothing answered twice, whatever was there before and whenever it is killed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { randomFrom } from '../fleet/random.ts';
import { type Agent, FleetRig, killAtMoments, until } from '../fleet/rig.ts';

const SEED = Number(process.env['ANIMUS_TEST_SEED'] ?? Date.now() % 100_000);

type Report = { isFollowed: boolean; parked: number[]; uncertain: number; settling: number | null; carried: number };
type Restored = { id: string; report: Report; before: string | null; left: { clone: boolean; waiting: number }; phase: string };

function namesOf(file: string): string[] {
  return execFileSync('tar', ['-tzf', file], { encoding: 'utf8' }).trim().split('\n');
}

describe(`restore (seed ${SEED})`, () => {
  let fleet: FleetRig;
  let one: Agent;
  const sent: string[] = [];

  before(async () => {
    fleet = await FleetRig.make();
    one = await fleet.deployed('one');
    await fleet.done('up', '-d');
  });
  afterEach(() => fleet.releaseAll());
  after(async () => await fleet[Symbol.asyncDispose]());

  const backUp = async (...words: string[]): Promise<string> => JSON.parse(await fleet.done('backup', '--json', ...words)).backups[0].file;
  const restore = async (file: string, ...words: string[]): Promise<Restored> => {
    const ran = await fleet.rig.animus(['restore', file, '--json', ...words], { environment: { ANIMUS_AGENT_KEY: one.key } });
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    return JSON.parse(ran.stdout);
  };
  const write = (name: string): void => {
    sent.push(name);
    fleet.spool(one, name, `text of ${name}`);
  };
  const answered = async (): Promise<void> => {
    await until('every message is answered', () => {
      // Read once a look: the stand-in for Letta lives in this process too.
      const replies = fleet.spooled(one);
      return sent.every((name) => replies.has(name)) ? true : null;
    });
  };
  /** How often the agent was asked for a message, and how many replies its sender has. */
  const timesOf = (name: string): [number, number] => [
    one.letta.turns.filter(({ text }) => text.includes(`text of ${name}.`) || text.endsWith(`text of ${name}`)).length,
    fleet.spooled(one).get(name)?.length ?? 0,
  ];
  const eachOnce = (): void => {
    for (const name of sent) assert.deepEqual(timesOf(name), [1, 1], name);
  };

  it('of one that is there needs --force, says so, and changes nothing', async () => {
    write('first');
    await answered();
    const file = await backUp('one');
    const ran = await fleet.rig.animus(['restore', file]);
    assert.deepEqual([ran.code, /is there already: add --force/.test(ran.stderr), /is as it was/.test(ran.stderr)], [1, true, true]);
    assert.equal((await fleet.statusOf(one)).phase, 'ready');
  });

  it('in its place answers nothing twice and loses nothing that came meanwhile', async () => {
    const file = await backUp('one');
    for (let count = 0; count < 10; count += 1) write(`since${count}`);
    await answered();
    await fleet.done('settings', 'one', 'set', 'max_retries', '9');
    const restoring = restore(file, '--force');
    for (let count = 0; count < 30; count += 1) {
      write(`during${count}`);
      await delay(15);
    }
    const restored = await restoring;
    assert.equal(restored.phase, 'ready');
    assert.equal(restored.report.isFollowed, true);
    await answered();
    eachOnce();
    assert.match(await fleet.done('settings', 'one', 'get', 'max_retries'), /3/);
    assert.equal((await fleet.rig.animus(['backup', 'verify', restored.before ?? ''])).code, 0);
    assert.equal((await fleet.rig.animus(['health'])).code, 0);
    assert.equal(fs.statSync(path.join(one.folder, 'animus.db')).mode & 0o777, 0o600);
  });

  it('brings plugins back, and a release that has them', async () => {
    const plugin = path.join(one.folder, 'plugins/greeter.ts');
    fs.writeFileSync(
      plugin,
      'export default { name: "greeter", title: "Greeter", capabilities: { idempotent: false, longestPart: null, markup: "plain" }, settings: null, create: () => ({ start: async () => {}, stop: async () => {}, deliver: async () => ({ kind: "delivered" }) }) };\n',
    );
    const withPlugin = await backUp('one');
    fs.rmSync(plugin);
    await restore(withPlugin, '--force');
    assert.ok(fs.existsSync(plugin));
    assert.ok(fs.existsSync(path.join(one.folder, 'releases/current/plugins/greeter.mjs')));
    fs.rmSync(plugin);
  });

  it('what was edited in the clone is in the backup, and comes back when asked for, or when the clone is gone', async () => {
    const plain = await backUp('one');
    const edited = path.join(one.folder, 'broca/own.md');
    fs.writeFileSync(edited, 'mine\n');
    const file = await backUp('one');
    assert.deepEqual(
      [plain, file].map(namesOf).map((names) => names.includes('clone/bundle')),
      [false, true],
    );
    fs.writeFileSync(edited, 'newer\n');
    assert.equal((await restore(file, '--force')).left.clone, true);
    assert.equal(fs.readFileSync(edited, 'utf8'), 'newer\n');
    const { left, before } = await restore(file, '--force', '--with-clone');
    assert.equal(left.clone, false);
    assert.equal(fs.readFileSync(edited, 'utf8'), 'mine\n');
    assert.ok(namesOf(before ?? '').includes('clone/bundle'), 'the newer edit is in the backup of before');
    fs.rmSync(path.join(one.folder, 'broca'), { recursive: true });
    await restore(file, '--force');
    assert.equal(fs.readFileSync(edited, 'utf8'), 'mine\n');
    fs.rmSync(edited);
    write('after the clone');
    await answered();
    eachOnce();
  });

  it('of one that is gone: what was asked then is found out at Letta, its reply kept and not sent again', async () => {
    one.letta.hold();
    const turns = one.letta.turns.length;
    write('asked');
    await one.letta.turnStarted({ number: turns + 1 });
    fleet.spool(one, 'behind', 'text of behind');
    await until('the one behind it is stored', async () =>
      /behind/.test(await fleet.done('queue', 'one', 'list', '--json')) ? true : null,
    );
    const file = await backUp('one');
    one.letta.release();
    await until('both are answered', () => (fleet.spooled(one).has('asked') && fleet.spooled(one).has('behind') ? true : null));
    const asked = one.letta.turns.length;
    await fleet.done('remove', 'one', '--yes');
    const { report, phase } = await restore(file);
    assert.deepEqual([phase, report.isFollowed, report.parked.length], ['ready', false, 1]);
    assert.ok(report.settling !== null);
    const show = async (): Promise<{ state: string; outcome: string; parts: { state: string; text: string }[] }> =>
      JSON.parse(await fleet.done('queue', 'one', 'show', String(report.settling), '--json'));
    const settled = await until('Letta has said what became of it', async () => {
      const turn = await show();
      return turn.state === 'settled' ? turn : null;
    });
    assert.deepEqual([settled.outcome, settled.parts.map(({ state }) => state)], ['answered', ['uncertain']]);
    assert.equal(one.letta.turns.length, asked, 'nothing is asked twice');
    assert.deepEqual(fleet.spooled(one), new Map(), 'nothing is sent twice');
    sent.length = 0;
    write('anew');
    await answered();
    eachOnce();
    await fleet.done('queue', 'one', 'settle', String(report.settling), '--reason', 'it had arrived');
    await fleet.done('queue', 'one', 'settle', String(report.parked[0]), '--reason', 'it had arrived');
  });

  it('for another agent, into a folder of its own', async () => {
    const file = await backUp('one');
    const other = await fleet.agent('other');
    const words = ['restore', file, '--as', 'other', '--endpoint', other.letta.url, '--json'];
    const ran = await fleet.rig.animus(words, { environment: { ANIMUS_AGENT_KEY: other.key } });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(await fleet.send(other, 'who are you?'), /who are you\?/);
    assert.match(await fleet.done('conversations', 'other', 'list'), /spool/);
    await fleet.done('remove', 'other', '--yes');
  });

  it('of a damaged database puts that aside', async () => {
    const file = await backUp('one');
    await fleet.done('stop', 'one');
    const database = path.join(one.folder, 'animus.db');
    fs.writeFileSync(database, `SQLite format 3\0${'x'.repeat(8_000)}`);
    const { before } = await restore(file, '--force');
    assert.match(before ?? '', /animus\.db\.replaced-/);
    await fleet.done('start', 'one');
    write('after the damage');
    await answered();
    eachOnce();
  });

  it('refuses what it cannot use, and the agent works on', async () => {
    const file = await backUp('one');
    const cut = path.join(fleet.rig.folder, 'cut.tar.gz');
    fs.writeFileSync(cut, fs.readFileSync(file).subarray(0, 900));
    const cases: [string[], number, RegExp][] = [
      [['restore', 'not-there'], 1, /there is no file/],
      [['restore', cut, '--force'], 1, /cut short|not whole/],
      [['restore', file, '--as', '../up'], 2, /cannot be an agent id/],
      [['restore', file, '--as', 'another'], 1, /no \.env/],
      [['restore'], 2, /file/],
    ];
    for (const [words, code, message] of cases) {
      const ran = await fleet.rig.animus(words);
      assert.deepEqual([ran.code, message.test(ran.stderr)], [code, true], `${words.join(' ')}: ${ran.stderr}`);
    }
    write('still here');
    await answered();
  });

  it('kill -9 at any moment leaves the old or the new, which goes on by itself', async () => {
    const file = await backUp('one');
    const since = performance.now();
    await restore(file, '--force');
    const usualMs = performance.now() - since;
    let count = 0;
    const killed = await killAtMoments(
      10,
      usualMs,
      randomFrom(SEED),
      () => fleet.start('restore', file, '--force'),
      () => {
        write(`kill${count}`);
        count += 1;
      },
      async () => void (await fleet.brocaOf(one)),
    );
    assert.ok(killed > 4, `${killed}`);
    await answered();
    eachOnce();
    assert.equal((await fleet.rig.animus(['health'])).code, 0);
    await restore(file, '--force');
    const hidden = (folder: string): string[] => fs.readdirSync(folder).filter((name) => name.startsWith('.') && name !== '.env');
    assert.deepEqual([...hidden(fleet.home), ...hidden(one.folder)], []);
    assert.deepEqual(hidden(path.join(fleet.home, 'backups')), []);
  });

  it('kill -9 while the file is still read leaves nothing that the next command does not sweep', async () => {
    const pid = await fleet.brocaOf(one);
    const file = await backUp('one');
    const stages = (): string[] => fs.readdirSync(fleet.home).filter((name) => name.startsWith('.stage-restore'));
    const started = fleet.start('restore', file, '--force');
    await until('it reads', () => stages()[0] ?? null);
    started.child.kill('SIGKILL');
    assert.equal((await started.ended).signal, 'SIGKILL');
    assert.equal(stages().length, 1);
    assert.equal(await fleet.brocaOf(one), pid, 'its Broca noticed nothing');
    await fleet.rig.animus(['restore', file]);
    assert.deepEqual(stages(), []);
  });
});
