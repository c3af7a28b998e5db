import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lettaErrors } from 'animus-testkit';
import type { Attempt, Settlement } from '../../packages/broca-core/src/turn/letta.ts';
import { AGENT, openRig, type Rig, toldRun, until } from './rig.ts';

const CREATE = 'conversations.messages.create';
const HOUR = 3_600_000;

/** Sends an attempt whose stream breaks at once, so that what came of it must be found out. */
async function sendAndLose(rig: Rig, changes: Partial<Attempt> = {}): Promise<Attempt> {
  const seen = await rig.letta.newestMessageId(rig.signal);
  rig.simulator.fault({ kind: 'cut', how: 'reset', afterBytes: 0, route: [CREATE, 'agents.messages.create'] });
  const attempt = rig.attempt({ seenMessageId: seen.kind === 'ok' ? seen.value : null, ...changes });
  assert.equal((await rig.letta.ask(attempt, rig.tell, rig.signal)).kind, 'unknown');
  return attempt;
}

function answer(found: Settlement): unknown {
  if (found.kind !== 'over') return found;
  return found.outcome.kind === 'answered' ? found.outcome.messages : found.outcome;
}

test('what never left may be sent', async () => {
  await using rig = await openRig();
  assert.deepEqual(await rig.letta.settle(rig.attempt({ sentAt: null }), rig.tell, rig.signal), { kind: 'resend' });
});

test('by its run: while it goes it is waited for, and read again from its beginning', async () => {
  await using rig = await openRig();
  rig.simulator.answerNext([{ kind: 'assistant', text: 'first' }, { kind: 'hold' }, { kind: 'assistant', text: 'second' }]);
  const stop = new AbortController();
  const attempt = rig.attempt();
  const asked = rig.letta.ask(attempt, rig.tell, stop.signal);
  const turn = await rig.simulator.turnStarted();
  await until(() => rig.news.some(({ kind }) => kind === 'progress'), rig);
  stop.abort();
  await asked;
  const settled = rig.restarted().settle({ ...attempt, runId: turn.runId }, rig.tell, rig.signal);
  await rig.simulator.requested({ route: 'runs.messages.stream' });
  rig.simulator.release();
  assert.deepEqual(answer(await settled), ['first', 'second']);
});

test('by its otid, where the run was never heard of; the run is told then', async () => {
  await using rig = await openRig();
  const attempt = await sendAndLose(rig, { text: 'hi' });
  const found = await rig.restarted().settle(attempt, rig.tell, rig.signal);
  assert.deepEqual(answer(found), ['echo: hi']);
  assert.equal(toldRun(rig.news), rig.simulator.turns[0]?.runId);
  assert.equal(rig.simulator.turns.length, 1);
});

test('by the message list, when Redis has forgotten all; another turn that followed is not taken for the answer', async () => {
  await using rig = await openRig();
  await rig.letta.ask(rig.attempt({ text: 'before' }), rig.tell, rig.signal);
  rig.simulator.answerNext([
    { kind: 'assistant', text: 'one' },
    { kind: 'tool', name: 'x' },
    { kind: 'assistant', text: 'two' },
  ]);
  const attempt = await sendAndLose(rig);
  await rig.simulator.turnEnded({ number: 2 });
  await rig.letta.ask(rig.attempt({ text: 'after' }), rig.tell, rig.signal);
  rig.simulator.flushRedis();
  const found = await rig.restarted().settle(attempt, rig.tell, rig.signal);
  assert.deepEqual(answer(found), ['one', 'two']);
  // The message known before may be gone, or none may have been known.
  for (const seenMessageId of [null, 'message-00000000-0000-4000-8000-000000000000']) {
    assert.deepEqual(answer(await rig.letta.settle({ ...attempt, seenMessageId }, rig.tell, rig.signal)), ['one', 'two']);
  }
});

test('by the message list, over many pages', async () => {
  await using rig = await openRig();
  const attempt = await sendAndLose(rig, { text: 'long ago' });
  await rig.simulator.turnEnded();
  rig.simulator.answerNext(Array.from({ length: 230 }, (_, at) => ({ kind: 'assistant' as const, text: `${at}` })));
  await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  rig.simulator.flushRedis();
  assert.deepEqual(answer(await rig.letta.settle(attempt, rig.tell, rig.signal)), ['echo: long ago']);
});

for (const [status, kind] of [
  ['failed', 'failed'],
  ['cancelled', 'failed'],
] as const) {
  test(`a run that is ${status} is not answered by what it said before`, async () => {
    await using rig = await openRig({ letta: { pingsOnlyMs: 20 } });
    rig.simulator.answerNext([{ kind: 'assistant', text: 'half' }, { kind: 'hold' }]);
    const attempt = await sendAndLose(rig);
    const turn = await rig.simulator.turnStarted();
    rig.simulator.vanishRun(turn.runId, status);
    for (const runId of [turn.runId, null]) {
      const found = await rig.letta.settle({ ...attempt, runId }, rig.tell, rig.signal);
      assert.equal(found.kind === 'over' && found.outcome.kind, kind);
    }
    rig.simulator.flushRedis();
    const found = await rig.letta.settle(attempt, rig.tell, rig.signal);
    assert.equal(found.kind === 'over' && found.outcome.kind, kind);
  });
}

test('a silent turn is silent, however it is found', async () => {
  await using rig = await openRig();
  rig.simulator.answerNext([{ kind: 'tool', name: 'note' }]);
  const attempt = await sendAndLose(rig);
  const { runId } = await rig.simulator.turnEnded();
  for (const known of [runId, null]) {
    const found = await rig.letta.settle({ ...attempt, runId: known }, rig.tell, rig.signal);
    assert.equal(found.kind === 'over' && found.outcome.kind, 'silent');
  }
  rig.simulator.flushRedis();
  const found = await rig.letta.settle(attempt, rig.tell, rig.signal);
  assert.equal(found.kind === 'over' && found.outcome.kind, 'silent');
});

test('a request for approval that was left open is denied, and the turn goes on to its end', async () => {
  for (const known of [true, false]) {
    await using rig = await openRig();
    rig.simulator.answerNext([
      { kind: 'assistant', text: 'May I?' },
      { kind: 'approval', name: 'bash', toolCallId: 'call_a' },
    ]);
    rig.simulator.answerNext([{ kind: 'assistant', text: 'Then not.' }]);
    const attempt = await sendAndLose(rig);
    const { runId } = await rig.simulator.turnEnded();
    const found = await rig.letta.settle({ ...attempt, runId: known ? runId : null }, rig.tell, rig.signal);
    assert.deepEqual(answer(found), ['May I?', 'Then not.']);
    // Once more, as after a crash right then: nothing is denied twice, the words are the same.
    const again = await rig.restarted().settle({ ...attempt, runId }, rig.tell, rig.signal);
    assert.deepEqual(answer(again), ['May I?', 'Then not.']);
    assert.equal(rig.simulator.turns.length, 2);
  }
});

test('no trace within the window: it may be sent again, and only one turn runs whatever was true', async () => {
  await using rig = await openRig();
  rig.simulator.fault({ kind: 'drop', route: CREATE });
  const attempt = rig.attempt({ text: 'hi' });
  assert.equal((await rig.letta.ask(attempt, rig.tell, rig.signal)).kind, 'unknown');
  assert.deepEqual(await rig.letta.settle(attempt, rig.tell, rig.signal), { kind: 'resend' });
  for (let sending = 1; sending <= 2; sending += 1) {
    const outcome = await rig.letta.ask(attempt, rig.tell, rig.signal);
    assert.deepEqual(outcome.kind === 'answered' && outcome.messages, ['echo: hi']);
  }
  assert.equal(rig.simulator.turns.length, 1);
});

test("no trace after the window, by the server's clock, is for a person to decide", async () => {
  await using rig = await openRig();
  const attempt = rig.attempt();
  rig.simulator.advance(3 * HOUR);
  assert.equal((await rig.letta.settle(attempt, rig.tell, rig.signal)).kind, 'undecidable');
  // Our clock far ahead when it was sent: ages cannot be compared.
  assert.equal((await rig.letta.settle({ ...attempt, sentAt: rig.simulator.now() + HOUR }, rig.tell, rig.signal)).kind, 'undecidable');
});

test('found after the window all the same, by its run and by the list', async () => {
  await using rig = await openRig();
  const attempt = await sendAndLose(rig, { text: 'hi' });
  const { runId } = await rig.simulator.turnEnded();
  rig.simulator.advance(4 * HOUR);
  for (const known of [runId, null]) {
    assert.deepEqual(answer(await rig.letta.settle({ ...attempt, runId: known }, rig.tell, rig.signal)), ['echo: hi']);
  }
});

test('without Redis: the list answers; without a trace nobody may send again', async () => {
  await using rig = await openRig();
  rig.simulator.redisOff();
  await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  const attempt = await sendAndLose(rig, { text: 'hi' });
  await rig.simulator.turnEnded({ number: 2 });
  assert.deepEqual(answer(await rig.letta.settle(attempt, rig.tell, rig.signal)), ['echo: hi']);
  assert.equal((await rig.letta.settle(rig.attempt({ otid: 'db-9:1' }), rig.tell, rig.signal)).kind, 'undecidable');
});

test('a server without the conversation routes drops no second message: without a trace nobody may send again', async () => {
  await using rig = await openRig();
  const route = [CREATE, 'conversations.messages.stream'];
  rig.simulator.fault({ kind: 'status', status: 404, body: { detail: 'Not Found' }, route, times: Number.POSITIVE_INFINITY });
  rig.simulator.fault({ kind: 'drop', route: 'agents.messages.create' });
  const attempt = rig.attempt();
  assert.equal((await rig.letta.ask(attempt, rig.tell, rig.signal)).kind, 'unknown');
  assert.equal((await rig.letta.settle(attempt, rig.tell, rig.signal)).kind, 'undecidable');
});

test('sent again it goes only where a second one is dropped, whatever the server could do before', async () => {
  await using rig = await openRig();
  rig.simulator.redisOff();
  const attempt = rig.attempt({ text: 'hi' });
  const foreground = rig.simulator.fault({ kind: 'drop', route: 'agents.messages.create' });
  assert.equal((await rig.letta.ask(attempt, rig.tell, rig.signal)).kind, 'unknown');
  assert.equal(foreground.hits, 1);
  assert.equal((await rig.letta.askAgain(attempt, rig.tell, rig.signal)).kind, 'unavailable');
  rig.simulator.redisOn();
  assert.deepEqual(await rig.letta.settle(attempt, rig.tell, rig.signal), { kind: 'resend' });
  const outcome = await rig.letta.askAgain(attempt, rig.tell, rig.signal);
  assert.deepEqual(outcome.kind === 'answered' && outcome.messages, ['echo: hi']);
  assert.equal(rig.simulator.turns[0]?.route, 'conversations');
});

test('while any run of the agent that may be ours still goes, nothing is decided', async () => {
  await using rig = await openRig();
  rig.simulator.hold();
  const attempt = await sendAndLose(rig, { text: 'hi' });
  await rig.simulator.turnStarted();
  rig.simulator.flushRedis({ otids: true });
  assert.equal((await rig.letta.settle(attempt, rig.tell, rig.signal)).kind, 'later');
  rig.simulator.release();
  await rig.simulator.turnEnded();
  assert.deepEqual(answer(await rig.letta.settle(attempt, rig.tell, rig.signal)), ['echo: hi']);
});

test('a run that the server lost holds nobody for ever: cancelled, it is failed', async () => {
  await using rig = await openRig({ letta: { pingsOnlyMs: 10 } });
  rig.simulator.hold();
  const attempt = rig.attempt();
  const asked = rig.letta.ask(attempt, rig.tell, rig.signal);
  const { runId } = await rig.simulator.turnStarted();
  await rig.simulator.restart('lost');
  assert.equal((await asked).kind, 'unknown');
  const waiting = await rig.letta.settle({ ...attempt, runId }, rig.tell, AbortSignal.timeout(60));
  assert.equal(waiting.kind, 'later');
  await rig.letta.cancel(runId, rig.signal);
  const found = await rig.letta.settle({ ...attempt, runId }, rig.tell, rig.signal);
  assert.deepEqual(answer(found), { kind: 'failed', reason: 'the run was cancelled', isCancelled: true });
});

test('a run that is gone without a trace is for a person to decide', async () => {
  await using rig = await openRig();
  const attempt = rig.attempt({ runId: 'run-00000000-0000-4000-8000-000000000000' });
  assert.equal((await rig.letta.settle(attempt, rig.tell, rig.signal)).kind, 'undecidable');
});

test('an attempt of another endpoint or agent is for a person to decide', async () => {
  await using rig = await openRig();
  const elsewhere = rig.attempt({ endpoint: 'https://api.letta.com' });
  assert.equal((await rig.letta.settle(elsewhere, rig.tell, rig.signal)).kind, 'undecidable');
  const other = rig.attempt({ agentId: AGENT.replace('1', '2') });
  assert.equal((await rig.letta.settle(other, rig.tell, rig.signal)).kind, 'undecidable');
  const slash = rig.attempt({ endpoint: `${rig.simulator.url}/v1/` });
  assert.equal((await rig.letta.settle(slash, rig.tell, rig.signal)).kind, 'resend');
});

test('a Letta that cannot be asked is asked later; one that refuses holds', async () => {
  await using rig = await openRig();
  const attempt = rig.attempt();
  const faults = [
    ['internal', 'unreachable'],
    ['rateLimited', 'unreachable'],
    ['unauthorized', 'held'],
    ['outOfCredits', 'held'],
  ] as const;
  for (const runId of [null, 'run-00000000-0000-4000-8000-000000000000']) {
    for (const [name, cause] of faults) {
      rig.simulator.fault({ kind: 'status', ...lettaErrors[name] });
      const found = await rig.letta.settle({ ...attempt, runId }, rig.tell, rig.signal);
      assert.deepEqual([found.kind, found.kind === 'later' && found.cause], ['later', cause]);
    }
  }
  await rig.simulator.goOffline();
  assert.equal((await rig.letta.settle(attempt, rig.tell, rig.signal)).kind, 'later');
});
