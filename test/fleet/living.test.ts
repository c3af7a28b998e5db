/** A fleet at work: agents come and go while it is up, people talk to them and read their logs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Agent, FleetRig, isAlive, killHard, until } from './rig.ts';

describe('a fleet that is up', () => {
  let fleet: FleetRig;
  let one: Agent;

  before(async () => {
    fleet = await FleetRig.make();
    await fleet.done('up', '-d');
    one = await fleet.deployed('one');
  });
  afterEach(() => fleet.releaseAll());
  after(async () => await fleet[Symbol.asyncDispose]());

  describe('agents', () => {
    it('deployed while it is up, they are started at once; deploy returns when they are ready', async () => {
      const two = await fleet.agent('two');
      const ran = await fleet.deploy(two);
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, /^agent-two is deployed and ready\. Talk to it with: animus chat agent-two\n$/);
      const { phase, wanted } = await fleet.statusOf(two);
      assert.deepEqual([phase, wanted], ['ready', 'running']);
      assert.match(await fleet.send(two, 'hello'), /hello\n$/);
    });

    it('deployed with --no-start they wait, also for the next supervisor', async () => {
      const three = await fleet.deployed('three', '--no-start');
      assert.deepEqual([(await fleet.statusOf(three)).phase, (await fleet.statusOf(three)).wanted], ['stopped', 'stopped']);
      const { supervisor } = await fleet.status();
      killHard(supervisor.pid);
      await until('it is dead', () => !isAlive(supervisor.pid) || null);
      await fleet.done('up', '-d');
      assert.equal((await fleet.statusOf(three)).phase, 'stopped');
      await fleet.done('start', 'three');
      assert.equal((await fleet.statusOf(three)).phase, 'ready');
    });

    it('a folder that is moved away stops, and moved back it runs again, with all it knew', async () => {
      const [home, away] = [path.join(fleet.home, 'agent-two'), path.join(fleet.rig.folder, 'agent-two')];
      const pid = (await fleet.status()).agents.find(({ id }) => id === 'agent-two')?.pid ?? 0;
      fs.renameSync(home, away);
      await until(
        'the supervisor has let go of it',
        async () => (await fleet.status()).agents.every(({ id }) => id !== 'agent-two') || null,
      );
      assert.equal(isAlive(pid), false);
      fs.renameSync(away, home);
      await until('it runs again', async () =>
        (await fleet.status()).agents.some(({ id, phase }) => id === 'agent-two' && phase === 'ready') ? true : null,
      );
      assert.match(await fleet.done('conversations', 'two', 'list'), /console\/main/);
    });

    it('a copied folder is no second Broca: broken, with the reason', async () => {
      fs.cpSync(path.join(fleet.home, 'agent-three'), path.join(fleet.home, 'agent-copy'), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (file) => !file.endsWith('.sock'),
      });
      const copy = await until(
        'it is broken',
        async () => (await fleet.status()).agents.find(({ id, phase }) => id === 'agent-copy' && phase === 'broken') ?? null,
      );
      assert.match(String(copy.reason), /AGENT_ID = agent-three.*another agent than this folder's/);
      assert.equal((await fleet.rig.animus(['health', 'three'])).code, 0);
      await fleet.done('remove', 'copy', '--yes');
    });

    it('removed, they stop, and their data is in backups/', async () => {
      const pid = (await fleet.status()).agents.find(({ id }) => id === 'agent-three')?.pid ?? 0;
      const draft = path.join(fleet.home, 'run/drafts/agent-three.env');
      fs.mkdirSync(draft, { recursive: true });
      const { backup }: { backup: string } = JSON.parse(await fleet.done('remove', 'three', '--yes', '--json'));
      assert.equal(fs.existsSync(draft), false, 'no copy of its key stays');
      assert.equal(isAlive(pid), false);
      assert.ok(fs.existsSync(path.join(backup, 'animus.db')));
      assert.equal(fs.existsSync(path.join(fleet.home, 'agent-three')), false);
      assert.deepEqual(
        (await fleet.status()).agents.map(({ id }) => id),
        ['agent-one', 'agent-two'],
      );
    });
  });

  describe('send', () => {
    it('prints the reply and nothing else, each part of it', async () => {
      one.letta.answerNext([
        { kind: 'reasoning', text: 'not for people' },
        { kind: 'assistant', text: 'first' },
        { kind: 'tool', name: 'search' },
        { kind: 'assistant', text: 'second\nline' },
      ]);
      const ran = await fleet.rig.animus(['send', 'one', '--timeout', '20', 'tell me']);
      assert.equal(ran.code, 0);
      assert.match(ran.stdout, /^first\n+second\nline\n$/);
      assert.equal(ran.stderr, '');
    });

    it('an agent that says nothing has answered: exit 0, stdout empty', async () => {
      one.letta.answerNext([{ kind: 'reasoning', text: 'nothing to say' }]);
      const ran = await fleet.rig.animus(['send', 'one', '--timeout', '20', 'no need to answer']);
      assert.deepEqual([ran.code, ran.stdout], [0, '']);
    });

    it('--json tells the turn and its parts', async () => {
      const sent: { state: string; outcome: string; parts: { text: string; state: string }[] } = JSON.parse(
        await fleet.send(one, 'as data', '--json'),
      );
      assert.deepEqual([sent.state, sent.outcome, sent.parts.map(({ state }) => state)], ['settled', 'answered', ['sent']]);
      assert.match(sent.parts[0]?.text ?? '', /as data$/);
    });

    it('--no-wait stores it and returns; the reply is in the conversation', async () => {
      one.letta.hold();
      const ran = await fleet.rig.animus(['send', 'one', '--no-wait', 'later']);
      assert.deepEqual([ran.code, ran.stdout], [0, '']);
      one.letta.release();
      await fleet.isIdle(one);
      assert.match(await fleet.done('conversations', 'one', 'get', 'console/main'), /later[\s\S]*echo: .*later/);
    });

    it('--timeout gives up waiting, not the message: exit 1, and where the reply will be', async () => {
      one.letta.hold();
      const turns = one.letta.turns.length;
      const sending = fleet.start('send', 'one', '--timeout', '2', 'this takes long');
      await one.letta.turnStarted({ number: turns + 1 });
      const ran = await sending.ended;
      assert.deepEqual([ran.code, ran.stdout], [1, '']);
      assert.match(ran.stderr, /no reply yet.*: animus queue \S+ show \d+\n/);
      one.letta.release();
      await fleet.isIdle(one);
      assert.match(await fleet.done('conversations', 'one', 'get', 'console/main'), /echo: .*this takes long/);
      assert.equal(one.letta.turns.length, turns + 1);
    });

    it('Ctrl-C while it waits leaves the message with the agent', async () => {
      one.letta.hold();
      const turns = one.letta.turns.length;
      const sending = fleet.start('send', 'one', '--timeout', '20', 'never mind');
      await one.letta.turnStarted({ number: turns + 1 });
      sending.child.kill('SIGTERM');
      assert.notEqual((await sending.ended).code, 0);
      one.letta.release();
      await fleet.isIdle(one);
      assert.match(await fleet.done('conversations', 'one', 'get', 'console/main'), /echo: .*never mind/);
    });

    it('--attach takes a file of the folder it is called from, never one of the agent of that name', async () => {
      fs.writeFileSync(path.join(fleet.rig.folder, 'notes.txt'), 'mine');
      fs.writeFileSync(path.join(fleet.home, 'agent-one', 'notes.txt'), 'private to the agent');
      assert.match(await fleet.send(one, 'read this', '--attach', 'notes.txt'), /notes\.txt, text\/plain, 4 bytes/);
      const hidden = await fleet.rig.animus(['send', 'one', '--attach', '.env', 'and this']);
      assert.equal(hidden.code, 1);
      assert.match(hidden.stderr, /there is no file \.env/);
    });

    it('text may come from a pipe, and may begin with a dash', async () => {
      const piped = await fleet.rig.animus(['send', 'one'], { input: 'from a pipe\nin two lines\n' });
      assert.match(piped.stdout, /from a pipe\nin two lines\n$/);
      assert.match(
        (await fleet.rig.animus(['send', 'one', '--timeout', '20', '--', '--json is an option', '007'])).stdout,
        /--json is an option 007\n$/,
      );
    });
  });

  describe('logs', () => {
    type Line = { log: string; event?: string; kind?: string; level: string | number; time: string | number };
    const linesOf = async (...words: string[]): Promise<Line[]> =>
      (await fleet.done('logs', '--json', ...words))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    const sendersOf = (lines: Line[]): string[] => [...new Set(lines.map(({ log }) => log))].sort();

    it('of all, of some, of the supervisor alone; merged by time', async () => {
      const all = await linesOf('-n', '100000');
      assert.deepEqual(sendersOf(all), ['agent-one', 'agent-two', 'supervisor']);
      const times = all.map(({ time }) => new Date(time).getTime());
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      assert.deepEqual(sendersOf(await linesOf('one', 'two')), ['agent-one', 'agent-two']);
      assert.deepEqual(sendersOf(await linesOf('supervisor')), ['supervisor']);
    });

    it('-n, --since, --level and --grep choose', async () => {
      assert.equal((await linesOf('-n', '2')).length, 2);
      assert.deepEqual(await linesOf('--since', '2999-01-01'), []);
      assert.ok((await linesOf('--since', '1h')).length > 5);
      const one = await linesOf('one', '-n', '100000', '--grep', 'TURN-ENDED');
      assert.ok(one.length > 0 && one.every(({ event }) => event === 'turn-ended'));
      assert.deepEqual(await linesOf('one', '--level', 'fatal'), []);
    });

    it('for a person: time, who, level, what', async () => {
      assert.match(
        await fleet.done('logs', 'one', '-n', '1'),
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d agent-one INFO {1,2}turn-ended .*outcome=answered/,
      );
    });

    it('-f goes on through a crash and a restart, and into an agent that is deployed meanwhile', async () => {
      const following = fleet.start('logs', '-f', '-n', '0');
      // Nothing old is shown: the first line of all tells that it follows.
      let isFollowing = false;
      const first = following.said('turn-ended').then(() => {
        isFollowing = true;
      });
      await until('it follows', async () => {
        await fleet.send(one, 'are you followed?');
        return isFollowing || null;
      });
      await first;
      killHard(await fleet.brocaOf(one));
      await following.said('agent-one: was killed by SIGKILL');
      await following.said('agent-one: ready');
      await fleet.done('restart', 'one');
      await until('what it said at its end is shown', () => (/agent-one +INFO +stopped/.test(following.output()) ? true : null));
      const fresh = await fleet.deployed('new');
      await following.said('agent-new: ready');
      await fleet.send(fresh, 'welcome');
      await until('its own log is followed too', () => (/agent-new +INFO +turn-ended/.test(following.output()) ? true : null));
      following.child.kill('SIGINT');
      assert.equal((await following.ended).code, 0);
    });
  });
});
