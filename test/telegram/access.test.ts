/** Who may talk, and what the channel says by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTelegramRig } from './rig.ts';

const command = (length: number) => [{ kind: 'BotCommand', offset: 0, length }];

test('a stranger gets one polite line, and never reaches the agent', async (t) => {
  const { telegram, bot, owner, start } = await openTelegramRig(t);
  const stranger = telegram.createUser({ username: 'eve' });
  telegram.meet(stranger, bot);
  await using broca = await start();
  telegram.pushText(stranger, bot, 'let me in');
  const told = await telegram.sent({ by: bot, to: stranger });
  assert.match(told.text, /private line/);
  telegram.pushText(stranger, bot, '/help', { entities: command(5) });
  telegram.pushText(stranger, bot, 'please');
  telegram.pushText(owner, bot, 'hello');
  await telegram.sent({ by: bot, to: owner });
  assert.equal(telegram.sentTo(stranger, bot).length, 1);
  assert.equal(((await broca.ask('users.list')) as unknown[]).length, 1, 'nobody but the owner is known');
});

test('/start and /help are answered by the channel, other commands by the agent', async (t) => {
  const { telegram, bot, owner, start } = await openTelegramRig(t);
  await using _broca = await start();
  telegram.pushText(owner, bot, '/help', { entities: command(5) });
  assert.match((await telegram.sent({ by: bot })).text, /The agent answers here/);
  telegram.pushText(owner, bot, '/weather today', { entities: command(8) });
  assert.match((await telegram.sent({ by: bot, number: 2 })).text, /\/weather today$/);
});

test('pairing: a code of the terminal makes an owner; somebody whom they let in may talk, until they may not', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { access: 'pairing' }, environment: { TELEGRAM_OWNER_ID: '' } });
  const { telegram, bot, owner } = rig;
  const friend = telegram.createUser({ username: 'bea', firstName: 'Bea' });
  telegram.meet(friend, bot);
  await using broca = await rig.start();
  const ask = async <T>(name: string, args: object = {}): Promise<T> =>
    (await broca.ask('channel.ask', { channel: 'telegram', command: name, args })) as T;

  telegram.pushText(owner, bot, 'AAAA-AAAA');
  assert.match((await telegram.sent({ by: bot, to: owner })).text, /private line/, 'a guess is a message of a stranger');
  const { code } = await ask<{ code: string }>('pair.owner');
  assert.match(code, /^[A-Z2-9]{4}-[A-Z2-9]{4}$/);
  telegram.pushText(owner, bot, `/start ${code}`, { entities: command(6) });
  assert.match((await telegram.sent({ by: bot, to: owner, number: 2 })).text, /You are the owner now/);

  telegram.pushText(friend, bot, 'me too');
  const invitation = /: ([A-Z2-9]{4}-[A-Z2-9]{4})/.exec((await telegram.sent({ by: bot, to: friend })).text)?.[1];
  assert.ok(invitation);
  await assert.rejects(ask('pair.approve', { code: 'AAAA-AAAA' }), /nobody waits/);
  assert.deepEqual((await ask<{ username: string }>('pair.approve', { code: invitation.toLowerCase() })).username, 'bea');
  assert.match((await telegram.sent({ by: bot, to: friend, number: 2 })).text, /let you in/);
  telegram.pushText(friend, bot, 'thank you');
  assert.match((await telegram.sent({ by: bot, to: friend, number: 3 })).text, /thank you$/);

  await ask('pair.revoke', { id: String(friend.id) });
  telegram.pushText(friend, bot, 'still there?');
  telegram.pushText(owner, bot, 'and I?');
  assert.match((await telegram.sent({ by: bot, to: owner, number: 3 })).text, /and I\?$/);
  assert.equal(telegram.sentTo(friend, bot).length, 3);
});

test('an owner known by name is pinned to the id that first comes with it', async (t) => {
  const rig = await openTelegramRig(t, { environment: { TELEGRAM_OWNER_ID: '', TELEGRAM_OWNER_USERNAME: '@Ada' } });
  const { telegram, bot, owner } = rig;
  await using _broca = await rig.start();
  telegram.pushText(owner, bot, 'it is me');
  await telegram.sent({ by: bot, to: owner });
  telegram.change(owner, { username: 'somebody' });
  const thief = telegram.createUser({ username: 'ada' });
  telegram.meet(thief, bot);
  telegram.pushText(thief, bot, 'no, me');
  assert.match((await telegram.sent({ by: bot, to: thief })).text, /private line/);
  telegram.pushText(owner, bot, 'still me');
  assert.match((await telegram.sent({ by: bot, to: owner, number: 2 })).text, /still me$/);
});

test('who is ignored gets nothing at all, by whichever name they come', async (t) => {
  const rig = await openTelegramRig(t, { telegram: { access: 'open' } });
  const { telegram, bot, owner } = rig;
  const eve = telegram.createUser({ username: 'eve' });
  telegram.meet(eve, bot);
  await using broca = await rig.start();
  await broca.ask('ignore.add', { sender: '@Eve', channel: 'telegram' });
  telegram.pushText(eve, bot, 'hello');
  telegram.change(eve, { username: 'innocent' });
  telegram.pushText(eve, bot, 'hello again');
  telegram.pushText(owner, bot, 'hi');
  await telegram.sent({ by: bot, to: owner });
  assert.deepEqual(telegram.sentTo(eve, bot), []);
  const ignored = (await broca.ask('ignore.list')) as { sender: string }[];
  assert.deepEqual(
    ignored.map(({ sender }) => sender),
    [String(eve.id)],
  );
});
