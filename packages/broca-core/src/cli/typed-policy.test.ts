import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asTyped } from './typed-policy.ts';

test('hints are commands that this person can type', () => {
  const hint = 'broca: no reply yet: broca queue show 5';
  assert.equal(asTyped(hint, null), hint);
  assert.equal(asTyped(hint, 'ada'), 'broca: no reply yet: animus queue ada show 5');
  assert.equal(asTyped('start it with animus start, or with broca run', 'ada'), 'start it with animus start ada');
  assert.equal(asTyped('start it with animus start agent-ada, or with broca run', 'ada'), 'start it with animus start ada');
  assert.equal(asTyped('Restart the agent (animus restart), then', '72'), 'Restart the agent (animus restart 72), then');
  assert.equal(asTyped('broca settings validate, broca send', 'ada'), 'animus settings ada validate, animus send ada');
});
