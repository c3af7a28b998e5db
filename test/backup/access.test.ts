/** `animus rotate-key` and `set-endpoint` while messages flow: checked first, nothing lost, nothing doubled, whenever they are killed. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type AnimusProcess, startLettaSimulator } from 'animus-testkit';
import { randomFrom } from '../fleet/random.ts';
import { type Agent, FleetRig, killAtMoments, until } from '../fleet/rig.ts';

const SEED = Number(process.env['ANIMUS_TEST_SEED'] ?? Date.now() % 100_000);
const NEW_KEY = 'sk-let-the-new-key-0815';

describe(`an agent's key and endpoint (seed ${SEED})`, () => {
  let fleet: FleetRig;
  let one: Agent;
  const sent: string[] = [];

  before(async () => {
    fleet = await FleetRig.make();
    one = await fleet.deployed('one');
    await fleet.done('up', '-d');
    fs.appendFileSync(path.join(one.folder, '.env'), '# mine\nWEATHER_TOKEN=abcdef\n');
  });
  after(async () => await fleet[Symbol.asyncDispose]());

  const environment = (): string => fs.readFileSync(path.join(one.folder, '.env'), 'utf8');
  const rotate = async (key: string, ...words: string[]) =>
    await fleet.rig.animus(['rotate-key', 'one', '--key-stdin', ...words], { input: `${key}\n` });
  const write = (name: string): void => {
    sent.push(name);
    fleet.spool(one, name, `text of ${name}`);
  };
  const answered = async (): Promise<void> => {
    const all = await until('every message is answered', () => {
      const replies = fleet.spooled(one);
      return sent.every((name) => replies.has(name)) ? replies : null;
    });
    for (const name of sent) assert.equal(all.get(name)?.length, 1, name);
  };

  it('a key that Letta does not take is refused, and all is as it was', async () => {
    const before = environment();
    const ran = await rotate('sk-let-wrong-key');
    assert.deepEqual([ran.code, /does not take this key/.test(ran.stderr), /Nothing was changed/.test(ran.stderr)], [1, true, true]);
    assert.doesNotMatch(ran.stdout + ran.stderr, /sk-let-wrong-key/);
    assert.equal(environment(), before);
    assert.equal((await rotate('two words')).code, 2);
    assert.equal((await fleet.rig.animus(['rotate-key', 'one'])).code, 2);
  });

  it('a good one takes the place of the old one alone, and messages that flow meanwhile are answered once', async () => {
    const before = environment();
    for (let count = 0; count < 5; count += 1) write(`before${count}`);
    one.letta.changeKey(one.id, NEW_KEY);
    const rotating = rotate(NEW_KEY, '--json');
    for (let count = 0; count < 10; count += 1) {
      write(`during${count}`);
      await delay(30);
    }
    const ran = await rotating;
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual([JSON.parse(ran.stdout).phase, ran.stdout.includes(NEW_KEY)], ['ready', false]);
    assert.equal(environment(), before.replace(one.key, NEW_KEY));
    assert.equal(fs.statSync(path.join(one.folder, '.env')).mode & 0o777, 0o600);
    await answered();
  });

  it('kill -9 at any moment leaves the old key or the new, whole; what comes meanwhile waits for a key that is taken', async () => {
    const whole = environment();
    const since = performance.now();
    assert.equal((await rotate(NEW_KEY)).code, 0);
    const usualMs = performance.now() - since;
    let key = NEW_KEY;
    let count = 0;
    const begin = (round: number): AnimusProcess => {
      one.letta.changeKey(one.id, `sk-let-key-number-${round}`);
      return fleet.rig.start(['rotate-key', 'one', '--key-stdin'], { input: `sk-let-key-number-${round}\n` });
    };
    const meanwhile = (): void => {
      write(`killed${count}`);
      count += 1;
    };
    const killed = await killAtMoments(8, usualMs, randomFrom(SEED), begin, meanwhile, async (round) => {
      const now = /AGENT_API_KEY=(\S+)/.exec(environment())?.[1] ?? '';
      assert.ok(now === key || now === `sk-let-key-number-${round}`, now);
      assert.equal(environment(), whole.replace(NEW_KEY, now));
      key = now;
    });
    assert.ok(killed > 3, `${killed}`);
    write('after the kills');
    one.letta.changeKey(one.id, NEW_KEY);
    assert.equal((await rotate(NEW_KEY)).code, 0);
    await answered();
    const asked = (name: string): number => one.letta.turns.filter(({ text }) => text.endsWith(`text of ${name}`)).length;
    for (let number = 0; number < count; number += 1) assert.equal(asked(`killed${number}`), 1, `killed${number}`);
    const left = fs.readdirSync(one.folder).filter((name) => name.startsWith('.env'));
    assert.deepEqual(left, ['.env']);
  });

  it('set-endpoint moves it to a Letta that knows it, and to no other', async () => {
    await using other = await startLettaSimulator({ agents: [{ id: one.id, apiKey: NEW_KEY }] });
    await using stranger = await startLettaSimulator({ agents: [{ id: 'agent-else', apiKey: NEW_KEY }] });
    const refused = await fleet.rig.animus(['set-endpoint', 'one', stranger.url]);
    assert.deepEqual([refused.code, /Nothing was changed/.test(refused.stderr)], [1, true]);
    assert.equal((await fleet.rig.animus(['set-endpoint', 'one', 'nonsense'])).code, 2);
    await fleet.done('set-endpoint', 'one', other.url);
    write('over there');
    await answered();
    assert.equal(other.turns.length, 1);
  });
});
