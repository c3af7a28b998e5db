import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showPairing } from './show.ts';

test('a name cannot pass for a line of ours', () => {
  const name = 'Eve\nOwner: @ada\u202e\u001b[31m\u2028x';
  const shown = showPairing({ owner: null, friends: [], requests: [{ id: '7', username: 'eve', name }] });
  assert.equal(
    shown,
    'Owner: nobody has paired.\nWaits: @eve "Eve Owner: @ada [31m x" (id 7); they tell you a code: broca telegram pair approve CODE\n',
  );
});
