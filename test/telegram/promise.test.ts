/** No message is lost and none answered twice, whatever is killed, cut or refused. The data centre's ledger is the witness. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BrocaProcess } from 'animus-testkit';
import { openTelegramRig, type TelegramRig, writeLogin } from './rig.ts';

function stored({ telegram, owner, bot }: TelegramRig): string[] {
  return telegram.sentTo(owner, bot).map(({ text }) => text.replace(/^\[.*?\] /, ''));
}

test('what was written while Broca was down is answered after its start, in order, none twice', async (t) => {
  const rig = await openTelegramRig(t, { dataCentre: { differenceLimit: 3 } });
  const { telegram, bot, owner } = rig;
  const first = await rig.start();
  telegram.pushText(owner, bot, '0');
  await telegram.sent({ by: bot });
  await first.kill('SIGKILL');
  for (let number = 1; number <= 8; number += 1) telegram.pushText(owner, bot, `${number}`);
  await using _second = await rig.start();
  await telegram.sent({ by: bot, number: 9 });
  assert.deepEqual(stored(rig), ['0', '1', '2', '3', '4', '5', '6', '7', '8']);
});

test('pushes out of order, doubled or never sent change nothing', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  const expected: string[] = [];
  for (const order of ['reversed', 'twice', 'dropped'] as const) {
    telegram.holdPushes(bot);
    for (const number of [1, 2, 3]) {
      telegram.pushText(owner, bot, `${order} ${number}`);
      expected.push(`${order} ${number}`);
    }
    telegram.releasePushes(bot, order);
    if (order === 'dropped') telegram.pushTooLong(bot);
    await telegram.sent({ by: bot, number: expected.length });
  }
  telegram.repeatPushes(bot, 3);
  telegram.pushText(owner, bot, 'last');
  await telegram.sent({ by: bot, text: /last/ });
  assert.deepEqual(stored(rig), [...expected, 'last']);
});

test('short pushes, whose sender is not told, are asked for in full', async (t) => {
  const rig = await openTelegramRig(t, { dataCentre: { pushStyle: 'short' }, isUser: true, telegram: { access: 'open' } });
  const { telegram, bot: self, owner } = rig;
  await using _broca = await rig.start();
  telegram.pushText(owner, self, 'hello');
  assert.equal((await telegram.sent({ by: self })).text, `[Username: @ada, Telegram ID: ${owner.id}] hello`);
  telegram.pushText(owner, self, 'again');
  await telegram.sent({ by: self, text: /again/ });
});

test('a lost answer: the same random_id again, and one message in the chat', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  telegram.fault({ kind: 'drop-after', method: 'messages.sendMessage', times: 2 });
  telegram.pushText(owner, bot, 'one');
  const duplicate = await telegram.sent({ by: bot, outcome: 'duplicate' });
  telegram.pushText(owner, bot, 'two');
  await telegram.sent({ by: bot, text: /two/ });
  assert.deepEqual(stored(rig), ['one', 'two']);
  const ids = telegram.ledger.filter(({ text }) => text.endsWith('one')).map(({ randomId }) => randomId);
  assert.ok(ids.length >= 2 && new Set(ids).size === 1 && ids.includes(duplicate.randomId));
});

test('kill -9 again and again while replies go out: each once, complete, in order', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  const count = 16;
  for (let number = 0; number < count; number += 1) {
    if (number % 4 === 0) {
      const broca = await rig.start();
      for (let written = number; written < number + 4; written += 1) telegram.pushText(owner, bot, `message ${written}`);
      await telegram.sent({ by: bot, to: owner, number: number + 1 });
      await broca.kill('SIGKILL');
    }
  }
  await using _last = await rig.start();
  await telegram.sent({ by: bot, text: new RegExp(`message ${count - 1}$`) });
  assert.deepEqual(
    stored(rig),
    Array.from({ length: count }, (_, number) => `message ${number}`),
  );
});

test('both sides killed in turn, with a flood wait in the middle: each reply once, complete, in order', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'telegram-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const rig = await openTelegramRig(t, { dataCentre: { folder } });
  const { bot, owner } = rig;
  let { telegram } = rig;
  let broca = await rig.start();
  for (let round = 0; round < 4; round += 1) {
    for (const part of [1, 2, 3]) telegram.pushText(owner, bot, `round ${round}, message ${part}`);
    if (round === 2) telegram.floodWait(bot, 1);
    if (round !== 2) await telegram.sent({ by: bot, text: new RegExp(`round ${round}`) });
    await broca.kill('SIGKILL');
    telegram = await rig.restartTelegram();
    broca = await BrocaProcess.start(rig.agent.folder);
  }
  await telegram.sent({ by: bot, text: /round 3, message 3/ });
  const said = telegram.sentTo(owner, bot).map(({ text }) => text.replace(/^\[.*?\] /, ''));
  assert.deepEqual(
    said,
    [0, 1, 2, 3].flatMap((round) => [1, 2, 3].map((part) => `round ${round}, message ${part}`)),
  );
  await broca.kill('SIGKILL');
});

test('a flood wait of one chat puts its part back, and holds no other', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { access: 'open' } });
  const { telegram, bot, owner } = rig;
  const other = telegram.createUser({ username: 'bea' });
  telegram.meet(other, bot);
  await using _broca = await rig.start();
  telegram.floodWait(bot, 2, owner);
  telegram.pushText(owner, bot, 'slow');
  await telegram.sent({ by: bot, to: owner, outcome: 'refused' });
  telegram.pushText(other, bot, 'quick');
  await telegram.sent({ by: bot, to: other });
  assert.equal(stored(rig).length, 0, 'the other chat did not wait');
  telegram.advance(2_000);
  await telegram.sent({ by: bot, to: owner });
  assert.deepEqual(stored(rig), ['slow']);
  const refusals = telegram.ledger.filter(({ outcome }) => outcome === 'refused');
  assert.equal(refusals.length, 1, 'nothing was tried before the wait was over');
});

test('somebody who blocked the bot is written down, and the agent goes on', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { access: 'open' } });
  const { telegram, bot, owner } = rig;
  const other = telegram.createUser({ username: 'bea' });
  telegram.meet(other, bot);
  await using broca = await rig.start();
  telegram.fault({ kind: 'refuse', method: 'messages.sendMessage', code: 403, error: 'USER_IS_BLOCKED' });
  telegram.pushText(other, bot, 'hello and goodbye');
  await telegram.answered({ account: bot, method: 'messages.sendMessage' });
  telegram.pushText(owner, bot, 'still there?');
  await telegram.sent({ by: bot, to: owner });
  const shown = (await broca.ask('queue.show', { turn: 1 })) as { parts: { state: string; reason: string }[] };
  assert.deepEqual(
    shown.parts.map(({ state, reason }) => [state, reason]),
    [['refused', 'the person has blocked this bot (USER_IS_BLOCKED)']],
  );
});

test('a server that goes away is waited for, and shown', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner } = rig;
  await using broca = await rig.start();
  await telegram.goOffline();
  await broca.beat(({ channels }) =>
    channels.some(({ name, state, reason }) => name === 'telegram' && state === 'down' && /no connection/.test(reason ?? '')),
  );
  telegram.pushText(owner, bot, 'while you were away');
  await telegram.goOnline();
  await telegram.sent({ by: bot, to: owner });
  assert.deepEqual(stored(rig), ['while you were away']);
});

for (const [name, breakIt, reason] of [
  ['revoked', ({ telegram, bot }: TelegramRig) => telegram.revokeSessions(bot), /ended this session \(SESSION_REVOKED\): log in again/],
  [
    'used elsewhere',
    ({ telegram, bot }: TelegramRig) => telegram.useElsewhere(bot),
    /another program uses the same Telegram session.*log in again/,
  ],
  ['forgotten', ({ telegram, bot }: TelegramRig) => telegram.forgetKeys(bot), /log in again/],
] as const) {
  test(`a session that is ${name} is told so, tried no more, and leaves the other channels alone`, async (t) => {
    const rig = await openTelegramRig(t);
    await using broca = await rig.start();
    breakIt(rig);
    rig.telegram.disconnect(rig.bot);
    const { channels } = await broca.beat((beat) =>
      beat.channels.some((channel) => channel.name === 'telegram' && reason.test(channel.reason ?? '')),
    );
    assert.deepEqual(channels.find((channel) => channel.name === 'spool')?.state, 'up');
    const before = rig.telegram.requests.length;
    const sent = (await broca.ask('console.send', {
      chat: 'main',
      externalId: 'x',
      text: 'are you there?',
      attachments: [],
      wait: true,
    })) as { isOver: boolean };
    assert.equal(sent.isOver, true);
    assert.equal(rig.telegram.requests.length, before);
  });
}

test('a session that ends while a reply is sent is told so; the reply waits, and goes out after the next login', async (t) => {
  const rig = await openTelegramRig(t);
  const { telegram, bot, owner, agent } = rig;
  await using broca = await rig.start();
  telegram.fault({ kind: 'refuse', method: 'messages.sendMessage', code: 401, error: 'SESSION_REVOKED', times: 2 });
  telegram.pushText(owner, bot, 'hello');
  await broca.beat(({ channels }) => channels.some(({ name, reason }) => name === 'telegram' && /log in again/.test(reason ?? '')));
  telegram.clearFaults();
  writeLogin(agent.folder, telegram, bot);
  await broca.ask('channel.ask', { channel: 'telegram', command: 'reload' });
  await telegram.sent({ by: bot, to: owner });
  assert.deepEqual(stored(rig), ['hello']);
});
