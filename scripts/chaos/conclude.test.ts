/** What ends a run with exit code 1, and what is only said. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { faultOf, warningsOf } from './conclude.ts';
import { Ledger } from './ledger.ts';
import type { Outcome } from './report.ts';

function outcome(answered: number, changes: Partial<Outcome> = {}): Outcome {
  const counts = { sent: answered, received: answered, answered, silent: 0, refused: 0, parked: 0 };
  const verdict = { counts, parkedAnswered: 0, parkedFor: new Map(), wrongs: [] };
  return { seed: 's', agents: 3, seconds: 20, drainedMs: 1, verdict, ledger: new Ledger(), crashes: [], notes: [], ...changes };
}

it('on a busy machine little flows: that is said, and is no failure', () => {
  const slow = outcome(94);
  assert.equal(faultOf(slow), null);
  assert.match(warningsOf(slow).join(), /only 94 messages were answered, at least 120 were expected.*only 0 Brocas were killed/);
});

it('what is lost, doubled or out of order, a crash, or work left undone is a failure; so is a run in which nothing flowed', () => {
  const { verdict } = outcome(500);
  for (const kind of ['lost', 'doubled', 'disordered'] as const) {
    const wrong = { kind } as Outcome['verdict']['wrongs'][number];
    assert.notEqual(faultOf(outcome(500, { verdict: { ...verdict, wrongs: [wrong] } })), null, kind);
  }
  assert.match(faultOf(outcome(500, { crashes: ['x'] })) ?? '', /crashes .*: 1/);
  assert.match(faultOf(outcome(500, { drainedMs: null })) ?? '', /in time/);
  assert.match(faultOf(outcome(0)) ?? '', /no message/);
});
