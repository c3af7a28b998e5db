/** An agent goes from one home to another while people write to it: everything of it arrives, and it answers everything once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { type AnimusProcess, runGit, writeFiles } from 'animus-testkit';
import { type Agent, FleetRig, killAtMoments, until } from './rig.ts';
import { Talk, UpdateRig } from './update.rig.ts';

describe('an agent that moves', () => {
  let here: UpdateRig;
  let there: FleetRig;
  let one: Agent;
  let recipient: string;
  let identity: string;

  before(async () => {
    here = await UpdateRig.make();
    there = await FleetRig.make({ broca: { repository: here.repository } });
    await here.fleet.done('up', '-d');
    await there.done('up', '-d');
    one = await here.fleet.deployed('one');
    const key = await generateIdentity();
    recipient = `age:${await identityToRecipient(key)}`;
    identity = path.join(there.rig.folder, 'age.txt');
    fs.writeFileSync(identity, `${key}\n`, { mode: 0o600 });
    writeFiles(path.join(one.folder, 'broca'), { 'docs/own.md': 'own' });
    runGit(path.join(one.folder, 'broca'), ['add', 'docs/own.md']);
    runGit(path.join(one.folder, 'broca'), ['commit', '--quiet', '--message', 'Own']);
    writeFiles(path.join(one.folder, 'broca'), { 'docs/edited.md': 'not committed' });
    assert.equal((await here.ask('update', 'one')).code, 0);
  });
  after(async () => {
    await here[Symbol.asyncDispose]();
    await there[Symbol.asyncDispose]();
  });

  /** The same agent in the other home. */
  const moved = (): Agent => ({ ...one, folder: path.join(there.home, one.id) });
  const importFile = async (file: string, ...words: string[]): Promise<void> =>
    void (await there.done('import', file, '--identity', identity, ...words));

  it('with --move it runs there and no more here; what waited in its inbox goes along, each message is answered once', async () => {
    one.letta.hold();
    here.fleet.spool(one, 'in-hand', '<in-hand>');
    await one.letta.turnStarted();
    const moving = here.fleet.start('export', 'one', '--move', '--encrypt', recipient, '--to', path.join(here.fleet.rig.folder, 'one.age'));
    await until('it stops', async () => ((await here.fleet.statusOf(one)).phase === 'stopping' ? true : null));
    here.fleet.spool(one, 'late', '<late>');
    one.letta.release();
    const { code, stderr } = await moving.ended;
    assert.equal(code, 0, stderr);
    assert.equal(fs.existsSync(one.folder), false);
    assert.deepEqual((await here.fleet.status()).agents, []);
    await importFile(path.join(here.fleet.rig.folder, 'one.age'));
    const agent = moved();
    assert.equal((await there.statusOf(agent)).phase, 'ready');
    await until('the late message is answered there', () => there.spooled(agent).get('late') ?? null);
    for (const name of ['in-hand', 'late']) assert.equal(one.letta.turns.filter(({ text }) => text.includes(`<${name}>`)).length, 1);
    assert.equal(fs.readFileSync(path.join(agent.folder, 'broca/docs/edited.md'), 'utf8'), 'not committed');
    assert.match(runGit(path.join(agent.folder, 'broca'), ['log', '-1', '--format=%s']), /^Own$/);
    assert.match(await there.send(agent, 'are you well?'), /are you well\?\n$/);
    // Put in its place once more: what waited in the file was answered since.
    const file = path.join(here.fleet.rig.folder, 'one.age');
    const again: { left: unknown } = JSON.parse(await there.done('restore', file, '--identity', identity, '--force', '--json'));
    assert.deepEqual(again.left, { clone: true, waiting: 0 });
    await until(
      'its inbox is empty',
      () => fs.readdirSync(path.join(agent.folder, 'inbox')).every((name) => !name.endsWith('.json')) || null,
    );
    assert.match(await there.send(agent, 'and now?'), /and now\?\n$/);
    for (const name of ['in-hand', 'late']) assert.equal(one.letta.turns.filter(({ text }) => text.includes(`<${name}>`)).length, 1);
  });

  it('is updated there as it was here', async () => {
    const to = here.commit('Newer', { 'docs/newer.md': 'newer\n' });
    const ran = await there.rig.animus(['update', 'one', '--json']);
    assert.equal(ran.code, 0, ran.stdout);
    assert.equal(runGit(path.join(moved().folder, 'broca'), ['rev-parse', 'HEAD^']), to);
  });

  it('a copy taken while it works answers nothing twice: what was open in it is set aside or looked up', async () => {
    const agent = moved();
    const talk = new Talk(there, agent, 'copied');
    await until('messages flow', () => (talk.count > 5 ? true : null));
    const file = path.join(there.rig.folder, 'copy.age');
    await there.done('export', 'one', '--encrypt', recipient, '--to', file);
    await talk.isAnswered();
    await there.done('remove', 'one', '--yes');
    const asked = one.letta.turns.length;
    await importFile(file);
    // What became of it is known, or is for a person to decide: a reply may have been handed over before.
    await until('nothing of it is on its way', async () => {
      const open: { state: string; unsent: number }[] = JSON.parse(await there.done('queue', 'one', 'list', '--json'));
      return open.every(({ state, unsent }) => (state === 'parked' || state === 'settled') && unsent === 0) || null;
    });
    assert.equal(one.letta.turns.length, asked);
  });

  it('killed at any moment an import is there whole or not at all, and the others work on', async () => {
    const agent = moved();
    const other = await there.deployed('two');
    const file = path.join(there.rig.folder, 'killed.age');
    await there.done('export', 'one', '--encrypt', recipient, '--move', '--to', file);
    const since = performance.now();
    await importFile(file, '--no-start');
    const usualMs = performance.now() - since;
    await there.done('remove', 'one', '--yes');
    const beside: string[] = [];
    const write = (): void => {
      // A message every 100 ms.
      const name = `beside-${Math.floor(performance.now() / 100)}`;
      if (beside.at(-1) === name) return;
      beside.push(name);
      there.spool(other, name, `<${name}>`);
    };
    const begin = (): AnimusProcess => there.start('import', file, '--identity', identity);
    await killAtMoments(5, usualMs, Math.random, begin, write, async (round) => {
      if (!fs.existsSync(agent.folder)) return;
      await there.brocaOf(agent);
      assert.match(await there.send(agent, `round ${round}`), /round/);
      await there.done('remove', 'one', '--yes');
    });
    await importFile(file);
    await until('the other has answered all', () => beside.every((name) => there.spooled(other).get(name)?.length === 1) || null);
    assert.equal((await there.statusOf(agent)).phase, 'ready');
    assert.deepEqual(
      fs.readdirSync(there.home).filter((name) => name.startsWith('.stage')),
      [],
    );
  });

  it('killed at any moment an export --move leaves it here or in a file that is whole, never running in both, and nothing twice', async () => {
    const agent = moved();
    const fileOf = (round: number | string): string => path.join(there.rig.folder, `moved-${round}.age`);
    const since = performance.now();
    await there.done('export', 'one', '--encrypt', recipient, '--move', '--to', fileOf('first'));
    const usualMs = performance.now() - since;
    await importFile(fileOf('first'));
    const sent: string[] = [];
    let isHere = true;
    /** Until it stops: what a program drops beside a folder that is moving away is that program's to repeat. */
    const write = (): void => {
      isHere &&= fs.existsSync(path.join(agent.folder, 'run/broca.sock'));
      if (!isHere) return;
      there.spool(agent, `moving-${sent.length}`, `<moving-${sent.length}>`);
      sent.push(`moving-${sent.length}`);
    };
    const begin = (round: number): AnimusProcess => there.start('export', 'one', '--move', '--encrypt', recipient, '--to', fileOf(round));
    const killed = await killAtMoments(5, usualMs, Math.random, begin, write, async (round) => {
      const hasFile = fs.existsSync(fileOf(round));
      if (hasFile) await there.done('backup', 'verify', fileOf(round), '--identity', identity);
      // Gone from here, its file is there; stopped here, it runs nowhere until somebody says where.
      if (fs.existsSync(agent.folder)) await there.done('start', 'one');
      else {
        assert.ok(hasFile);
        await importFile(fileOf(round));
      }
      isHere = true;
      await there.brocaOf(agent);
    });
    assert.ok(killed > 0);
    await until('every message is answered', () => sent.every((name) => there.spooled(agent).has(name)) || null);
    for (const name of sent) {
      const asked = one.letta.turns.filter(({ text }) => text.includes(`<${name}>`)).length;
      assert.deepEqual([asked, there.spooled(agent).get(name)?.length], [1, 1], name);
    }
    assert.equal((await there.rig.animus(['health'])).code, 0);
  });

  it('says what stands in the way, and changes nothing', async () => {
    const plain = path.join(there.rig.folder, 'plain.tar.gz');
    await there.done('export', 'one', '--to', plain);
    const again = await there.rig.animus(['export', 'one', '--to', plain]);
    assert.deepEqual([again.code, /is there already/.test(again.stderr)], [1, true]);
    const present = await there.rig.animus(['import', plain]);
    assert.equal(present.code, 1);
    assert.match(present.stderr, new RegExp(`is there already, .*: animus restore ${plain} --force\\n`));
    fs.writeFileSync(path.join(moved().folder, 'run/telegram.session'), 'login', { mode: 0o600 });
    const session = await there.rig.animus(['export', 'one', '--move', '--to', `${plain}.2`]);
    assert.match(session.stderr, /has a login \(run\/telegram\.session\) that only an encrypted export takes along/);
    assert.equal((await there.statusOf(moved())).phase, 'ready');
    await there.done('remove', 'one', '--yes');
    const keyless = await there.rig.animus(['import', plain]);
    assert.notEqual(keyless.code, 0);
    assert.equal(fs.existsSync(moved().folder), false);
    const ran = await there.rig.animus(['import', plain], { environment: { ANIMUS_AGENT_KEY: one.key } });
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /^agent-one is imported from /);
  });
});
