/** What is made of an attempt whose fate is unknown, over time: a Letta on a schedule, and a clock that sleeping moves on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alarm } from '../lifecycle/alarm.ts';
import { NOTICE } from './decide-policy.ts';
import { type AttemptFate, followAttempt } from './follow-attempt.ts';
import type { Attempt, AttemptOutcome, Letta, Settlement } from './letta.ts';
import { LettaStanding } from './letta-standing.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NEVER = new AbortController().signal;
const ANSWER: AttemptOutcome & { kind: 'answered' } = { kind: 'answered', messages: ['well'], newestMessageId: 'message-1' };
const CANCELLED: Settlement = { kind: 'over', outcome: { kind: 'failed', reason: 'the run was cancelled', isCancelled: true } };
const DOWN: Settlement = { kind: 'later', cause: 'unreachable', reason: 'ECONNREFUSED' };
const HELD: Settlement = { kind: 'later', cause: 'held', reason: 'the key is wrong' };
const GOING: Settlement = { kind: 'later', cause: 'going', reason: 'its run still goes' };

type Schedule = {
  /** What each look finds, the last one for ever after. */
  looks: Settlement[];
  ask?: AttemptOutcome;
  askAgain?: AttemptOutcome[];
  runId?: string | null;
  /** Real time; the looks of an attempt that has none left wait for it to pass. */
  turnTimeoutMs?: number;
  /** What an earlier process wrote down of the attempt's doubt; this one writes into it. */
  doubt?: { since: number | null };
  startsAt?: number;
};

function followed(schedule: Schedule) {
  const { looks, ask, askAgain = [], runId = 'run-1', turnTimeoutMs = 2 ** 30, doubt = { since: null }, startsAt = 0 } = schedule;
  let now = startsAt;
  const calls: string[] = [];
  const letta: Pick<Letta, 'ask' | 'askAgain' | 'settle' | 'cancel'> = {
    ask: async (_attempt, _tell, signal) => {
      calls.push('ask');
      if (turnTimeoutMs < 2 ** 30 && !signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return ask ?? { kind: 'unknown', reason: 'reset' };
    },
    askAgain: async () => {
      calls.push('ask-again');
      return askAgain.shift() ?? ANSWER;
    },
    settle: async () => {
      calls.push('settle');
      const found = looks.length > 1 ? looks.shift() : looks[0];
      assert.ok(found);
      return found;
    },
    cancel: async () => void calls.push('cancel'),
  };
  const alarm = new Alarm();
  alarm.sleep = async (ms) => {
    now += ms;
  };
  const standing = new LettaStanding();
  const attempt: Attempt = {
    turnId: 1,
    number: 1,
    otid: 'db-1:1',
    endpoint: 'http://127.0.0.1:9',
    agentId: 'agent-1',
    text: 'hello',
    images: [],
    seenMessageId: null,
    runId,
    sentAt: 0,
  };
  const deps = {
    letta: letta as Letta,
    queue: {
      recordRun: () => undefined,
      recordProgress: () => undefined,
      inDoubtSince: () => doubt.since,
      recordDoubt: (_attempt: Attempt, since: number | null) => {
        doubt.since = since;
      },
    },
    standing,
    inHand: { left: () => [], take: () => undefined, letGo: () => undefined },
    config: () => ({ turnTimeoutMs, giveUpAfterMs: DAY_MS }),
    clock: () => now,
    alarm,
  };
  const fate: Promise<AttemptFate> = followAttempt(attempt, 'ask', deps, { drain: NEVER, stop: NEVER });
  return { fate, calls, standing, sinceStart: () => now };
}

test('while Letta is away an attempt in doubt waits for it, and health says so; then it is answered', async () => {
  const away = followed({ looks: [...Array(40).fill(DOWN), { kind: 'over', outcome: ANSWER }] });
  assert.deepEqual(await away.fate, { kind: 'over', outcome: ANSWER });
  assert.ok(away.sinceStart() > 15 * MINUTE_MS);
  assert.equal(away.standing.state.state, 'unreachable', 'until the answer is recorded');
});

test('what cannot be found out for give_up_after is set aside, and its sender told', async () => {
  const away = followed({ looks: [DOWN] });
  const fate = await away.fate;
  assert.deepEqual(fate, { kind: 'set-aside', reason: 'ECONNREFUSED', notice: NOTICE.unclear, outcome: 'unknown' });
  assert.ok(away.sinceStart() >= DAY_MS && away.sinceStart() < DAY_MS + 2 * MINUTE_MS, `${away.sinceStart()} ms`);
});

test('a restart does not begin the time of a doubt anew; that of an agent that was held does', async () => {
  const doubt = { since: 0 };
  const later = followed({ looks: [DOWN], doubt, startsAt: DAY_MS - MINUTE_MS });
  assert.equal((await later.fate).kind, 'set-aside');
  assert.ok(later.sinceStart() < DAY_MS + 2 * MINUTE_MS, `${later.sinceStart()} ms`);
  const held = followed({ looks: [HELD, DOWN], doubt: { since: 0 }, startsAt: DAY_MS - MINUTE_MS });
  assert.equal((await held.fate).kind, 'set-aside');
  assert.ok(held.sinceStart() > DAY_MS + 10 * MINUTE_MS, `${held.sinceStart()} ms`);
});

test('an agent that is held keeps its attempt for as long as it takes to mend what is wrong', async () => {
  const looks = [...Array(6_000).fill(HELD), { kind: 'over' as const, outcome: ANSWER }];
  const held = followed({ looks });
  assert.deepEqual(await held.fate, { kind: 'over', outcome: ANSWER });
  assert.ok(held.sinceStart() > 2 * DAY_MS);
  assert.equal(held.standing.state.state, 'held', 'until the answer is recorded');
});

test('sent again it stays in doubt until it comes to an end of its own: that it is not taken now says nothing of before', async () => {
  const again = followed({
    looks: [{ kind: 'resend' }],
    askAgain: [
      { kind: 'unavailable', reason: '503', afterMs: null },
      { kind: 'held', reason: '401' },
      { kind: 'unknown', reason: 'reset' },
      ANSWER,
    ],
  });
  assert.deepEqual(await again.fate, { kind: 'over', outcome: ANSWER });
  assert.equal(again.calls.filter((call) => call === 'ask').length, 1);
  assert.equal(again.calls.filter((call) => call === 'ask-again').length, 4);
});

test('a run that takes too long is asked to end, and its turn set aside once it has', async () => {
  const slow = followed({ looks: [GOING, GOING, CANCELLED], turnTimeoutMs: 1 });
  const fate = await slow.fate;
  assert.equal(fate.kind === 'set-aside' && fate.notice, NOTICE.tooLong);
  assert.equal(fate.kind === 'set-aside' && fate.outcome, 'failed');
  assert.deepEqual(slow.calls.slice(0, 3), ['ask', 'cancel', 'settle']);
  // It held the agent for as long as it went on: another's turn would have run beside it.
  assert.equal(slow.calls.filter((call) => call === 'cancel').length, 3);
});

test('what was said by the end of its time is taken, a failure of its own is one, and no known run is waited for in vain', async () => {
  const last = followed({ looks: [{ kind: 'over', outcome: ANSWER }], turnTimeoutMs: 1 });
  assert.deepEqual(await last.fate, { kind: 'over', outcome: ANSWER });
  const failed: Settlement = { kind: 'over', outcome: { kind: 'failed', reason: 'llm_error' } };
  assert.equal((await followed({ looks: [failed], turnTimeoutMs: 1 }).fate).kind, 'over');
  const nameless = await followed({ looks: [GOING], turnTimeoutMs: 1, runId: null }).fate;
  assert.deepEqual([nameless.kind, nameless.kind === 'set-aside' && nameless.outcome], ['set-aside', 'unknown']);
});

test('out of time while Letta is away, it is looked for when Letta is back, and sent if it never came', async () => {
  const away = followed({ looks: [DOWN, DOWN, { kind: 'resend' }], turnTimeoutMs: 1 });
  assert.deepEqual(await away.fate, { kind: 'over', outcome: ANSWER });
  assert.equal(away.calls.at(-1), 'ask-again');
});
