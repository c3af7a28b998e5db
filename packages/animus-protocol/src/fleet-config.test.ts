import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseFleetConfig } from './fleet-config.ts';
import { formatProblem } from './problem.ts';

test('a missing file means the built-in values, and so does the template', () => {
  const missing = parseFleetConfig(null);
  assert.deepEqual(missing.problems, []);
  const template = parseFleetConfig(fs.readFileSync(path.join(import.meta.dirname, '../../../animus.config.json'), 'utf8'));
  assert.deepEqual(template.problems, []);
  const { defaults, ...rest } = template.config;
  assert.deepEqual({ ...rest, defaults: {} }, missing.config);
  assert.deepEqual(defaults, { message_processing: { mode: 'live', queue_refresh: 5, max_retries: 3 }, plugins: {} });
});

test('everything it may say is read', () => {
  const { config, problems } = parseFleetConfig(
    JSON.stringify({
      $schema: 'x',
      defaults: { message_processing: { mode: 'echo' }, plugins: { spool: { enabled: false } } },
      broca: { repository: 'https://git.example.org/broca.git', ref: 'v1' },
      timezone: 'Europe/Berlin',
      logs: { level: 'warn', keep_days: 14 },
      supervisor: { stop_deadline: 60, watchdog: 120 },
      agents: { abc: { autostart: false }, 'agent-def': {} },
    }),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(config, {
    defaults: { message_processing: { mode: 'echo' }, plugins: { spool: { enabled: false } } },
    broca: { repository: 'https://git.example.org/broca.git', ref: 'v1' },
    timezone: 'Europe/Berlin',
    logs: { level: 'warn', keepDays: 14 },
    supervisor: { stopDeadlineMs: 60_000, watchdogMs: 120_000 },
    agents: { 'agent-abc': { autostart: false }, 'agent-def': { autostart: true } },
  });
});

const PROBLEMS: [string, string][] = [
  ['{', 'animus.config.json: line 1:2: not JSON'],
  ['{"timezone":"Mars/Olympus"}', 'animus.config.json: timezone = "Mars/Olympus": write a zone as in "Europe/Berlin"'],
  ['{"broca":{"ref":"--upload-pack=x"}}', 'animus.config.json: broca.ref = "--upload-pack=x": write a branch'],
  ['{"broca":{"repository":""}}', 'animus.config.json: broca.repository = "": write what `git clone` takes'],
  ['{"supervisor":{"watchdog":5}}', 'animus.config.json: supervisor.watchdog = 5: write a whole number of seconds from 10 to 3600'],
  [
    '{"supervisor":{"stop_deadlin":5}}',
    'animus.config.json: supervisor.stop_deadlin: unknown key, ignored; did you mean supervisor.stop_deadline?',
  ],
  ['{"agents":{"../x":{}}}', 'animus.config.json: agents.../x: "../x" cannot be an agent id'],
  ['{"agents":{"x":{"autostart":"no"}}}', 'animus.config.json: agents.x.autostart = "no": write true or false, without quotes'],
  ['{"agents":{"x":{"autostrat":true}}}', 'animus.config.json: agents.x.autostrat: unknown key, ignored; did you mean agents.x.autostart?'],
  [
    '{"defaults":{"message_processing":{"mod":"echo"}}}',
    'animus.config.json: defaults.message_processing.mod: unknown key, ignored; did you mean defaults.message_processing.mode?',
  ],
  ['{"default":{}}', 'animus.config.json: default: unknown key, ignored; did you mean defaults?'],
];
for (const [text, beginning] of PROBLEMS) {
  test(`animus.config.json ${text} is a problem`, () => {
    const { config, problems } = parseFleetConfig(text);
    const shown = problems.map(formatProblem);
    assert.equal(shown.length, 1, shown.join('\n'));
    assert(shown[0]?.startsWith(beginning), shown[0]);
    assert.equal(config.supervisor.watchdogMs, 30_000);
  });
}
