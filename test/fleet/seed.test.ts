/**
 * The four programs that a person of the seed works with, and what stands for each here:
 * deploy-agent.sh → deploy, health-check.sh → health, btool → queue and users, ctool → settings.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Agent, FleetRig, killHard, until } from './rig.ts';

/** As Letta shows it; the seed's example. */
const UUID = '721679f6-c8af-4e01-8677-dc042dc80368';
const LAUNCHER = path.join(import.meta.dirname, '../../packages/animus-supervisor/bin/animus');

describe('the seed’s programs', () => {
  let fleet: FleetRig;
  let one: Agent;
  let two: Agent;

  before(async () => {
    fleet = await FleetRig.make();
    [one, two] = await Promise.all([fleet.agent(UUID), fleet.agent('9a2b3c4d-two')]);
  });
  afterEach(() => fleet.releaseAll());
  after(async () => await fleet[Symbol.asyncDispose]());

  describe('deploy-agent.sh <agent_id> <endpoint> <api_key>', () => {
    it('is `animus deploy` with the same three words: the bare id and the one with agent- name the same agent', async () => {
      const bare = await fleet.rig.animus(['deploy', UUID, `${one.letta.url}/v1/`, one.key]);
      assert.equal(bare.code, 0, bare.stderr);
      assert.match(bare.stdout, new RegExp(`^agent-${UUID} is deployed. Start it with: animus up -d\n$`));
      const again = await fleet.rig.animus(['deploy', `agent-${UUID}`, one.letta.url, one.key]);
      assert.equal(again.code, 1);
      assert.match(again.stderr, /is deployed already/);
      const whole = await fleet.rig.animus(['deploy', two.id, `${two.letta.url}/`, two.key]);
      assert.equal(whole.code, 0, whole.stderr);
      assert.deepEqual(
        fs.readdirSync(fleet.home).filter((name) => name.includes('agent')),
        [one.id, two.id].sort(),
      );
    });

    it('makes the seed’s folder: clone, .env, settings.json, database, logs, each private', () => {
      const names = fs.readdirSync(one.folder).sort();
      for (const name of ['.env', 'animus.db', 'broca', 'logs', 'releases', 'run', 'settings.json', 'inbox', 'outbox'])
        assert.ok(names.includes(name), name);
      assert.ok(fs.statSync(path.join(one.folder, 'broca/.git')).isDirectory(), 'a clone of its own');
      for (const name of ['.', 'logs', 'broca', 'run', 'inbox', 'outbox', 'releases']) assert.equal(modeOf(one, name), 0o700, name);
      for (const name of ['.env', 'settings.json', 'animus.db']) assert.equal(modeOf(one, name), 0o600, name);
      assert.equal(fs.readFileSync(path.join(one.folder, 'animus.db')).subarray(0, 15).toString(), 'SQLite format 3');
    });

    it('fills in the templates: AGENT_ID, AGENT_ENDPOINT and AGENT_API_KEY once each, the rest as the clone has it', () => {
      const written = fs.readFileSync(path.join(one.folder, '.env'), 'utf8').split('\n');
      const template = fs.readFileSync(path.join(one.folder, 'broca/templates/env'), 'utf8').split('\n');
      assert.deepEqual(
        written.filter((line) => !template.includes(line)),
        [`AGENT_ID=${one.id}`, `AGENT_ENDPOINT=${one.letta.url}`, `AGENT_API_KEY=${one.key}`],
      );
      assert.equal(written.length, template.length);
      const [settings, original] = [path.join(one.folder, 'settings.json'), path.join(one.folder, 'broca/templates/settings.json')];
      assert.equal(fs.readFileSync(settings, 'utf8'), fs.readFileSync(original, 'utf8'));
    });

    it('ends with a word and a code that is not 0 when one of the three is missing', async () => {
      for (const words of [[], ['x'], ['x', one.letta.url]]) {
        const ran = await fleet.rig.animus(['deploy', ...words]);
        assert.equal(ran.code, 2);
        assert.match(ran.stderr, /is missing/);
      }
    });
  });

  describe('health-check.sh', () => {
    it('is `animus health`, and works before anything runs: what is wanted and does not run is not well', async () => {
      const ran = await fleet.rig.animus(['health']);
      assert.equal(ran.code, 1);
      for (const { id } of [one, two])
        assert.match(ran.stdout, new RegExp(`^Agent ${id}: DB ✓ ENV ✓ BROCA ✓ LOGS ✓ · ✗ stopped\n +✗ wanted, but not running$`, 'm'));
      assert.match(ran.stdout, /^Runtime:\n✓ .*node/m);
    });

    it('all well: exit 0, a line for each agent, then the runtime; from the launcher as a person types it', async () => {
      await fleet.done('up', '-d');
      const ran = execFileSync(LAUNCHER, ['health'], { encoding: 'utf8', env: { ...process.env, ANIMUS_HOME: fleet.home } });
      for (const { id } of [one, two])
        assert.match(
          ran,
          new RegExp(
            `^Agent ${id}: DB ✓ ENV ✓ BROCA ✓ LOGS ✓ · ✓ ready, pid \\d+.*Letta ✓ · console ✓ spool ✓ · queue 0 waiting · isolation [a-z+]+$`,
            'm',
          ),
        );
      const { ok, agents, runtime } = await fleet.health();
      assert.equal(ok, true);
      assert.deepEqual(
        agents.map(({ id, db, env, broca, logs, process }) => [id, db, env, broca, logs, process.phase]),
        [one, two].map(({ id }) => [id, true, true, true, true, 'ready']),
      );
      assert.ok(runtime.supervisor);
    });

    it('a Broca that died is not well until it is back; one that somebody stopped is', async () => {
      await fleet.done('stop', two.id);
      const stopped = await fleet.rig.animus(['health', '9a2b']);
      assert.equal(stopped.code, 0);
      assert.match(stopped.stdout, /stopped by hand/);
      const { supervisor } = await fleet.status();
      killHard(supervisor.pid);
      killHard(await pidOf(one));
      const dead = await until('health sees that nothing runs', async () => {
        const health = await fleet.health();
        return health.agents[0]?.process.pid === null ? health : null;
      });
      assert.equal(dead.ok, false);
      assert.deepEqual(
        dead.agents.map(({ ok, process }) => [ok, process.phase, process.wanted]),
        [
          [false, 'stopped', 'running'],
          [true, 'stopped', 'stopped'],
        ],
      );
      await fleet.done('up', '-d');
      assert.equal((await fleet.rig.animus(['health'])).code, 0);
    });

    it('each of the four marks is missed when its file is', async () => {
      const cases: [string, 'db' | 'env' | 'broca' | 'logs', RegExp][] = [
        ['animus.db', 'db', /animus\.db is missing/],
        ['.env', 'env', /\.env: missing/],
        ['broca', 'broca', /broca\/, the clone, is missing/],
        ['logs', 'logs', /logs\/ is missing/],
      ];
      const before = fs.readdirSync(two.folder).sort();
      for (const [name, mark, fault] of cases) {
        const [there, away] = [path.join(two.folder, name), path.join(fleet.rig.folder, 'away')];
        fs.renameSync(there, away);
        const ran = await fleet.rig.animus(['health', two.id, '--json']);
        fs.renameSync(away, there);
        assert.equal(ran.code, 1, name);
        const agent = JSON.parse(ran.stdout).agents[0];
        assert.equal(agent[mark], false, name);
        assert.match(agent.faults.join('\n'), fault);
      }
      assert.deepEqual(fs.readdirSync(two.folder).sort(), before, 'health changes nothing');
    });

    it('tells of files that others could read', async () => {
      fs.chmodSync(path.join(two.folder, '.env'), 0o644);
      const ran = await fleet.rig.animus(['health', two.id]);
      fs.chmodSync(path.join(two.folder, '.env'), 0o600);
      assert.equal(ran.code, 1);
      assert.match(ran.stdout, /\.env has mode 644.*chmod 600/);
    });
  });

  describe('btool', () => {
    it('queue list and stats: what waits, with the Broca running and without', async () => {
      one.letta.hold();
      await fleet.send(one, 'a question', '--no-wait');
      await one.letta.turnStarted();
      const list = await fleet.done('queue', UUID, 'list');
      assert.match(list, /a question/);
      const listed: unknown[] = JSON.parse(await fleet.done('queue', UUID, 'list', '--json'));
      assert.equal(listed.length, 1);
      one.letta.release();
      await fleet.isIdle(one);
      await fleet.done('stop', UUID);
      assert.match(await fleet.done('queue', UUID, 'stats'), /settled|answered/i);
      await fleet.done('start', UUID);
    });

    it('queue flush drops what waits and leaves what runs', async () => {
      one.letta.hold();
      await fleet.send(one, 'this runs', '--no-wait');
      await one.letta.turnStarted({ number: 2 });
      for (const text of ['this waits', 'this too']) await fleet.send(one, text, '--no-wait', '--chat', text);
      assert.match(await fleet.done('queue', UUID, 'flush'), /2/);
      one.letta.release();
      await fleet.isIdle(one);
      assert.deepEqual(
        one.letta.turns.map(({ text }) => text.replace(/^.*\] /, '')),
        ['a question', 'this runs'],
      );
    });

    it('users list: who wrote, of this agent only', async () => {
      fleet.spool(one, 'hello', 'hello');
      await until('it is answered', () => fleet.spooled(one).get('hello') ?? null);
      assert.match(await fleet.done('users', UUID, 'list'), /till/);
      assert.doesNotMatch(await fleet.done('users', two.id, 'list'), /till/);
      const users: unknown[] = JSON.parse(await fleet.done('users', UUID, 'list', '--json'));
      assert.equal(users.length, 2);
    });
  });

  describe('ctool', () => {
    it('settings show, get and set: a mode is switched while it runs, and nothing else in the file changes', async () => {
      assert.match(await fleet.done('settings', UUID, 'show'), /message_processing\.mode +live/);
      const file = path.join(one.folder, 'settings.json');
      const before = JSON.parse(fs.readFileSync(file, 'utf8'));
      const turns = one.letta.turns.length;
      await fleet.done('settings', UUID, 'set', 'message_mode', 'echo');
      assert.equal((await fleet.done('settings', UUID, 'get', 'message_mode')).trim(), 'echo');
      assert.match(await fleet.send(one, 'only an echo'), /only an echo/);
      assert.equal(one.letta.turns.length, turns, 'Letta was not asked');
      const after = JSON.parse(fs.readFileSync(file, 'utf8'));
      assert.deepEqual(Object.keys(after).sort(), Object.keys(before).sort());
      assert.equal(modeOf(one, 'settings.json'), 0o600);
      await fleet.done('settings', UUID, 'set', 'message_mode', 'live');
      await fleet.send(one, 'live again');
      assert.equal(one.letta.turns.length, turns + 1);
    });

    it('refuses what is no setting or no value of it, and leaves the file as it is', async () => {
      const file = path.join(one.folder, 'settings.json');
      const before = fs.readFileSync(file, 'utf8');
      for (const [words, reason] of [
        [['set', 'message_mode', 'loud'], /"echo", "listen", "live"/],
        [['set', 'queue_refresh', '0'], /1 to 300/],
        [['set', 'mesage_mode', 'live'], /did you mean message_mode/],
        [['get', 'queue_refrsh'], /did you mean .*queue_refresh/],
      ] as const) {
        const ran = await fleet.rig.animus(['settings', UUID, ...words]);
        assert.equal(ran.code, 1, words.join(' '));
        assert.match(ran.stderr, reason);
      }
      assert.equal(fs.readFileSync(file, 'utf8'), before);
      assert.match(await fleet.done('settings', UUID, 'validate'), /can be used/);
    });
  });

  async function pidOf(agent: Agent): Promise<number> {
    return (await fleet.health(agent.id)).agents[0]?.process.pid ?? 0;
  }
});

function modeOf(agent: Agent, name: string): number {
  return fs.statSync(path.join(agent.folder, name)).mode & 0o777;
}
