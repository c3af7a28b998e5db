/** What is killed, and when: whatever dies in the middle of a fleet at work, each message is answered once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { commitAll, runGit, snapshotRepository, writeFiles } from 'animus-testkit';
import { type Agent, FleetRig, isAlive, killHard, until } from './rig.ts';

const ROOT = path.join(import.meta.dirname, '../..');

describe('kill -9', () => {
  let fleet: FleetRig;
  let one: Agent;
  let two: Agent;

  before(async () => {
    fleet = await FleetRig.make();
    [one, two] = await Promise.all([fleet.deployed('one'), fleet.deployed('two')]);
    await fleet.done('up', '-d');
  });
  afterEach(() => fleet.releaseAll());
  after(async () => await fleet[Symbol.asyncDispose]());

  it('of a Broca in the middle of a turn: `animus send` that waits gets the one reply', async () => {
    const pid = await fleet.brocaOf(one);
    one.letta.hold();
    const sending = fleet.start('send', 'one', '--timeout', '20', 'are you there?');
    await one.letta.turnStarted();
    killHard(pid);
    await until('a new Broca is ready', async () => (await fleet.brocaOf(one)) !== pid || null);
    one.letta.release();
    const { code, stdout, stderr } = await sending.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^echo: [^\n]* are you there\?\n$/);
    assert.equal(one.letta.turns.length, 1);
    const { restarts, reason } = await fleet.statusOf(one);
    assert.equal(restarts, 1);
    assert.match(String(reason), /SIGKILL/);
  });

  it('of a Broca in the middle of a turn: a message from a file gets one reply in one file', async () => {
    const pid = await fleet.brocaOf(one);
    one.letta.hold();
    fleet.spool(one, 'question', 'and now?');
    await one.letta.turnStarted({ number: 2 });
    killHard(pid);
    one.letta.release();
    const replies = await until('the reply is handed over', () => fleet.spooled(one).get('question') ?? null);
    assert.equal(replies.length, 1);
    assert.match(replies[0] ?? '', /and now\?$/);
    await fleet.isIdle(one);
    assert.equal(one.letta.turns.length, 2);
    assert.equal(fleet.spooled(one).get('question')?.length, 1);
    assert.equal((await fleet.statusOf(one)).restarts, 2);
    assert.equal((await fleet.statusOf(two)).restarts, 0);
  });

  it('of the supervisor with messages on their way: the Brocas go on, the next `up` takes the same ones over, nothing is doubled', async () => {
    const pids = [await fleet.brocaOf(one), await fleet.brocaOf(two)];
    const { supervisor } = await fleet.status();
    const names = Array.from({ length: 12 }, (_, number) => `flow-${number}`);
    const killAt = 5;
    for (const [number, name] of names.entries()) {
      for (const agent of [one, two]) fleet.spool(agent, name, name, `chat-${number % 3}`);
      if (number === killAt) killHard(supervisor.pid);
    }
    await until('the supervisor is dead', () => !isAlive(supervisor.pid) || null);
    assert.equal((await fleet.rig.animus(['status'])).code, 3);
    assert.match(await fleet.send(two, 'without a supervisor'), /without a supervisor\n$/);
    const alone = await fleet.health();
    assert.equal(alone.ok, true, JSON.stringify(alone));
    assert.match(alone.runtime.warnings.join(), /no supervisor/);
    await fleet.done('up', '-d');
    assert.deepEqual([await fleet.brocaOf(one), await fleet.brocaOf(two)], pids);
    assert.deepEqual([(await fleet.statusOf(one)).restarts, (await fleet.statusOf(two)).restarts], [2, 0]);
    for (const agent of [one, two]) {
      await until(`${agent.id} has answered all`, () => names.every((name) => fleet.spooled(agent).has(name)) || null);
      for (const name of names) {
        assert.equal(fleet.spooled(agent).get(name)?.length, 1, name);
        assert.equal(agent.letta.turns.filter(({ text }) => text.endsWith(` ${name}`)).length, 1, name);
      }
    }
    assert.equal(fleet.ownProcesses().length, 5, 'one supervisor, two shims, two Brocas');
  });

  it('of the supervisor and a Broca both: `up` starts the one that is missing and says what it died of', async () => {
    const pids = [await fleet.brocaOf(one), await fleet.brocaOf(two)];
    const { supervisor } = await fleet.status();
    two.letta.hold();
    const before = two.letta.turns.length;
    const sending = fleet.start('send', 'two', '--timeout', '20', 'through all of it');
    await two.letta.turnStarted({ number: before + 1 });
    killHard(supervisor.pid);
    killHard(pids[1] ?? 0);
    await until('both are dead', () => (!isAlive(supervisor.pid) && !isAlive(pids[1] ?? 0)) || null);
    two.letta.release();
    const health = await fleet.health();
    assert.equal(health.ok, false);
    assert.match(health.agents[1]?.faults.join() ?? '', /wanted, but not running/);
    await fleet.done('up', '-d');
    assert.equal(await fleet.brocaOf(one), pids[0]);
    assert.notEqual(await fleet.brocaOf(two), pids[1]);
    assert.match(String((await fleet.statusOf(two)).reason), /SIGKILL/);
    const { code, stdout, stderr } = await sending.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^echo: [^\n]* through all of it\n$/);
    assert.equal(two.letta.turns.length, before + 1);
  });

  it('of a Broca a moment after it was ready: neither `start` nor `up -d` calls it ready', async () => {
    const repository = path.join(fleet.rig.folder, 'repository');
    runGit(fleet.rig.folder, ['clone', '--quiet', snapshotRepository(ROOT), repository]);
    writeFiles(repository, { 'plugins/doomed.ts': DOOMED });
    commitAll(repository, 'A plugin that takes its Broca with it');
    fleet.configure({ broca: { repository } });
    const agent = await fleet.deployed('doomed', '--no-start');
    const settings = path.join(agent.folder, 'settings.json');
    fs.writeFileSync(settings, '{ "plugins": { "doomed": { "enabled": true } } }');
    const started = await fleet.rig.animus(['start', 'doomed']);
    assert.equal(started.code, 1, started.stdout);
    assert.match(started.stdout, /✗ agent-doomed: (was ready, but is backing-off now|died before it was ready).*SIGKILL/);
    const up = await fleet.rig.animus(['up', '-d']);
    assert.equal(up.code, 1, up.stdout);
    assert.match(up.stdout, /✓ agent-one: ready[\s\S]*✗ agent-doomed: |✗ agent-doomed: [\s\S]*✓ agent-one: ready/);
    assert.match(up.stderr, /not every agent is ready/);
    fs.writeFileSync(settings, '{}');
    await fleet.done('restart', 'doomed');
    assert.match(await fleet.done('up', '-d'), /✓ agent-doomed: ready/);
  });

  it('down ends all of it, and nothing of the home runs any more', async () => {
    await fleet.done('down');
    assert.deepEqual(fleet.processes(), []);
  });
});

/** A channel, by channel/channel.ts, whose start is the end of the process. */
const DOOMED = `export default {
  name: 'doomed',
  title: 'Doomed',
  capabilities: { idempotent: false, longestPart: null, markup: 'plain' },
  enabledByDefault: false,
  settings: { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } },
  create: () => ({
    start: async () => void process.kill(process.pid, 'SIGKILL'),
    stop: async () => undefined,
    deliver: async () => ({ kind: 'sent', platformId: null }),
  }),
};
`;
