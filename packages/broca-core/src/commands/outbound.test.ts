import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LoadedChannel } from '../channel/guard.ts';
import { rememberChannels, rememberedChannels } from '../channel/remember.ts';
import type { OutboundResult } from './command-values.ts';
import { ask, errorOf, get, openRig, type Rig, write } from './rig.fixture.ts';

const NOW = 1_000;

function channelOf(name: string, longestPart: number | null): LoadedChannel {
  return { name, capabilities: { idempotent: true, longestPart, markup: 'plain' } } as LoadedChannel;
}

function rig(t: TestContext, outbound: object = { enabled: true }): Rig {
  const opened = openRig(t);
  writeFileSync(join(opened.folder, '.env'), 'AGENT_ID=agent-x\nAGENT_ENDPOINT=http://127.0.0.1:1\nAGENT_API_KEY=key\n', { mode: 0o600 });
  writeFileSync(join(opened.folder, 'settings.json'), JSON.stringify({ outbound }), { mode: 0o600 });
  rememberChannels(opened.store, [channelOf('spool', null), channelOf('telegram', 10)]);
  return opened;
}

async function send(from: Rig, args: Record<string, unknown>): Promise<OutboundResult> {
  return (await get(from, 'outbound.send', args)) as OutboundResult;
}

function partsOf(from: Rig): unknown[] {
  return from.store.prepare('SELECT turn_id AS turn, number, count, text, in_reply_to AS inReplyTo, state FROM parts ORDER BY id').all();
}

test('it is off until settings say otherwise', async (t) => {
  const off = rig(t, {});
  assert.match(await errorOf(off, 'outbound.send', { channel: 'spool', chat: 'c', text: 'hi' }), /settings set outbound.enabled true/);
  assert.deepEqual(partsOf(off), []);
});

test('a person is written to where they last wrote; the turn is settled and its parts wait behind what waits there', async (t) => {
  const on = rig(t);
  write(on, 'first', '1');
  write(on, 'second', '2');
  const turn = on.queue.next(NOW);
  assert.ok(turn);
  on.queue.settle({ turn, as: 'answered', reason: null, texts: ['one'], attempt: null, newestMessageId: null });
  write(on, 'first', '3');
  const sent = await send(on, { channel: 'spool', user: '@ada', text: 'news' });
  assert.deepEqual([sent.turnId, sent.channel, sent.chat, sent.isOver, sent.isRepeat], [4, 'spool', 'first', false, false]);
  assert.deepEqual(partsOf(on), [
    { turn: 1, number: 1, count: 1, text: 'one', inReplyTo: '1', state: 'waiting' },
    { turn: 4, number: 1, count: 1, text: 'news', inReplyTo: null, state: 'queued' },
  ]);
  const row = on.store.prepare('SELECT state, outcome, profile_id FROM turns WHERE id = 4').get();
  assert.deepEqual(row, { state: 'settled', outcome: 'unprompted', profile_id: null });
  assert.deepEqual(on.told, ['wake']);
  const shown = (await get(on, 'queue.show', { turn: 4 })) as { text: string; sender: unknown };
  assert.deepEqual([shown.text, shown.sender], ['news', null]);
  assert.equal(on.queue.next(NOW)?.id, 2, 'it is no turn of the agent');
});

test('the same key is the same message: nothing is stored twice, and it belongs to no other', async (t) => {
  const on = rig(t);
  const asked = { channel: 'spool', chat: 'c', text: 'news', idempotencyKey: 'k-1' };
  const first = await send(on, asked);
  const again = await send(on, asked);
  assert.deepEqual(again, { ...first, isRepeat: true });
  assert.equal(partsOf(on).length, 1);
  assert.match(await errorOf(on, 'outbound.send', { ...asked, text: 'other' }), /belongs to another message/);
  assert.match(await errorOf(on, 'outbound.send', { ...asked, chat: 'd' }), /belongs to another message/);
  on.store.prepare('DELETE FROM turns').run();
  const gone = await send(on, asked);
  assert.deepEqual([gone.turnId, gone.isRepeat, gone.parts], [first.turnId, true, []], 'the key outlives its turn');
});

test('a dry run shows where parts would go and stores nothing', async (t) => {
  const on = rig(t);
  const planned = await send(on, {
    channel: 'telegram',
    account: 'bot',
    chat: '77',
    text: 'hello wide world',
    dryRun: true,
    idempotencyKey: 'k',
  });
  assert.deepEqual(planned, {
    turnId: null,
    isRepeat: false,
    isOver: false,
    isNewConversation: true,
    channel: 'telegram',
    account: 'bot',
    chat: '77',
    parts: [
      { number: 1, count: 2, text: 'hello wide', state: 'planned', reason: null },
      { number: 2, count: 2, text: 'world', state: 'planned', reason: null },
    ],
  });
  for (const table of ['turns', 'parts', 'conversations', 'outbounds']) {
    assert.equal(on.store.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), 0, table);
  }
  const sent = await send(on, { channel: 'telegram', account: 'bot', chat: '77', text: 'hello wide world', idempotencyKey: 'k' });
  assert.deepEqual(
    sent.parts.map(({ text, state }) => [text, state]),
    [
      ['hello wide', 'waiting'],
      ['world', 'queued'],
    ],
  );
});

test('who or where is not clear is not guessed', async (t) => {
  const on = rig(t);
  const receive = (account: string, chat: string, id: string, username: string): void => {
    const sender = { id, username };
    on.inbox.receive({ channel: 'telegram', account, chat, externalId: '1', sender, text: 'x', attachments: [], at: 1 });
  };
  receive('bot', '1', '1', 'ada');
  receive('me', '2', '1', 'ada');
  receive('bot', '3', '3', 'bob');
  receive('bot', '4', '4', 'Bob');
  receive('me', '4', '5', 'eve');
  const error = async (args: object): Promise<string> => await errorOf(on, 'outbound.send', { channel: 'telegram', text: 'x', ...args });
  assert.match(await error({ user: '@ada' }), /several accounts: "me", "bot"\. Name one with --account/);
  assert.equal((await send(on, { channel: 'telegram', user: '@ada', account: 'bot', text: 'x' })).chat, '1');
  assert.match(await error({ user: '@bob' }), /users 2, 3: write the number of one/);
  assert.match(await error({ user: '@nobody' }), /nobody is called/);
  assert.match(await error({ chat: '4' }), /several accounts/);
  assert.match(await error({ user: '@ada', chat: '4' }), /either a user or a chat/);
  assert.match(await error({}), /either a user or a chat/);
  assert.match(await error({ user: '1', channel: 'spool' }), /has not written through spool/);
  assert.match(await error({ chat: 'c', channel: 'web' }), /no channel web \(it has: spool, telegram\)/);
  assert.match(await error({ chat: 'c', text: ' ' }), /empty/);
  assert.match(await error({ chat: 'c', text: 'x'.repeat(100_001) }), /longer than 100000/);
  on.store.prepare('UPDATE users SET is_active = 0 WHERE id = 2').run();
  assert.match(await error({ user: '2' }), /deactivated/);
});

test('so many a minute and no more; a repeat costs nothing', async (t) => {
  const on = rig(t, { enabled: true, per_minute: 2 });
  const text = (index: number): Record<string, unknown> => ({ channel: 'spool', chat: 'c', text: `${index}`, idempotencyKey: `${index}` });
  await send(on, text(1));
  on.now += 20_000;
  await send(on, text(2));
  assert.match(await errorOf(on, 'outbound.send', text(3)), /try again in 40 s/);
  assert.equal((await send(on, text(2))).isRepeat, true);
  on.now += 40_001;
  await send(on, text(3));
  assert.equal(partsOf(on).length, 3);
});

test('without a running Broca it is stored all the same; with one it can be waited for', async (t) => {
  const on = rig(t);
  on.isRunning = false;
  const stored = await send(on, { channel: 'spool', chat: 'c', text: 'x', wait: true });
  assert.deepEqual([stored.isOver, on.told], [false, []]);
  on.isRunning = true;
  const waiting = ask(on, 'outbound.send', { channel: 'spool', chat: 'd', text: 'y', wait: true });
  await new Promise(setImmediate);
  for (let part = on.outbox.next('spool', on.now); part !== null; part = on.outbox.next('spool', on.now)) {
    on.outbox.settle(part, { state: 'sent', platformId: null, reason: null });
    on.live.events.changed(part.turnId);
  }
  const waited = await waiting;
  assert.ok(waited.ok);
  assert.equal((waited.value as OutboundResult).isOver, true);
});

test('a channel that failed to load is remembered as it was; one that is not used any more is forgotten', (t) => {
  const on = rig(t);
  rememberChannels(on.store, [
    { name: 'telegram', capabilities: null } as LoadedChannel,
    { name: 'web', capabilities: null } as LoadedChannel,
  ]);
  assert.deepEqual([...rememberedChannels(on.store)], [['telegram', 10]]);
});
