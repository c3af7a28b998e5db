import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseFleetConfig, supervisionOf } from './fleet-config.ts';
import { formatProblem } from './problem.ts';
import { DEFAULT_SUPERVISION } from './supervision.ts';

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
      backup: { keep: 3 },
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
    backup: { schedule: null, encrypt: null, to: null, keep: 3 },
    supervisor: { ...DEFAULT_SUPERVISION, stopDeadlineMs: 60_000, watchdogMs: 120_000 },
    agents: {
      'agent-abc': { ...DEFAULT_SUPERVISION, stopDeadlineMs: 60_000, watchdogMs: 120_000, autostart: false },
      'agent-def': { ...DEFAULT_SUPERVISION, stopDeadlineMs: 60_000, watchdogMs: 120_000 },
    },
  });
});

test('what holds for an agent is what its section says, key by key, else the section of all', () => {
  const { config, problems } = parseFleetConfig(
    JSON.stringify({
      supervisor: {
        autostart: false,
        memory_megabytes: 512,
        memory_grace: 0,
        start_deadline: 120,
        probation: 0,
        restart: { longest_pause: 10, within: 60 },
        environment: { HTTPS_PROXY: 'http://proxy:3128', TZ: 'UTC' },
        node_options: '--trace-warnings --dns-result-order=ipv4first',
        isolation: 'require',
        user: 'broca',
      },
      agents: {
        a: {
          autostart: true,
          memory_megabytes: null,
          restart: { give_up_after: 5, forgiven_after: 30 },
          environment: { TZ: null, NODE_ENV: 'production' },
          node_options: '',
          isolation: 'off',
          user: null,
        },
      },
    }),
  );
  assert.deepEqual(problems, []);
  const all = {
    ...DEFAULT_SUPERVISION,
    autostart: false,
    memoryBytes: 512 * 1024 * 1024,
    memoryGraceMs: 0,
    startDeadlineMs: 120_000,
    probationMs: 0,
    restart: { longestPauseMs: 10_000, forgivenAfterMs: 60_000, giveUpAfter: null, withinMs: 60_000 },
    environment: { HTTPS_PROXY: 'http://proxy:3128', TZ: 'UTC' },
    nodeOptions: ['--trace-warnings', '--dns-result-order=ipv4first'],
    isolation: 'require',
    user: 'broca',
  } as const;
  assert.deepEqual(supervisionOf(config, 'agent-b'), all);
  assert.deepEqual(supervisionOf(config, 'agent-a'), {
    ...all,
    autostart: true,
    memoryBytes: null,
    restart: { longestPauseMs: 10_000, forgivenAfterMs: 30_000, giveUpAfter: 5, withinMs: 60_000 },
    environment: { HTTPS_PROXY: 'http://proxy:3128', TZ: null, NODE_ENV: 'production' },
    nodeOptions: [],
    isolation: 'off',
    user: null,
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
    '{"supervisor":{"memory_megabytes":10}}',
    'animus.config.json: supervisor.memory_megabytes = 10: write a whole number of megabytes from 96',
  ],
  ['{"supervisor":{"isolation":"none"}}', 'animus.config.json: supervisor.isolation = "none": write one of "off", "auto", "require"'],
  [
    '{"agents":{"x":{"restart":{"give_up_afer":3}}}}',
    'animus.config.json: agents.x.restart.give_up_afer: unknown key, ignored; did you mean',
  ],
  ['{"agents":{"x":{"user":"a b"}}}', 'animus.config.json: agents.x.user = "a b": write the name or the number of a user'],
  ['{"agents":{"x":{"environment":{"A B":"1"}}}}', 'animus.config.json: agents.x.environment.A B: a name has letters, digits and _'],
  ['{"agents":{"x":{"environment":{"A":1}}}}', 'animus.config.json: agents.x.environment.A = 1: write a text in quotes'],
  [
    '{"agents":{"x":{"environment":{"NODE_OPTIONS":"-r x"}}}}',
    'animus.config.json: agents.x.environment.NODE_OPTIONS: write the options under node_options',
  ],
  [
    '{"agents":{"x":{"environment":{"LD_PRELOAD":"x.so"}}}}',
    'animus.config.json: agents.x.environment.LD_PRELOAD: it makes the loader run code',
  ],
  [
    '{"agents":{"x":{"environment":{"MY_TOKEN":"t0p s3cret"}}}}',
    "animus.config.json: agents.x.environment.MY_TOKEN: its name says that it is secret: write it into the agent's own .env",
  ],
  [
    '{"agents":{"x":{"environment":{"MESSAGE_MODE":"echo"}}}}',
    "animus.config.json: agents.x.environment.MESSAGE_MODE: Broca reads it from the agent's own .env",
  ],
  [
    '{"agents":{"x":{"node_options":"--trace-warnings --import ./x.mjs"}}}',
    'animus.config.json: agents.x.node_options = "--trace-warnings --import ./x.mjs": "--import" may not be given; there are: --',
  ],
  [
    '{"agents":{"x":{"node_options":"--inspect=0.0.0.0"}}}',
    'animus.config.json: agents.x.node_options = "--inspect=0.0.0.0": --inspect lets every user of this machine',
  ],
  [
    '{"agents":{"x":{"node_options":"--max-old-space-size=64"}}}',
    'animus.config.json: agents.x.node_options = "--max-old-space-size=64": --max-old-space-size follows from memory_megabytes',
  ],
  [
    '{"agents":{"x":{"node_options":"--dns-result-order=x"}}}',
    'animus.config.json: agents.x.node_options = "--dns-result-order=x": --dns-result-order needs a value as in --dns-result-order=ipv4first',
  ],
  [
    '{"agents":{"x":{"node_options":"--trace-gc=1"}}}',
    'animus.config.json: agents.x.node_options = "--trace-gc=1": --trace-gc takes no value',
  ],
  [
    '{"agents":{"x":{"node_options":"--trace-gc  --trace-exit"}}}',
    'animus.config.json: agents.x.node_options = "--trace-gc  --trace-exit": write the options one after another',
  ],
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
    assert.doesNotMatch(shown[0] ?? '', /s3cret/);
    assert.deepEqual(config.supervisor, DEFAULT_SUPERVISION);
  });
}
