import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type BrocaConfig, type BrocaConfigFiles, DEFAULT_LIMITS, loadBrocaConfig } from './broca-config.ts';
import { formatProblem } from './problem.ts';

const ID = 'agent-721679f6-c8af-4e01-8677-dc042dc80368';
const ENV = 'AGENT_ENDPOINT=https://letta.example.org/api/v1\nAGENT_API_KEY=sk-let-123456\n';

function load(files: Partial<BrocaConfigFiles>): { config: BrocaConfig | null; shown: string[]; origins: Record<string, string> } {
  const loaded = loadBrocaConfig({ agentIdOfFolder: ID, environment: ENV, settings: null, fleet: null, ...files });
  assert.equal(
    loaded.config === null,
    loaded.problems.some(({ severity }) => severity === 'error'),
  );
  return { config: loaded.config, shown: loaded.problems.map(formatProblem), origins: loaded.origins };
}

test("the seed's own files are taken as they are", () => {
  const environment = `# Agent configuration (agent-specific)
AGENT_ENDPOINT=https://letta.example.org/api/v1
AGENT_API_KEY=sk-let-123456

MESSAGE_MODE=live
QUEUE_REFRESH=5
MAX_RETRIES=3
DEBUG_MODE=false

TELEGRAM_API_ID=1234567
TELEGRAM_API_HASH=0123456789abcdef
TELEGRAM_PHONE=+49123456789`;
  const settings = JSON.stringify({
    agent: { id: '721679f6-c8af-4e01-8677-dc042dc80368', name: 'My Agent', description: 'Agent for specific tasks' },
    message_processing: { mode: 'live', queue_refresh: 5, max_retries: 3 },
    plugins: { telegram: { enabled: true, parse_mode: 'MarkdownV2' } },
  });
  const { config, shown } = load({ environment, settings });
  assert.deepEqual(shown, []);
  assert(config !== null);
  const { environment: values, secrets, ...rest } = config;
  assert.deepEqual(rest, {
    agentId: ID,
    agentName: 'My Agent',
    agentDescription: 'Agent for specific tasks',
    endpoint: 'https://letta.example.org/api',
    apiKey: 'sk-let-123456',
    mode: 'live',
    channelModes: {},
    queueRefreshMs: 5000,
    maxRetries: 3,
    debugMode: false,
    logLevel: 'info',
    turnTimeoutMs: 780_000,
    giveUpAfterMs: 86_400_000,
    retryFirstMs: 5_000,
    retryLongestMs: 300_000,
    limits: {
      messageLength: 100_000,
      waitingPerSender: 100_000,
      waiting: 250_000,
      attachments: 10,
      attachmentBytes: 20 * 1024 * 1024,
    },
    retention: { messagesMs: null, databaseBytes: null },
    images: { areShown: true, areUploaded: false, uploadUrl: null },
    outbound: { isEnabled: false, perMinute: 30 },
    logKeepDays: 7,
    logKeepBytes: 100 * 1024 * 1024,
    plugins: { telegram: { enabled: true, settings: { parse_mode: 'MarkdownV2' } } },
  });
  assert.equal(values.TELEGRAM_API_ID, '1234567');
  assert.deepEqual(secrets, ['0123456789abcdef', 'sk-let-123456', '+49123456789']);
});

test("the original's flat keys are taken", () => {
  const { config, shown } = load({
    settings: '{"debug_mode":true,"message_mode":"echo","queue_refresh":300,"max_retries":10,"plugins":{}}',
  });
  assert.deepEqual(shown, []);
  assert.deepEqual([config?.mode, config?.queueRefreshMs, config?.maxRetries, config?.logLevel], ['echo', 300_000, 10, 'debug']);
});

const VALUES: [string, Partial<BrocaConfigFiles>, Partial<BrocaConfig>][] = [
  ['nothing said', {}, { mode: 'live', debugMode: false, logLevel: 'info', queueRefreshMs: 5000, maxRetries: 3, agentName: null }],
  ['fleet over built-in', { fleet: '{"defaults":{"message_processing":{"mode":"listen"}}}' }, { mode: 'listen' }],
  [
    '.env over fleet',
    { environment: `${ENV}MESSAGE_MODE=echo`, fleet: '{"defaults":{"message_processing":{"mode":"listen"}}}' },
    { mode: 'echo' },
  ],
  [
    'settings over .env',
    { environment: `${ENV}MESSAGE_MODE=echo`, settings: '{"message_processing":{"mode":"listen"}}' },
    { mode: 'listen' },
  ],
  ['nested over flat', { settings: '{"message_mode":"echo","message_processing":{"mode":"listen"}}' }, { mode: 'listen' }],
  [
    "a channel's mode of its own",
    { settings: '{"plugins":{"web":{"message_mode":"listen"}}}' },
    { mode: 'live', channelModes: { web: 'listen' } },
  ],
  [
    "the original's mode for Telegram",
    { environment: `${ENV}TELEGRAM_MESSAGE_MODE=Echo` },
    { mode: 'live', channelModes: { telegram: 'echo' } },
  ],
  [
    "a channel's mode: settings over .env over fleet",
    {
      environment: `${ENV}TELEGRAM_MESSAGE_MODE=echo`,
      fleet: '{"defaults":{"plugins":{"telegram":{"message_mode":"live"},"web":{"message_mode":"live"}}}}',
      settings: '{"plugins":{"web":{"message_mode":"echo"}}}',
    },
    { channelModes: { telegram: 'echo', web: 'echo' } },
  ],
  [
    'a mode is not given to the plugin',
    { settings: '{"plugins":{"web":{"message_mode":"echo","x":1}}}' },
    { plugins: { web: { enabled: null, settings: { x: 1 } } } },
  ],
  ['debug_mode means level debug', { environment: `${ENV}DEBUG_MODE=true` }, { debugMode: true, logLevel: 'debug', mode: 'live' }],
  ['LOG_LEVEL over debug_mode', { environment: `${ENV}DEBUG_MODE=true\nLOG_LEVEL=WARN` }, { debugMode: true, logLevel: 'warn' }],
  ["debug_mode over the fleet's level", { settings: '{"debug_mode":true}', fleet: '{"logs":{"level":"error"}}' }, { logLevel: 'debug' }],
  ["the fleet's logs", { fleet: '{"logs":{"level":"error","keep_days":30}}' }, { logLevel: 'error', logKeepDays: 30 }],
  [
    'logs of its own size',
    { settings: '{"logs":{"keep_megabytes":1}}', fleet: '{"logs":{"keep_megabytes":30}}' },
    { logKeepBytes: 1024 * 1024 },
  ],
  ['logs of its own', { settings: '{"logs":{"keep_days":1}}', fleet: '{"logs":{"keep_days":30}}' }, { logKeepDays: 1 }],
  ['a longer timeout', { environment: `${ENV}MESSAGE_PROCESS_TIMEOUT=1000` }, { turnTimeoutMs: 1_000_000 }],
  ['a shorter timeout changes nothing', { environment: `${ENV}MESSAGE_PROCESS_TIMEOUT=60` }, { turnTimeoutMs: 780_000 }],
  ['timeout added up', { environment: `${ENV}LONG_TASK_MAX_WAIT=10\nMESSAGE_PROCESS_TIMEOUT_BUFFER=0` }, { turnTimeoutMs: 10_000 }],
  ['give_up_after', { settings: '{"message_processing":{"give_up_after":60}}' }, { giveUpAfterMs: 60_000 }],
  [
    'backoff of its own',
    { settings: '{"message_processing":{"retry_first":1,"retry_longest":9}}' },
    { retryFirstMs: 1_000, retryLongestMs: 9_000 },
  ],
  [
    "one limit of its own, one of the fleet's",
    { settings: '{"limits":{"waiting":7}}', fleet: '{"defaults":{"limits":{"waiting":9,"attachment_megabytes":2}}}' },
    { limits: { ...DEFAULT_LIMITS, waiting: 7, attachmentBytes: 2 * 1024 * 1024 } },
  ],
  [
    "retention: null of its own over the fleet's days",
    {
      settings: '{"retention":{"messages_days":null}}',
      fleet: '{"defaults":{"retention":{"messages_days":30,"database_megabytes":5}}}',
    },
    { retention: { messagesMs: null, databaseBytes: 5 * 1024 * 1024 } },
  ],
  [
    'an image host of the fleet, used by this agent',
    {
      settings: '{"images":{"enabled":false,"upload":{"enabled":true}}}',
      fleet: '{"defaults":{"images":{"upload":{"url":"https://host/up"}}}}',
    },
    { images: { areShown: false, areUploaded: true, uploadUrl: 'https://host/up' } },
  ],
  [
    'an image host that is not switched on',
    { settings: '{"images":{"upload":{"url":"https://host/up"}}}' },
    { images: { areShown: true, areUploaded: false, uploadUrl: 'https://host/up' } },
  ],
  [
    'outbound',
    { settings: '{"outbound":{"enabled":true}}', fleet: '{"defaults":{"outbound":{"per_minute":3}}}' },
    { outbound: { isEnabled: true, perMinute: 3 } },
  ],
  ['an empty name is none', { settings: '{"agent":{"name":"","description":null}}' }, { agentName: null, agentDescription: null }],
  ['AGENT_ID alone', { agentIdOfFolder: null, environment: `${ENV}AGENT_ID=agent-x` }, { agentId: 'agent-x' }],
  ['agent.id alone', { agentIdOfFolder: null, settings: '{"agent":{"id":"x"}}' }, { agentId: 'agent-x' }],
  [
    'plugins setting by setting',
    {
      settings: '{"plugins":{"telegram":{"parse_mode":"HTML"},"mine":{"a":1}}}',
      fleet: '{"defaults":{"plugins":{"telegram":{"enabled":false,"parse_mode":"x","b":2}}}}',
    },
    { plugins: { telegram: { enabled: false, settings: { parse_mode: 'HTML', b: 2 } }, mine: { enabled: null, settings: { a: 1 } } } },
  ],
];
for (const [name, files, expected] of VALUES) {
  test(`configuration: ${name}`, () => {
    const { config, shown } = load(files);
    assert(config !== null, shown.join('\n'));
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(config[key as keyof BrocaConfig], value, key);
  });
}

const PROBLEMS: [string, Partial<BrocaConfigFiles>, string[]][] = [
  ['no .env', { environment: null }, ['.env: missing: there is no such file']],
  ['empty .env', { environment: '' }, ['.env: AGENT_ENDPOINT: missing', '.env: AGENT_API_KEY: missing']],
  ['no id anywhere', { agentIdOfFolder: null }, ['.env: AGENT_ID: missing']],
  [
    "another folder's .env",
    { environment: `${ENV}AGENT_ID=agent-x` },
    [`.env: AGENT_ID = agent-x: agent-x is another agent than this folder's, ${ID}`],
  ],
  [
    'two ids',
    { agentIdOfFolder: null, environment: `${ENV}AGENT_ID=agent-x`, settings: '{"agent":{"id":"y"}}' },
    ['settings.json: agent.id = agent-y: .env says AGENT_ID = agent-x: both must name the same agent'],
  ],
  [
    "settings of another folder's agent",
    { settings: '{"agent":{"id":"y"}}' },
    ["settings.json: agent.id = agent-y: agent-y is another agent than this folder's"],
  ],
  [
    'shadowed key',
    { environment: `${ENV}MESSAGE_MODE=live`, settings: '{"message_mode":"echo"}' },
    ['.env: MESSAGE_MODE = live: has no effect: settings.json says message_mode = "echo", which goes first'],
  ],
  ['same value in both files', { environment: `${ENV}MESSAGE_MODE=echo`, settings: '{"message_mode":"echo"}' }, []],
  [
    'both shapes',
    { settings: '{"message_mode":"echo","message_processing":{"mode":"echo"}}' },
    ['settings.json: message_mode = "echo": has no effect: message_processing.mode = "echo"'],
  ],
  [
    'a half-written file',
    { settings: '{\n  "message_processing": {' },
    ['settings.json: line 2:26: not JSON: the file ends in the middle'],
  ],
  ['an empty file', { settings: '' }, ['settings.json: line 1:1: not JSON']],
  ['no object', { settings: '[]' }, ['settings.json: the whole file: write an object']],
  [
    'arrays for objects',
    { settings: '{"agent":[],"plugins":{"a":[1],"b":{"c":[]}}}', fleet: '{"defaults":[]}' },
    [
      'settings.json: agent = []: write an object',
      'settings.json: plugins.a = [1]: write an object',
      'animus.config.json: defaults = []: write an object',
    ],
  ],
  [
    'a boolean in quotes',
    { settings: '{"debug_mode":"true"}' },
    ['settings.json: debug_mode = "true": write true or false, without quotes'],
  ],
  [
    'a number in quotes',
    { settings: '{"message_processing":{"queue_refresh":"5"}}' },
    ['settings.json: message_processing.queue_refresh = "5": write a whole number of seconds from 1 to 300, without quotes'],
  ],
  [
    'out of range',
    { settings: '{"queue_refresh":301,"max_retries":-1}' },
    [
      'settings.json: queue_refresh = 301: write a whole number of seconds from 1 to 300',
      'settings.json: max_retries = -1: write a whole number of retries from 0 to 10',
    ],
  ],
  ['a fraction out of range is told once', { settings: '{"queue_refresh":0.5}' }, ['settings.json: queue_refresh = 0.5: write a whole']],
  [
    'unknown mode',
    { settings: '{"message_processing":{"mode":"Live"}}' },
    ['settings.json: message_processing.mode = "Live": write one of "echo", "listen", "live"'],
  ],
  [
    'unknown keys',
    { settings: '{"mesage_mode":"echo","message_processing":{"max_retires":1}}' },
    [
      'settings.json: mesage_mode: unknown key, ignored; did you mean message_mode?',
      'settings.json: message_processing.max_retires: unknown key, ignored; did you mean message_processing.max_retries?',
    ],
  ],
  [
    'a plugin that is no object',
    { settings: '{"plugins":{"telegram":true}}' },
    ['settings.json: plugins.telegram = true: write an object'],
  ],
  [
    'enabled in quotes',
    { settings: '{"plugins":{"telegram":{"enabled":"false"}}}' },
    ['settings.json: plugins.telegram.enabled = "false": write true or false'],
  ],
  ['keys that stand twice', { settings: '{"debug_mode":true,"debug_mode":false}' }, ['settings.json: debug_mode: stands more than once']],
  ['a broken fleet file', { fleet: '{' }, ['animus.config.json: line 1:2: not JSON']],
  [
    'a wrong fleet default',
    { fleet: '{"defaults":{"message_processing":{"mode":1}}}' },
    ['animus.config.json: defaults.message_processing.mode = 1: write one of'],
  ],
  ["a fault that is the supervisor's", { fleet: '{"supervisor":{"watchdog":"x"},"agent":1}' }, []],
  [
    'all at once',
    {
      environment: 'AGENT_ENDPOINT=letta\nAGENT_API_KEY=\njunk\nMAX_RETRIES=x',
      settings: '{"debug_mode":1}',
      fleet: '{"logs":{"keep_days":0}}',
    },
    [
      '.env: line 3: neither',
      '.env: AGENT_ENDPOINT = letta: the scheme is missing: did you mean https://letta?',
      '.env: MAX_RETRIES = x: write a whole number',
      'settings.json: debug_mode = 1: write true or false',
      'animus.config.json: logs.keep_days = 0: write a whole number of days',
      '.env: AGENT_API_KEY: missing',
    ],
  ],
];
for (const [name, files, expected] of PROBLEMS) {
  test(`configuration problems: ${name}`, () => {
    const { shown } = load(files);
    assert.equal(shown.length, expected.length, shown.join('\n'));
    for (const [index, beginning] of expected.entries())
      assert(shown[index]?.startsWith(beginning), `${shown[index]}\nbegins not with\n${beginning}`);
  });
}

test('a secret in the wrong place is not repeated', () => {
  const { shown } = load({
    environment: `${ENV}MESSAGE_MODE=sk-let-123456\n`,
    settings:
      '{"message_mode":"sk-let-123456","agent":{"nam":1},"sk-let-123456":1,"plugins":{"a":{"bot_token":1,"enabled":"sk-let-123456"}}}',
  });
  assert.equal(shown.length, 5, shown.join('\n'));
  assert(!shown.join('\n').includes('sk-let-123456'));
});

test('where each value came from is told', () => {
  const { origins } = load({
    environment: `${ENV}MAX_RETRIES=1`,
    settings: '{"message_mode":"echo","plugins":{"a":{"b":1}}}',
    fleet: '{"logs":{"keep_days":2}}',
  });
  assert.deepEqual(
    [
      'agent.id',
      'AGENT_API_KEY',
      'message_processing.mode',
      'message_processing.max_retries',
      'message_processing.queue_refresh',
      'logs.keep_days',
      'logs.keep_megabytes',
      'plugins.a.b',
    ].map((key) => origins[key]),
    ['folder name', '.env', 'settings.json', '.env', 'built-in', 'fleet defaults', 'built-in', 'settings.json'],
  );
});

test('no text whatever makes it throw, and an unusable one always says why', () => {
  const text = fc.option(fc.oneof(fc.json({ maxDepth: 5 }), fc.string(), fc.constant(ENV)));
  fc.assert(
    fc.property(text, text, text, (environment, settings, fleet) => {
      load({ environment, settings, fleet });
    }),
    { numRuns: 500 },
  );
});

test("deploy's template says nothing that the fleet's defaults should say", () => {
  const settings = fs.readFileSync(path.join(import.meta.dirname, '../../../templates/settings.json'), 'utf8');
  const { config, shown } = load({
    settings,
    fleet: '{"defaults":{"message_processing":{"mode":"listen","queue_refresh":9,"max_retries":9}}}',
  });
  assert.deepEqual(shown, []);
  assert.deepEqual([config?.mode, config?.queueRefreshMs, config?.maxRetries], ['listen', 9000, 9]);
});
