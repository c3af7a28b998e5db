import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChannelState } from 'broca-core';
import {
  approve,
  friends,
  isFriend,
  isOwnerCode,
  newCode,
  OWNER_CODE_MS,
  offerOwnership,
  ownerChanges,
  pairedOwner,
  REQUEST_MS,
  readCode,
  requestFor,
  requests,
  revoke,
} from './pairing.ts';

/** What the database keeps, without one. */
function memory(): ChannelState {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key) ?? null,
    list: (prefix) => [...values].filter(([key]) => key.startsWith(prefix)).sort(([one], [other]) => (one < other ? -1 : 1)),
    put: (changes) => {
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) values.delete(key);
        else values.set(key, value);
      }
      return true;
    },
  };
}

test('codes are read as people type them, and never mistaken', () => {
  const code = newCode();
  assert.match(code, /^[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}$/);
  assert.equal(readCode(` ${code.toLowerCase().replace('-', ' ')} `), code);
  for (const wrong of ['', 'hello', 'ABCD-EFG', 'ABCD-EFG0', 'ABCD-EFGI']) assert.equal(readCode(wrong), null, wrong);
});

test('the code of the terminal is good once, and for ten minutes', () => {
  const state = memory();
  const code = offerOwnership(state, 0) ?? '';
  assert.equal(state.get('pairing-owner')?.includes(code), false, 'only its fingerprint is kept');
  assert.equal(isOwnerCode(state, code, OWNER_CODE_MS - 1), true);
  assert.equal(isOwnerCode(state, code, OWNER_CODE_MS), false);
  assert.equal(isOwnerCode(state, newCode(), 1), false);
  state.put(ownerChanges({ id: '1' }));
  assert.equal(isOwnerCode(state, code, 1), false);
  assert.equal(pairedOwner(state)?.id, '1');
});

test('who asks keeps one code while it is good; the owner lets in by it, and out by id', () => {
  const state = memory();
  const ask = (id: string, now: number) => {
    const made = requestFor(state, { id, name: 'Bea' }, now);
    if (made !== null) state.put(made.changes);
    return made?.request.code ?? null;
  };
  const code = ask('2', 0);
  assert.ok(code);
  assert.equal(ask('2', 1), code);
  assert.equal(approve(state, newCode(), 2), null);
  assert.equal(approve(state, code, REQUEST_MS), null, 'too old');
  assert.equal(approve(state, code, 2)?.id, '2');
  assert.deepEqual([isFriend(state, '2'), friends(state).length, requests(state).length], [true, 1, 0]);
  assert.equal(approve(state, code, 3), null, 'good once');
  assert.equal(revoke(state, '2'), true);
  assert.deepEqual([isFriend(state, '2'), revoke(state, '2')], [false, false]);
});

test('strangers do not fill the disk: only so many wait, and old ones make room', () => {
  const state = memory();
  const ask = (id: number, now: number) => {
    const made = requestFor(state, { id: String(id) }, now);
    if (made !== null) state.put(made.changes);
    return made !== null;
  };
  const taken = Array.from({ length: 60 }, (_, id) => ask(id, 0));
  assert.equal(taken.filter(Boolean).length, 50);
  assert.equal(ask(99, REQUEST_MS), true);
  assert.equal(requests(state).length, 1);
});
