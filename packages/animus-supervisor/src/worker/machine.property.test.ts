import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PHASES } from 'animus-protocol';
import fc from 'fast-check';
import { CRASHES, Machine, WITHSTANDS } from './machine.fixture.ts';
import { TERMINATE_MS } from './moves.ts';
import { hasProcess } from './state.ts';

type Happen = (machine: Machine) => void | Promise<void>;

/** What goes its usual way; drawn more often than what goes wrong. */
const USUAL: Record<string, Happen> = {
  'it speaks': (machine) => machine.speak(),
  'its death is seen': (machine) => machine.tellDeath(),
  'looks are answered': (machine) => machine.answerLooks(),
  'a supervisor starts': (machine) => machine.startSupervisor(),
  'the next alarm is due': (machine) => passTime(machine),
  'a person starts it': ({ worker }) => worker?.want('running', { isRemembered: true }),
  'a person stops it': ({ worker }) => worker?.want('stopped', { isRemembered: true }),
  'a person restarts it': ({ worker }) => worker?.restart('asked'),
};

/** By name, so that a story that fails can be read. */
const HAPPENINGS: Record<string, Happen> = {
  ...USUAL,
  'a person starts one by hand': (machine) => machine.startByHand(),
  'files forbid a start': ({ worker }) => worker?.send({ kind: 'files', fault: 'a copy' }),
  'files are mended': ({ worker }) => worker?.send({ kind: 'files', fault: null }),
  'its configuration needs a new process': ({ worker }) => worker?.send({ kind: 'supervision', renew: 'environment' }),
  'its link is lost': (machine) => machine.loseLink(),
  'looks take their time': (machine) => set(machine, { isLookSlow: true }),
  'the next spawn fails': (machine) => set(machine, { spawnFails: 'once' }),
  'there is no release': (machine) => set(machine, { spawnFails: 'lastingly' }),
  'there is a release': (machine) => set(machine, { spawnFails: 'no' }),
  'the disk is full': (machine) => set(machine, { isDiskFull: true }),
  'the disk has space': (machine) => set(machine, { isDiskFull: false }),
  'the record is lost': (machine) => machine.loseRecord(),
  'the supervisor is killed': (machine) => machine.killSupervisor(),
  'the machine sleeps': ({ clock }) => clock.sleepThrough(3_600_000),
  ...named([0, 1, 78], (code) => [`it exits with ${code}`, (machine) => machine.end({ kind: 'exited', code })]),
  ...named(WITHSTANDS, (what) => [`it hangs and withstands ${what}`, (machine) => machine.hang(what)]),
  ...named(CRASHES, (crash) => [`the supervisor dies ${crash}`, (machine) => set(machine, { crash })]),
};

function named<T>(each: readonly T[], name: (value: T) => [string, Happen]): Record<string, Happen> {
  return Object.fromEntries(each.map(name));
}

function set(machine: Machine, change: Partial<Pick<Machine, 'isLookSlow' | 'spawnFails' | 'isDiskFull' | 'crash'>>): void {
  Object.assign(machine, change);
}

const story = fc.array(fc.constantFrom(...Object.keys(USUAL), ...Object.keys(HAPPENINGS)), { maxLength: 40, size: 'max' });

async function passTime({ clock }: Machine): Promise<void> {
  await clock.advance((clock.nextAt ?? clock.now()) - clock.now());
}

function holds(machine: Machine): void {
  const { live, worker, clock, isDeathUntold, isLookAsked } = machine;
  assert.ok(live.length <= 1, `${live.length} processes live`);
  if (worker === null) return;
  const { phase, wanted, reason, alarmAt } = worker.state;
  const isTimed = alarmAt !== null && clock.nextAt !== null;
  const ours = live.filter(({ nonce }) => nonce !== null);
  if (hasProcess(phase)) {
    assert.ok(live.length === 1 || isDeathUntold, `nobody lives in ${phase}`);
    assert.ok(isTimed, `a process in ${phase} is held to no time`);
  } else if (phase !== 'waiting') assert.equal(ours.length, 0, `a process lives on in ${phase}`);
  if (wanted === 'running') {
    assert.ok(
      isTimed || isLookAsked || hasProcess(phase) || (phase === 'broken' && reason !== null),
      `wanted, but neither due nor told why in ${phase}`,
    );
  }
}

/** Things go well from now on: whatever came before, it is brought to where a person wants it, within a bounded time. */
async function goWell(machine: Machine, isThere: () => boolean): Promise<number> {
  const began = machine.clock.now();
  for (let times = 0; times < 40; times += 1) {
    machine.startSupervisor();
    await machine.answerLooks();
    await machine.tellDeath();
    machine.speak();
    holds(machine);
    if (isThere()) return machine.clock.now() - began;
    await passTime(machine);
  }
  return assert.fail(`it stays in ${machine.worker?.state.phase ?? 'no supervisor'}: ${machine.worker?.state.reason ?? ''}`);
}

/** What is so is on the disk too, for the next supervisor. */
function isSettled({ worker, record }: Machine): boolean {
  if (worker === null || worker.state.phase === 'waiting') return false;
  return record?.wanted === worker.state.wanted && (record.run !== null) === hasProcess(worker.state.phase);
}

test('whatever befalls processes and supervisor: one process at most, the wanted one runs or is due, a stop ends in an exit seen', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(story, fc.constantFrom(...WITHSTANDS), fc.constantFrom(null, 4), async (happenings, withstands, giveUpAfter) => {
      const restart = { longestPauseMs: 60_000, forgivenAfterMs: 60_000, withinMs: 600_000, giveUpAfter };
      const machine = new Machine({ restart });
      machine.startSupervisor();
      for (const what of happenings) {
        await HAPPENINGS[what]?.(machine);
        await machine.settle();
        holds(machine);
        seen.add(machine.worker?.state.phase ?? 'no supervisor');
      }
      set(machine, { crash: null, spawnFails: 'no', isDiskFull: false, isLookSlow: false });
      machine.endUnknown();
      await goWell(machine, () => isSettled(machine));
      machine.worker?.want('running', { isRemembered: true });
      machine.worker?.send({ kind: 'files', fault: null });
      await goWell(machine, () => machine.worker?.state.phase === 'ready' && machine.live.length === 1);
      machine.harden(withstands);
      machine.worker?.want('stopped', { isRemembered: true });
      const tookMs = await goWell(machine, () => machine.worker?.state.phase === 'stopped');
      const { stopDeadlineMs } = machine.supervision;
      assert.ok(tookMs <= stopDeadlineMs + TERMINATE_MS + 5_000, `a stop took ${tookMs} ms`);
      assert.deepEqual([machine.live.length, machine.record?.wanted, machine.record?.run], [0, 'stopped', null]);
    }),
    { numRuns: 400 },
  );
  assert.deepEqual([...seen].sort(), [...PHASES, 'no supervisor'].sort(), 'every phase was reached');
});
