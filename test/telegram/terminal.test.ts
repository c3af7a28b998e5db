/** `broca telegram login` at a real terminal: what it asks, and what of the answers is ever seen on the screen. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { noTerminal, TerminalProgram } from '../terminal.ts';
import { openTelegramRig, type TelegramRig, trusting } from './rig.ts';

const MAIN = join(import.meta.dirname, '../../packages/broca-core/src/main.ts');
const skip = noTerminal;

async function open(t: TestContext): Promise<TelegramRig> {
  const rig = await openTelegramRig(t, { isUser: true, exchangesKeys: true, environment: { TELEGRAM_OWNER_ID: '' } });
  rmSync(rig.agent.path('run', 'telegram.session'));
  return rig;
}

/** What the terminal is set to is shown behind it. */
const THEN_STTY = '"$@"; code=$?; stty -a; exit $code';

function login({ agent, telegram }: TelegramRig): TerminalProgram {
  const command = [process.execPath, MAIN, 'telegram', 'login', '--folder', agent.folder];
  return new TerminalProgram(['sh', '-c', THEN_STTY, 'sh', ...command], {
    ...{ PATH: process.env.PATH, ANIMUS_TEST_RUN: process.env.ANIMUS_TEST_RUN, TERM: 'xterm', LC_ALL: 'C.UTF-8', SHELL: '/bin/sh' },
    ...trusting(telegram),
  });
}

test('a person logs in: code and password are asked for, mistakes may be made, and no secret is shown', { skip }, async (t) => {
  const rig = await open(t);
  const { telegram, agent } = rig;
  const person = telegram.createUser({ phone: '+4915112345', password: 'correct horse', username: 'grace' });
  await using terminal = login(rig);
  await terminal.answer(/API id: /, String(telegram.app.id));
  await terminal.answer(/API hash \(not shown\): /, telegram.app.hash);
  await terminal.answer(/bot or as a user\? \[bot\] /, 'user');
  await terminal.answer(/Telephone number.*: /, '+49 151-12345');
  await terminal.answer(/The code that came in your Telegram app: /, '00000');
  await terminal.shows(/That was not the code\./);
  await terminal.answer(/The code that came .*: /, telegram.codeFor(person.phone ?? '') ?? '');
  await terminal.answer(/Password of .*\(not shown.*\): /, 'wrong battery');
  await terminal.shows(/That was not the password\./);
  await terminal.answer(/Password of .*\(not shown.*\): /, 'correct horse');
  await terminal.shows(/Logged in as @grace/);
  await terminal.shows(/Send this code to @grace/);
  assert.equal(await terminal.exit(), 0);
  assert.match(terminal.screen, /user\r+\n/, 'what is no secret is shown as it is typed');
  for (const secret of [telegram.app.hash, 'correct horse', 'wrong battery']) assert.equal(terminal.screen.includes(secret), false, secret);
  assert.equal(statSync(agent.path('run', 'telegram.session')).mode & 0o777, 0o600);
});

for (const [name, key] of [
  ['Ctrl-C', '\x03'],
  ['Ctrl-D', '\x04'],
] as const) {
  test(`${name} while a secret is asked for ends it, changes nothing, and leaves the terminal as it was`, { skip }, async (t) => {
    const rig = await open(t);
    await using terminal = login(rig);
    await terminal.answer(/API id: /, String(rig.telegram.app.id));
    await terminal.shows(/API hash \(not shown\): /);
    terminal.type(key);
    await terminal.shows(/nothing was changed/);
    await terminal.shows(/ icanon .* echo /s);
    assert.equal(await terminal.exit(), 1);
    assert.equal(existsSync(rig.agent.path('run', 'telegram.session')), false);
  });
}
