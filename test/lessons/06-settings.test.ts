/** Fault 6: a person's settings file that was overwritten, or half of it that killed the watcher. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { BrocaBeat } from 'animus-protocol';
import { BrocaProcess } from 'animus-testkit';
import { openRig, say } from './rig.ts';

/** Tells it to read its files again, as the supervisor's watcher does; gives what it says afterwards. */
async function reload(broca: BrocaProcess): Promise<BrocaBeat> {
  const link = await broca.connect('supervisor');
  link.send({ type: 'reload' });
  link.send({ type: 'request', id: 1, command: 'settings.show', args: {} });
  await link.next((frame) => frame.type === 'response');
  await link[Symbol.asyncDispose]();
  return await broca.beat(() => true);
}

test('a settings file with a typo ends the start with its place, and stays as it is', async () => {
  await using rig = await openRig();
  const written = '{\n  "message_processing": { "mode": "echo", }\n}\n';
  writeFileSync(rig.agent.path('settings.json'), written);
  await using broca = BrocaProcess.launch(rig.agent.folder);
  assert.equal((await broca.exited).code, 78);
  assert.match(broca.stderr, /settings\.json.*line 2:/);
  assert.equal(readFileSync(rig.agent.path('settings.json'), 'utf8'), written);
});

test('a typo, or half a file, met while it runs is reported; the old settings stay in force, the file as it is', async () => {
  await using rig = await openRig();
  const file = rig.agent.path('settings.json');
  const whole = '{\n  "mesage_mode": "live",\n  "message_processing": { "mode": "echo" }\n}\n';
  writeFileSync(file, whole);
  const broca = await rig.start();
  const first = await broca.beat(() => true);
  assert.equal(first.mode, 'echo');
  assert.match(first.problems.join('\n'), /mesage_mode.*did you mean message_mode/);

  const wrong = whole.replace('"echo"', '"ecco"');
  for (const [written, problem] of [
    [whole.slice(0, 50), /settings\.json.*not JSON/],
    ['', /settings\.json.*not JSON/],
    [wrong, /message_processing\.mode.*ecco/],
  ] as const) {
    writeFileSync(file, written);
    const { mode, problems } = await reload(broca);
    assert.equal(mode, 'echo');
    assert.match(problems.join('\n'), problem);
    assert.equal(readFileSync(file, 'utf8'), written);
    assert.equal((await say(broca, { id: `m${written.length}` })).outcome, 'echoed');
  }

  writeFileSync(file, '{ "message_processing": { "mode": "listen" } }');
  const mended = await reload(broca);
  assert.deepEqual([mended.mode, mended.problems], ['listen', []]);
});
