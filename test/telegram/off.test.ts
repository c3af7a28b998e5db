/** What of Telegram a Broca loads: nothing while the channel is off, the library only once there is a login to connect with. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BrocaProcess } from 'animus-testkit';
import { openTelegramRig, type RigRequest } from './rig.ts';

const FIXTURE = join(import.meta.dirname, 'loaded.fixture.ts');

type Loaded = { plugin: boolean; library: boolean; all: string[]; state: string };

/** What a Broca loaded until it was ready and the channel had come to rest. */
async function loadedBy(t: TestContext, request: RigRequest, isLoggedIn: boolean): Promise<Loaded> {
  const { agent, telegram, bot } = await openTelegramRig(t, request);
  if (!isLoggedIn) rmSync(agent.path('run', 'telegram.session'));
  const file = agent.path('loaded.txt');
  await using broca = await BrocaProcess.start(agent.folder, { NODE_OPTIONS: `--import=${FIXTURE}`, ANIMUS_TEST_LOADED: file });
  const isOn = request.telegram?.['enabled'] !== false;
  if (isOn && isLoggedIn) await telegram.online(bot);
  const { channels } = await broca.beat(
    (beat) => !isOn || beat.channels.some(({ name, reason }) => name === 'telegram' && reason !== 'connecting to Telegram'),
  );
  const all = readFileSync(file, 'utf8').split('\n');
  return {
    plugin: all.some((url) => url.includes('/broca-telegram/')),
    library: all.some((url) => /\/node_modules\/telegram\//.test(url)),
    all,
    state: channels.find(({ name }) => name === 'telegram')?.state ?? 'off',
  };
}

test('nothing of Telegram is loaded while the channel is off', async (t) => {
  const { plugin, library, all, state } = await loadedBy(t, { telegram: { enabled: false } }, true);
  assert.deepEqual({ plugin, library, state }, { plugin: false, library: false, state: 'off' });
  assert.ok(
    all.some((url) => url.includes('/broca-core/')),
    'what is loaded is noted',
  );
});

test('the library is not loaded before somebody has logged in; then it is', async (t) => {
  const { plugin, library, state } = await loadedBy(t, {}, false);
  assert.deepEqual({ plugin, library, state }, { plugin: true, library: false, state: 'down' });
  const after = await loadedBy(t, {}, true);
  assert.deepEqual([after.plugin, after.library], [true, true]);
});
