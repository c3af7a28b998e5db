import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccessKnowledge, type AccessRules, judgeSender } from './access-policy.ts';

const RULES: AccessRules = { mode: 'owner', ownerId: '1', ownerName: null, allow: ['5', '@bea'] };
const NOTHING: AccessKnowledge = { pairedOwner: null, pinned: () => null, isFriend: () => false };

function standing(sender: { id: string; username?: string }, rules: Partial<AccessRules> = {}, known: Partial<AccessKnowledge> = {}) {
  return judgeSender(sender, { ...RULES, ...rules }, { ...NOTHING, ...known }).standing;
}

test('only the owner, unless settings say more', () => {
  assert.equal(standing({ id: '1' }), 'owner');
  assert.equal(standing({ id: '5' }), 'stranger');
  assert.equal(standing({ id: '5' }, { mode: 'list' }), 'allowed');
  assert.equal(standing({ id: '6', username: 'Bea' }, { mode: 'list' }), 'allowed');
  assert.equal(standing({ id: '7' }, { mode: 'list' }), 'stranger');
  assert.equal(standing({ id: '7' }, { mode: 'open' }), 'allowed');
  assert.equal(standing({ id: '7' }, { mode: 'pairing' }, { isFriend: (id) => id === '7' }), 'allowed');
  assert.equal(standing({ id: '7' }, { mode: 'owner' }, { isFriend: () => true }), 'stranger');
  assert.equal(standing({ id: '9' }, { ownerId: null }, { pairedOwner: '9' }), 'owner');
});

test('a username means the id it first came with, and nobody who takes it later', () => {
  const rules = { ownerId: null, ownerName: 'ada' };
  const first = judgeSender({ id: '3', username: 'Ada' }, { ...RULES, ...rules }, NOTHING);
  assert.deepEqual(first, { standing: 'owner', pin: 'ada' });
  const pinned = { pinned: (name: string) => (name === 'ada' ? '3' : null) };
  assert.equal(standing({ id: '3', username: 'renamed' }, rules, pinned), 'owner');
  assert.equal(standing({ id: '4', username: 'ada' }, rules, pinned), 'stranger');
  assert.equal(standing({ id: '4', username: 'ada' }, { ownerName: 'ada' }), 'stranger', 'with an id the name does not count');
});
