/** Fault 5: defaults that did the opposite of what was meant. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BrocaProcess } from 'animus-testkit';
import { openRig, say } from './rig.ts';

test('without DEBUG_MODE the agent is asked, and with it too; a plugin that is not enabled is not even imported', async () => {
  await using rig = await openRig({ settings: { plugins: { off: { enabled: false }, unsaid: { token: 'x' } } } });
  mkdirSync(rig.agent.path('plugins'));
  for (const name of ['off', 'unsaid', 'unmentioned']) writeFileSync(rig.agent.path('plugins', `${name}.mjs`), 'process.exit(7);\n');
  const broca = await rig.start();
  assert.equal((await say(broca, { id: 'm1' })).outcome, 'answered');
  await broca.ask('settings.set', { key: 'debug_mode', value: 'true' });
  assert.equal((await say(broca, { id: 'm2' })).outcome, 'answered');
  assert.equal(rig.letta.turns.length, 2);
});

test('listen answers nobody and asks nobody', async () => {
  await using rig = await openRig({ environment: { MESSAGE_MODE: 'listen' } });
  const broca = await rig.start();
  const { outcome, parts } = await say(broca, { id: 'm1' });
  assert.deepEqual([outcome, parts], ['stored', []]);
  assert.equal(rig.letta.turns.length, 0);
});

test('what ends the start ends the process with a code that says so', async () => {
  await using rig = await openRig();
  mkdirSync(rig.agent.path('animus.db'));
  await using broca = BrocaProcess.launch(rig.agent.folder);
  const { code, signal } = await broca.exited;
  assert.ok(signal === null && code !== null && code !== 0, `it ended with ${code}`);
  assert.match(broca.stderr, /animus\.db/);
});
