import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareFolders, findSharedIdentities, firstWanted } from './reconcile-policy.ts';

test('folders that came and went', () => {
  assert.deepEqual(compareFolders(['agent-a', 'agent-b'], ['agent-b', 'agent-c']), { added: ['agent-c'], removed: ['agent-a'] });
});

test('stopped by hand stays stopped; autostart holds back fresh starts only', () => {
  assert.equal(firstWanted(null, true), 'running');
  assert.equal(firstWanted(null, false), 'stopped');
  assert.equal(firstWanted({ wanted: 'stopped', ran: true }, true), 'stopped');
  assert.equal(firstWanted({ wanted: 'running', ran: true }, false), 'running');
  assert.equal(firstWanted({ wanted: 'running', ran: false }, false), 'stopped');
});

test('a shared identity: the one that runs keeps it, else the first by id; the others are told whose it is', () => {
  const agents = [
    { agent: 'agent-a', runs: false, identities: ['x'] },
    { agent: 'agent-b', runs: true, identities: ['x', 'y'] },
    { agent: 'agent-c', runs: false, identities: ['z'] },
    { agent: 'agent-d', runs: false, identities: ['z'] },
    { agent: 'agent-e', runs: false, identities: [] },
  ] as const;
  const faults = findSharedIdentities(agents);
  assert.deepEqual([...faults.keys()].sort(), ['agent-a', 'agent-d']);
  assert.match(faults.get('agent-a') ?? '', /agent-b/);
  assert.match(faults.get('agent-d') ?? '', /agent-c/);
});
