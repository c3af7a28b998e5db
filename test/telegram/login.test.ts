/** `broca telegram login` and its kin, through the real command line. The exchange of keys is real; only the key to trust is given. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { logged, openTelegramRig, type RigRequest, type TelegramRig, trusting } from './rig.ts';

const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');

type Ran = { code: unknown; out: string; err: string };

/** `answers`: what is typed, each when it is asked for. */
async function run(
  { agent, telegram }: TelegramRig,
  words: readonly string[],
  answers: readonly (string | (() => string | undefined))[] = [],
): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, 'telegram', ...words, '--folder', agent.folder], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ANIMUS_TEST_RUN: process.env.ANIMUS_TEST_RUN, ...trusting(telegram) },
  });
  let err = '';
  let asked = 0;
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
    for (const _question of chunk.matchAll(/: \n|\] \n/g)) {
      const answer = answers[asked];
      asked += 1;
      if (answer !== undefined) child.stdin.write(`${typeof answer === 'string' ? answer : answer()}\n`);
    }
  });
  const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { code, out, err };
}

async function open(t: TestContext, request: RigRequest = {}): Promise<TelegramRig> {
  const rig = await openTelegramRig(t, { exchangesKeys: true, ...request });
  rmSync(rig.agent.path('run', 'telegram.session'));
  return rig;
}

test('a bot logs in: what is missing is asked for, the session is private, the owner pairs, and messages come from then on', async (t) => {
  const rig = await open(t, { environment: { TELEGRAM_OWNER_ID: '' } });
  const { telegram, bot, owner, agent } = rig;
  const { code, out, err } = await run(rig, ['login', '--stdin'], [`${telegram.app.id}`, telegram.app.hash, 'bot', bot.token ?? '']);
  assert.equal(code, 0, err);
  assert.match(err, /https:\/\/my\.telegram\.org/);
  assert.match(out, /^Logged in as @agent_bot "Agent" \(bot id \d+\)\nSend this code to @agent_bot in Telegram/);
  assert.equal(statSync(agent.path('run', 'telegram.session')).mode & 0o777, 0o600);
  assert.equal(`${out}${err}`.includes(bot.token ?? '-'), false);
  const pairing = /: ([A-Z2-9]{4}-[A-Z2-9]{4})/.exec(out)?.[1] ?? '';
  telegram.pushText(owner, bot, pairing);
  await using _broca = await rig.start();
  assert.match((await telegram.sent({ by: bot, to: owner })).text, /You are the owner now/, 'also what came before the first start');
  telegram.pushText(owner, bot, 'hello');
  await telegram.sent({ by: bot, to: owner, text: /hello$/ });

  const whoami = await run(rig, ['whoami', '--json']);
  assert.equal(JSON.parse(whoami.out).username, 'agent_bot');
  assert.match((await run(rig, ['status'])).out, /^Connection: connected\nLogged in: @agent_bot.*\nOwner: @ada \d+ \(paired\)/);
  const again = await run(rig, ['login', '--stdin']);
  assert.deepEqual([again.code, /logged in already/.test(again.err)], [1, true]);
});

test('a person logs in with telephone number, code and password; mistakes may be made', async (t) => {
  const rig = await open(t, { isUser: true });
  const { telegram, agent } = rig;
  const person = telegram.createUser({ phone: '+4915112345', password: 'correct horse', dcId: 2, username: 'grace' });
  const { id, hash } = telegram.app;
  const codeOf = (): string | undefined => telegram.codeFor(person.phone ?? '');
  const { code, out, err } = await run(
    rig,
    ['login', '--user', '--stdin'],
    [`${id}`, hash, '+49 151-12345', '00000', codeOf, 'wrong', 'correct horse'],
  );
  assert.equal(code, 0, err);
  assert.match(err, /That was not the code\.[\s\S]*That was not the password\./);
  assert.match(out, /^Logged in as @grace/);
  assert.equal(`${out}${err}`.includes('correct horse'), false);
  const whoami = await run(rig, ['whoami']);
  assert.match(whoami.out, /^@grace/, 'also with no Broca running');
  const bye = await run(rig, ['logout']);
  assert.deepEqual([bye.code, existsSync(agent.path('run', 'telegram.session'))], [0, false]);
  assert.match((await run(rig, ['whoami'])).err, /nobody is logged in: broca telegram login/);
});

test('a bot whose secrets are in .env needs no login; a running Broca takes a login up and a logout too', async (t) => {
  const rig = await open(t);
  const { telegram, bot, owner, agent } = rig;
  const { ip, port } = telegram.proxy;
  const secrets = { TELEGRAM_API_ID: `${telegram.app.id}`, TELEGRAM_API_HASH: telegram.app.hash, TELEGRAM_BOT_TOKEN: bot.token ?? '' };
  agent.writeEnvironment({
    ...{ AGENT_ID: agent.agentId, AGENT_ENDPOINT: 'http://127.0.0.1:1', AGENT_API_KEY: 'key' },
    ...{ TELEGRAM_OWNER_ID: String(owner.id), TELEGRAM_PROXY: `socks5://${ip}:${port}`, ...secrets },
  });
  await using broca = await rig.start();
  telegram.pushText(owner, bot, 'hello');
  await telegram.sent({ by: bot, to: owner });
  for (const secret of Object.values(secrets).slice(1))
    assert.equal(readFileSync(agent.path('logs', 'broca.log'), 'utf8').includes(secret), false);

  assert.equal((await run(rig, ['logout'])).code, 0);
  await broca.beat(({ channels }) => channels.some(({ name, state }) => name === 'telegram' && state === 'up'));
  assert.equal((await run(rig, ['login', '--stdin', '--again'])).code, 0);
  await logged(agent, 'telegram-caught-up', 2);
  telegram.pushText(owner, bot, 'after it');
  await telegram.sent({ by: bot, to: owner, text: /after it$/ });
});

test('what is wrong is said in words, and nothing is changed', async (t) => {
  const rig = await open(t);
  const { telegram, agent } = rig;
  const { id, hash } = telegram.app;
  const wrong = await run(rig, ['login', '--bot', '--stdin'], [`${id}`, hash, '12345678:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']);
  assert.deepEqual([wrong.code, /Telegram does not know this bot token/.test(wrong.err)], [1, true], wrong.err);
  const nobody = await run(rig, ['login', '--bot']);
  assert.deepEqual([nobody.code, /Nobody is here to be asked/.test(nobody.err)], [1, true]);
  assert.equal(existsSync(agent.path('run', 'telegram.session')), false);
  assert.equal((await run(rig, ['pair', 'approve'])).code, 2);
  assert.match((await run(rig, ['--help'])).out, /^broca telegram <command>/);
});
