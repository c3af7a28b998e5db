/** Fault 3: attempts without end, and one bad message that stops everybody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRig, say } from './rig.ts';

test('a message that fails is asked as often as settings say, and the others go on while it waits', async () => {
  await using rig = await openRig({ settings: { message_processing: { max_retries: 1, retry_first: 1 } } });
  rig.letta.setScript(({ text }) =>
    text.includes('bad') ? [{ kind: 'fail', errorType: 'llm_timeout' }] : [{ kind: 'assistant', text: 'fine' }],
  );
  const broca = await rig.start();
  const bad = say(broca, { id: 'm1', text: 'bad' });
  await rig.letta.turnEnded({ number: 1 });
  const good = await say(broca, { id: 'm1', text: 'good', sender: 'bob' });
  assert.equal(good.outcome, 'answered');
  assert.deepEqual(
    rig.letta.turns.map(({ text }) => (text.includes('bad') ? 'bad' : 'good')),
    ['bad', 'good'],
    'the good one did not wait for the second try of the bad one',
  );
  const end = await bad;
  assert.equal(end.state, 'parked');
  assert.equal(end.parts.length, 1, 'its sender was told');
  await say(broca, { id: 'm2', text: 'good' });
  assert.equal(rig.letta.turns.filter(({ text }) => text.includes('bad')).length, 2, 'asked, and asked once more');
});
