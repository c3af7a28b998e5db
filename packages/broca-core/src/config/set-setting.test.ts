import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { formatProblem } from 'animus-protocol';
import { planSetting, setSetting } from './set-setting.ts';

const SET: [string, string | null, string, string, string, unknown][] = [
  [
    'nested, by its flat name',
    '{"message_processing":{"mode":"live"}}',
    'message_mode',
    'echo',
    '{"message_processing":{"mode":"echo"}}',
    'live',
  ],
  ['flat, by its nested name', '{"message_mode":"live"}', 'message_processing.mode', 'echo', '{"message_mode":"echo"}', 'live'],
  [
    'flat and nested: the one that counts',
    '{"message_mode":"live","message_processing":{"mode":"live"}}',
    'message_mode',
    'echo',
    '{"message_mode":"live","message_processing":{"mode":"echo"}}',
    'live',
  ],
  ['new: nested', null, 'message_mode', 'echo', '{\n  "message_processing": {\n    "mode": "echo"\n  }\n}\n', undefined],
  ['an empty file', '', 'queue_refresh', '10', '{\n  "message_processing": {\n    "queue_refresh": 10\n  }\n}\n', undefined],
  ['a number', '{"max_retries":3}', 'max_retries', '0', '{"max_retries":0}', 3],
  ['a boolean', '{"debug_mode":false}', 'debug_mode', 'yes', '{"debug_mode":true}', false],
  ['a boolean as 1', '{"debug_mode":false}', 'debug_mode', '1', '{"debug_mode":true}', false],
  ['a text that looks like a number', '{"agent":{"name":"x"}}', 'agent.name', '5', '{"agent":{"name":"5"}}', 'x'],
  [
    'a plugin switch',
    '{"plugins":{"telegram":{"enabled":true}}}',
    'plugins.telegram.enabled',
    'no',
    '{"plugins":{"telegram":{"enabled":false}}}',
    true,
  ],
  [
    'a plugin setting',
    '{"plugins":{"telegram":{}}}',
    'plugins.telegram.parse_mode',
    'HTML',
    '{"plugins":{"telegram":{"parse_mode":"HTML"}}}',
    undefined,
  ],
  [
    'a plugin text that means no elsewhere',
    '{"plugins":{"a":{}}}',
    'plugins.a.language',
    'no',
    '{"plugins":{"a":{"language":"no"}}}',
    undefined,
  ],
  [
    'an id that no number holds',
    '{"plugins":{"a":{}}}',
    'plugins.a.chat',
    '12345678901234567890',
    '{"plugins":{"a":{"chat":"12345678901234567890"}}}',
    undefined,
  ],
  ['a list', '{"plugins":{"a":{}}}', 'plugins.a.list', '[1,"x"]', '{"plugins":{"a":{"list":[1,"x"]}}}', undefined],
  ['another key is wrong', '{"queue_refresh":"x","max_retries":3}', 'max_retries', '4', '{"queue_refresh":"x","max_retries":4}', 3],
  ['the wrong key itself', '{"queue_refresh":"x"}', 'queue_refresh', '4', '{"queue_refresh":4}', 'x'],
];
for (const [name, before, key, value, after, was] of SET) {
  test(`settings set: ${name}`, () => {
    const planned = planSetting(before, key, value);
    assert(planned.ok, planned.ok ? '' : planned.error);
    const same = (text: string): string => (text.includes('\n') ? text : JSON.stringify(JSON.parse(text)));
    assert.deepEqual([same(planned.value.text), planned.value.change.before], [after, was]);
  });
}

const REFUSED: [string, string, string, RegExp][] = [
  ['{}', 'message_mode', 'loud', /message_processing\.mode = loud: write one of "echo", "listen", "live"/],
  ['{}', 'queue_refresh', '301', /from 1 to 300/],
  ['{}', 'max_retries', '1.5', /from 0 to 10/],
  ['{}', 'debug_mode', 'maybe', /write true or false/],
  ['{}', 'mesage_mode', 'echo', /did you mean message_mode\?/],
  ['{}', 'message_processing.mod', 'echo', /did you mean message_processing\.mode\?/],
  ['{}', 'message_processing', '{}', /holds several settings/],
  ['{}', 'AGENT_API_KEY', 'sk-1234567', /stands in \.env/],
  ['{}', 'plugins', '{}', /plugins\.telegram\.enabled/],
  ['{}', 'plugins.telegram', 'true', /plugins\.telegram\.enabled/],
  ['{}', 'plugins.telegram.enabled', 'maybe', /write true or false/],
  ['{}', '__proto__.x', '1', /no key/],
  ['{}', 'a..b', '1', /no key/],
  ['{"a": 1', 'message_mode', 'echo', /line 1:8: not JSON.*Mend it first/],
  ['[]', 'message_mode', 'echo', /no object/],
  ['{"message_processing": 5}', 'message_mode', 'echo', /message_processing is no object/],
];
for (const [before, key, value, reason] of REFUSED) {
  test(`settings set ${key} ${value} is refused for ${before}`, () => {
    const planned = planSetting(before, key, value);
    assert(!planned.ok, JSON.stringify(planned));
    assert.match(planned.error, reason);
  });
}

function makeFolder(t: { after(end: () => void): void }, settings: string | null, env = ''): { folder: string; file: string } {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'broca-set-'));
  t.after(() => fs.rmSync(home, { recursive: true }));
  const folder = path.join(home, 'agent-x');
  fs.mkdirSync(folder);
  const file = path.join(folder, 'settings.json');
  if (settings !== null) fs.writeFileSync(file, settings, { mode: 0o640 });
  fs.writeFileSync(path.join(folder, '.env'), env);
  return { folder, file };
}

test('the file is replaced whole, with its mode, and nothing is left beside it', async (t) => {
  const { folder, file } = makeFolder(t, '{\n\t"message_mode" : "live",\n\t"mine": [1,  2]\n}');
  const { ino } = fs.statSync(file);
  const set = await setSetting(folder, 'message_mode', 'echo');
  assert.deepEqual(set, { ok: true, value: { key: 'message_mode', before: 'live', value: 'echo', warnings: [] } });
  assert.equal(fs.readFileSync(file, 'utf8'), '{\n\t"message_mode" : "echo",\n\t"mine": [1,  2]\n}');
  assert.notEqual(fs.statSync(file).ino, ino);
  assert.equal(fs.statSync(file).mode & 0o777, 0o640);
  assert.deepEqual(fs.readdirSync(folder).sort(), ['.env', 'settings.json']);
});

test('a new file is private', async (t) => {
  const { folder, file } = makeFolder(t, null);
  assert((await setSetting(folder, 'logs.level', 'debug')).ok);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
});

test('a link stays a link', async (t) => {
  const { folder, file } = makeFolder(t, null);
  const real = path.join(folder, 'elsewhere.json');
  fs.writeFileSync(real, '{}');
  fs.symlinkSync('elsewhere.json', file);
  assert((await setSetting(folder, 'debug_mode', 'true')).ok);
  assert(fs.lstatSync(file).isSymbolicLink());
  assert.deepEqual(JSON.parse(fs.readFileSync(real, 'utf8')), { debug_mode: true });
});

test('the same value writes nothing', async (t) => {
  const { folder, file } = makeFolder(t, '{"debug_mode":true}');
  const { ino } = fs.statSync(file);
  assert((await setSetting(folder, 'debug_mode', 'true')).ok);
  assert.equal(fs.statSync(file).ino, ino);
});

test('a value that only the folder shows to be wrong is refused, and nothing changes', async (t) => {
  const { folder, file } = makeFolder(t, '{}');
  const set = await setSetting(folder, 'agent.id', 'agent-y');
  assert(!set.ok);
  assert.match(set.error, /another agent than this folder's/);
  assert.equal(fs.readFileSync(file, 'utf8'), '{}');
});

test('what is set here and said otherwise in .env is warned of', async (t) => {
  const { folder } = makeFolder(t, '{}', 'MESSAGE_MODE=live');
  const set = await setSetting(folder, 'message_mode', 'echo');
  assert(set.ok);
  assert.deepEqual(set.value.warnings.map(formatProblem), [
    '.env: MESSAGE_MODE = live: has no effect: settings.json says message_processing.mode = "echo", which goes first; remove one of the two',
  ]);
});

test('a file that cannot be written stays as it was', {
  skip: process.getuid?.() === 0 ? 'root may write everywhere' : false,
}, async (t) => {
  const { folder, file } = makeFolder(t, '{}');
  fs.chmodSync(folder, 0o500);
  const set = await setSetting(folder, 'debug_mode', 'true');
  fs.chmodSync(folder, 0o700);
  assert(!set.ok);
  assert.match(set.error, /could not be written \(EACCES\)/);
  assert.equal(fs.readFileSync(file, 'utf8'), '{}');
});
