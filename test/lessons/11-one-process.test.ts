/** Fault 11: a pid file that blocks the start for another's sake, and is gone before its owner has ended. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BrocaProcess } from 'animus-testkit';
import { openRig, say } from './rig.ts';

/** Only keeps a broken one from hanging: a second Broca that starts does not end. */
const PATIENCE_MS = 20_000;

test('what a killed Broca left behind blocks no start, whoever has its pid by now', async () => {
  await using rig = await openRig();
  const first = await rig.start();
  rig.letta.hold();
  await say(first, { id: 'm1', wait: false });
  await rig.letta.turnStarted();
  await first.kill('SIGKILL');
  // This process is alive and is no Broca; files of all the names the original and others use say it is one.
  for (const name of ['broca.pid', 'run/broca.pid', 'run/pid', 'logs/broca.pid']) writeFileSync(rig.agent.path(name), `${process.pid}\n`);
  rig.letta.release();
  const second = await rig.start();
  assert.equal((await say(second, { id: 'm1' })).outcome, 'answered');
});

test('while one drains, no other can start; once it has ended, it can', async () => {
  await using rig = await openRig();
  rig.letta.hold();
  const first = await rig.start();
  const reply = say(first, { id: 'm1' });
  await rig.letta.turnStarted();
  const link = await first.connect('supervisor');
  link.send({ type: 'stop', deadlineMs: 20_000 });
  await link.next(({ type }) => type === 'stopping');

  await using second = BrocaProcess.launch(rig.agent.folder);
  const late = new Promise<null>((resolve) => void setTimeout(resolve, PATIENCE_MS, null).unref());
  assert.equal((await Promise.race([second.exited, late]))?.code, 1);
  assert.match(second.stderr, /another Broca runs/);
  rig.letta.release();
  assert.equal((await reply).outcome, 'answered');
  assert.equal((await first.exited).code, 0);
  await rig.start();
});
