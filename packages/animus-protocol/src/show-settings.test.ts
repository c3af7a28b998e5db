import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadBrocaConfig } from './broca-config.ts';
import { getSetting, showSettings } from './show-settings.ts';

const loaded = loadBrocaConfig({
  agentIdOfFolder: 'agent-x',
  environment:
    'AGENT_ENDPOINT=https://letta.example.org\nAGENT_API_KEY=sk-let-0123456789abcdef\nMAX_RETRIES=1\nTELEGRAM_PHONE=+49123456789\nTELEGRAM_OWNER_ID=7',
  settings: '{"message_mode":"echo","plugins":{"mine":{"enabled":true,"api_key":"abcdefghijklmnopqrstuvwxyz","limit":5}}}',
  fleet: '{"logs":{"keep_days":2}}',
});

const GET: [string, unknown, string][] = [
  ['message_mode', 'echo', 'settings.json'],
  ['message_processing.mode', 'echo', 'settings.json'],
  ['max_retries', 1, '.env'],
  ['queue_refresh', 5, 'built-in'],
  ['logs.keep_days', 2, 'fleet defaults'],
  ['agent.id', 'agent-x', 'folder name'],
  ['AGENT_ENDPOINT', 'https://letta.example.org', '.env'],
  ['AGENT_API_KEY', 'sha256:db5eb0d512d2', '.env'],
  ['TELEGRAM_PHONE', '(set)', '.env'],
  ['TELEGRAM_OWNER_ID', '7', '.env'],
  ['plugins.mine.enabled', true, 'settings.json'],
  ['plugins.mine.limit', 5, 'settings.json'],
  ['plugins.mine.api_key', 'sha256:71c480df93d6', 'settings.json'],
];
for (const [key, value, origin] of GET) {
  test(`settings get ${key}`, () => {
    const shown = getSetting(loaded, key);
    assert(shown.ok, shown.ok ? '' : shown.error);
    assert.deepEqual([shown.value.value, shown.value.origin], [value, origin]);
  });
}

test('no secret is shown', () => {
  const shown = JSON.stringify(showSettings(loaded));
  for (const secret of ['sk-let-0123456789abcdef', '+49123456789', 'abcdefghijklmnopqrstuvwxyz']) assert(!shown.includes(secret));
});

test('a setting that does not exist is named with the nearest', () => {
  const shown = getSetting(loaded, 'message_processing.mod');
  assert(!shown.ok);
  assert.match(shown.error, /did you mean message_processing\.mode\?/);
});

test('a configuration that cannot be used shows nothing', () => {
  const broken = loadBrocaConfig({ agentIdOfFolder: 'agent-x', environment: null, settings: null, fleet: null });
  assert.equal(showSettings(broken), null);
  assert.equal(getSetting(broken, 'debug_mode').ok, false);
});
