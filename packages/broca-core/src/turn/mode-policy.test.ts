import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Mode } from 'animus-protocol';
import { asksAgent, takeable } from './mode-policy.ts';

const modes = (mode: Mode, channelModes: Record<string, Mode> = {}) => ({ mode, channelModes });

test('the agent is asked when any channel is live', () => {
  assert.deepEqual(
    [modes('live'), modes('echo'), modes('listen', { telegram: 'live' }), modes('live', { telegram: 'echo' })].map(asksAgent),
    [true, false, true, true],
  );
});

test('while the agent cannot be asked, channels that ask nobody go on', () => {
  assert.equal(takeable(modes('live', { telegram: 'echo' }), true), 'all');
  assert.equal(takeable(modes('live'), false), 'none');
  assert.equal(takeable(modes('live', { telegram: 'live' }), false), 'none');
  assert.equal(takeable(modes('echo'), false), 'all');
  assert.deepEqual(takeable(modes('live', { telegram: 'echo', spool: 'live' }), false), { only: ['telegram'] });
  assert.deepEqual(takeable(modes('listen', { telegram: 'live', spool: 'echo' }), false), { except: ['telegram'] });
});
