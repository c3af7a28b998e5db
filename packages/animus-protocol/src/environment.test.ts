import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type Environment, parseEnvironment } from './environment.ts';
import { formatProblem } from './problem.ts';

const TAKEN: [string, Environment][] = [
  ['MESSAGE_MODE=Echo', { MESSAGE_MODE: 'echo' }],
  ['LOG_LEVEL=WARN', { LOG_LEVEL: 'warn' }],
  ['DEBUG_MODE=true', { DEBUG_MODE: true }],
  ['DEBUG_MODE=YES', { DEBUG_MODE: true }],
  ['DEBUG_MODE=1', { DEBUG_MODE: true }],
  ['DEBUG_MODE=False', { DEBUG_MODE: false }],
  ['DEBUG_MODE=no', { DEBUG_MODE: false }],
  ['DEBUG_MODE=0', { DEBUG_MODE: false }],
  ['QUEUE_REFRESH=300', { QUEUE_REFRESH: 300 }],
  ['MAX_RETRIES=0', { MAX_RETRIES: 0 }],
  ['AGENT_ID=721679f6', { AGENT_ID: 'agent-721679f6' }],
  ['MAX_RETRIES=', {}],
  ['TELEGRAM_API_ID=12345\nWEBCHAT_URL=https://x\nHTTP_PROXY=x', {}],
];
for (const [text, environment] of TAKEN) {
  test(`.env ${JSON.stringify(text)} is taken`, () => {
    const parsed = parseEnvironment(text);
    assert.deepEqual(parsed.environment, environment);
    assert.deepEqual(parsed.problems, []);
  });
}

const PROBLEMS: [string, string][] = [
  ['TELEGRAM_MESSAGE_MODE=loud', '.env: TELEGRAM_MESSAGE_MODE = loud: write one of echo, listen, live'],
  ['MESSAGE_MODE=loud', '.env: MESSAGE_MODE = loud: write one of echo, listen, live'],
  ['QUEUE_REFRESH=0', '.env: QUEUE_REFRESH = 0: write a whole number of seconds from 1 to 300'],
  ['QUEUE_REFRESH=301', '.env: QUEUE_REFRESH = 301: write a whole number of seconds from 1 to 300'],
  ['QUEUE_REFRESH=5.5', '.env: QUEUE_REFRESH = 5.5: write a whole number of seconds from 1 to 300'],
  ['MAX_RETRIES=-1', '.env: MAX_RETRIES = -1: write a whole number of retries from 0 to 10'],
  ['DEBUG_MODE=maybe', '.env: DEBUG_MODE = maybe: write true or false'],
  ['LOG_LEVEL=loud', '.env: LOG_LEVEL = loud: write one of trace, debug, info, warn, error, fatal'],
  [
    'AGENT_API_KEY=your_agent_specific_api_key',
    ".env: AGENT_API_KEY: is still the template's example: put the key that Letta shows for this agent's account",
  ],
  [
    'AGENT_API_KEY="Bearer sk-1"',
    '.env: AGENT_API_KEY: a key has no spaces and only plain characters: put exactly what Letta shows, without "Bearer"',
  ],
  ['AGENT_ENDPIONT=x', '.env: AGENT_ENDPIONT: unknown key, ignored; did you mean AGENT_ENDPOINT?'],
  ['agent_api_key=x', '.env: agent_api_key: unknown key, ignored; did you mean AGENT_API_KEY?'],
  ['colour=x', '.env: colour: unknown key, ignored'],
  [
    'TELEGRAM_API_ID=your_telegram_api_id',
    ".env: TELEGRAM_API_ID = your_telegram_api_id: is still the template's example: put the real value, or remove the line",
  ],
  ['MAX_RETRIES=1\nMAX_RETRIES=2', '.env: MAX_RETRIES: stands in line 1 and in line 2; the last one counts'],
];
for (const [text, shown] of PROBLEMS) {
  test(`.env ${JSON.stringify(text)} is a problem`, () => assert.deepEqual(parseEnvironment(text).problems.map(formatProblem), [shown]));
}

test('a password in an endpoint is not repeated', () => {
  const shown = parseEnvironment('AGENT_ENDPOINT=https://ann:hunter22@letta.example.org').problems.map(formatProblem).join();
  assert.match(shown, /no user or password/);
  assert(!shown.includes('hunter22'));
});

test('secrets are what the keys say, but no short words, examples and measures', () => {
  const text = [
    'AGENT_API_KEY=sk-let-123456',
    'TELEGRAM_API_HASH=0123456789abcdef',
    'TELEGRAM_PHONE=+49123456789',
    'TELEGRAM_API_ID=1234567',
    'WEBCHAT_PASSWORD=hunter22-and-more',
    'OTHER_TOKEN=short',
    'WEBCHAT_SESSION_TIMEOUT=600000',
    'TELEGRAM_SESSION_STRING=your_session_string',
    'AGENT_ENDPOINT=https://api.letta.com',
  ].join('\n');
  assert.deepEqual(parseEnvironment(text).secrets, ['hunter22-and-more', '0123456789abcdef', 'sk-let-123456', '+49123456789']);
});

test('the template says only what must be filled in', () => {
  const text = fs.readFileSync(path.join(import.meta.dirname, '../../../templates/env'), 'utf8');
  const { problems, values } = parseEnvironment(text);
  assert.deepEqual(
    problems.map(({ key }) => key),
    ['AGENT_ENDPOINT', 'AGENT_API_KEY'],
  );
  assert.deepEqual(Object.keys(values), ['AGENT_ENDPOINT', 'AGENT_API_KEY']);
  // What stands in it as a comment is right once it is no comment.
  const optional = text
    .replaceAll(/^# ([A-Z_]+=)/gm, '$1')
    .replaceAll(/=your_\w+/g, '=123456')
    .replace('your-letta-instance.com', 'letta.example.org');
  assert.deepEqual(parseEnvironment(optional).problems, []);
});
