import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { type Environment, readConfig, readCredentials, telegramSettings } from './settings.ts';

function config(written: Record<string, unknown> = {}, values: Record<string, string> = {}) {
  const env: Environment = (key) => values[key];
  return readConfig(v.parse(telegramSettings, written), env);
}

function fault(written: unknown): string {
  const parsed = v.safeParse(telegramSettings, written);
  return parsed.success ? '' : parsed.issues.map(({ message }) => message).join();
}

test('with nothing said: the owner alone, no groups, Markdown', () => {
  const read = config();
  assert.ok(read.ok);
  const { access, ...rest } = read.value;
  assert.deepEqual(access, { mode: 'owner', ownerId: null, ownerName: null, allow: [] });
  assert.deepEqual(rest, {
    parseMode: 'markdown',
    groups: 'off',
    edits: 'ignore',
    bufferMs: 1_000,
    hasPreviews: true,
    fileAbove: 16_384,
    proxy: null,
  });
});

test('settings go before .env, and both are read as people write them', () => {
  const read = config(
    { parse_mode: 'MarkdownV2', allow: [5, '@Bea', 'carl'], access: 'list', proxy: 'socks5://u:p%40@[::1]:1081' },
    { TELEGRAM_BUFFER_DELAY: '2.5', TELEGRAM_OWNER_USERNAME: '@Ada', TELEGRAM_REQUIRE_OWNER: 'false' },
  );
  assert.ok(read.ok);
  assert.deepEqual(read.value.access, { mode: 'list', ownerId: null, ownerName: 'ada', allow: ['5', '@bea', '@carl'] });
  assert.deepEqual([read.value.parseMode, read.value.bufferMs], ['markdownv2', 2_500]);
  assert.deepEqual(read.value.proxy, { host: '::1', port: 1081, version: 5, username: 'u', password: 'p@' });
  const open = config({}, { TELEGRAM_REQUIRE_OWNER: 'no' });
  assert.ok(open.ok && open.value.access.mode === 'open');
  const plain = config({ parse_mode: null, buffer_delay: 0 }, { TELEGRAM_BUFFER_DELAY: '3' });
  assert.ok(plain.ok && plain.value.parseMode === 'plain' && plain.value.bufferMs === 0);
});

test('every fault is named with its key, and no secret is repeated', () => {
  const read = config(
    { proxy: 'http://user:secret@host' },
    { TELEGRAM_OWNER_ID: 'ada', TELEGRAM_BUFFER_DELAY: '99', TELEGRAM_REQUIRE_OWNER: 'maybe' },
  );
  assert.ok(!read.ok);
  for (const key of ['TELEGRAM_OWNER_ID', 'TELEGRAM_BUFFER_DELAY', 'TELEGRAM_REQUIRE_OWNER', 'proxy'])
    assert.ok(read.error.includes(key), key);
  assert.equal(read.error.includes('secret'), false);
  assert.match(fault({ parse_mode: 'BBCode' }), /"Markdown", "MarkdownV2", "HTML" or "plain"/);
  assert.match(fault({ access: 'all' }), /"owner", "list", "pairing", "open"/);
  for (const [key, value] of [
    ['TELEGRAM_API_ID', 'abc'],
    ['TELEGRAM_API_HASH', 'short-secret'],
    ['TELEGRAM_BOT_TOKEN', 'no token'],
  ] as const) {
    const credentials = readCredentials((asked) => (asked === key ? value : undefined));
    assert.ok(!credentials.ok && credentials.error.startsWith(key) && !credentials.error.includes(value));
  }
});
