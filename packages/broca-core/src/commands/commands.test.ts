import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Inbound } from '../message.ts';
import { COMMANDS } from './commands.ts';
import { ask, errorOf, get, openRig, start, states, write } from './rig.fixture.ts';

test('every command is found by its name, and nothing by a name that objects inherit', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'queue']) assert.equal(COMMANDS[name], undefined, name);
});

test('arguments are checked before anything is done', async (t) => {
  const rig = openRig(t);
  assert.match(await errorOf(rig, 'queue.show', { turn: 'x' }), /turn: must be a number/);
  assert.match(await errorOf(rig, 'queue.flush', { force: true }), /force/);
  assert.match(await errorOf(rig, 'users.get', { user: '' }), /@username/);
});

test('who wrote last is first in the list of users, also within one minute', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  rig.now = 2_000;
  write(rig, 'a', '2', { id: '8', username: 'bob' });
  rig.now = 3_000;
  write(rig, 'a', '3');
  assert.deepEqual(
    ((await get(rig, 'users.list')) as { id: number; lastActiveAt: string }[]).map(({ id, lastActiveAt }) => [id, lastActiveAt]),
    [
      [1, '1970-01-01T00:00:03.000Z'],
      [2, '1970-01-01T00:00:02.000Z'],
    ],
  );
});

test('people are found by number and by name; a deactivated one is refused', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  write(rig, 'a', '2', { id: '8', username: 'bob' });
  assert.deepEqual(
    ((await get(rig, 'users.list')) as { id: number; turns: number }[]).map(({ id, turns }) => [id, turns]),
    [
      [2, 1],
      [1, 1],
    ],
  );
  assert.deepEqual(await get(rig, 'users.get', { user: '@ada' }), {
    id: 1,
    isActive: true,
    profiles: [{ channel: 'spool', senderId: '7', username: 'Ada', displayName: null }],
    turns: 1,
    createdAt: '1970-01-01T00:00:01.000Z',
    lastActiveAt: '1970-01-01T00:00:01.000Z',
    identityId: null,
    blockId: null,
  });
  assert.deepEqual(
    ((await get(rig, 'users.conversations', { user: '2' })) as { chat: string }[]).map(({ chat }) => chat),
    ['a'],
  );
  await get(rig, 'users.deactivate', { user: '@BOB' });
  const refused = rig.inbox.receive({
    channel: 'spool',
    account: '',
    chat: 'a',
    externalId: '3',
    sender: { id: '8' },
    text: 'x',
    attachments: [],
    at: 5,
  });
  assert.deepEqual(refused, { kind: 'refused', reason: 'the sender is deactivated' });
  await get(rig, 'users.activate', { user: '2' });
  write(rig, 'a', '3', { id: '8', username: 'ada' });
  assert.match(await errorOf(rig, 'users.get', { user: '@ada' }), /users 1, 2: write the number/);
  assert.match(await errorOf(rig, 'users.get', { user: '9' }), /no user 9/);
});

test('a conversation shows both sides in order', async (t) => {
  const rig = openRig(t);
  write(rig, 'a/b', '1');
  write(rig, 'a/b', '2');
  rig.queue.settle({ turn: start(rig), as: 'answered', reason: null, texts: ['one|two'], attempt: null, newestMessageId: null });
  const shown = (await get(rig, 'conversations.get', { conversation: 'spool/a/b' })) as { id: number; messages: Record<string, unknown>[] };
  assert.deepEqual(
    shown.messages.map(({ from, text }) => `${from}: ${text}`),
    ['person: says 1', 'agent: one', 'agent: two', 'person: says 2'],
  );
  const newest = (await get(rig, 'conversations.get', { conversation: '1', limit: 2 })) as { messages: Record<string, unknown>[] };
  assert.deepEqual(
    newest.messages.map(({ text }) => text),
    ['two', 'says 2'],
  );
  assert.match(await errorOf(rig, 'conversations.get', { conversation: 'nowhere' }), /channel\/chat/);
  assert.deepEqual(
    ((await get(rig, 'conversations.list')) as { turns: number; open: number }[]).map(({ turns, open }) => [turns, open]),
    [[2, 1]],
  );
});

test('an ignored sender is refused, by id or by name, in one channel or in all', async (t) => {
  const rig = openRig(t);
  const knock = (sender: Inbound['sender'], channel = 'spool') =>
    rig.inbox.receive({
      channel,
      account: '',
      chat: 'z',
      externalId: JSON.stringify([sender, channel, rig.now++]),
      sender,
      text: 'x',
      attachments: [],
      at: 5,
    }).kind;
  await get(rig, 'ignore.add', { sender: '@Spam' });
  await get(rig, 'ignore.add', { sender: '7', channel: 'telegram' });
  assert.deepEqual(
    [knock({ id: '1', username: 'SPAM' }), knock({ id: '7' }), knock({ id: '7' }, 'telegram')],
    ['refused', 'stored', 'refused'],
  );
  assert.deepEqual(
    ((await get(rig, 'ignore.list')) as { channel: string; sender: string }[]).map(({ channel, sender }) => [channel, sender]),
    [
      ['*', '@spam'],
      ['telegram', '7'],
    ],
  );
  assert.match(await errorOf(rig, 'ignore.remove', { sender: '7' }), /--channel telegram/);
  assert.deepEqual(await get(rig, 'ignore.remove', { sender: '@SPAM' }), { channel: '*', sender: '@spam', changed: true });
  assert.equal(knock({ id: '1', username: 'spam' }), 'stored');
  assert.deepEqual(await get(rig, 'ignore.add', { sender: '7', channel: 'telegram' }), {
    channel: 'telegram',
    sender: '7',
    changed: false,
  });
  const eve = { id: '9', username: 'Eve' };
  assert.equal(knock(eve), 'stored');
  await get(rig, 'ignore.add', { sender: '@eve', channel: 'spool' });
  assert.equal(knock(eve), 'refused', 'and her name is her id from now on');
  assert.match(await errorOf(rig, 'ignore.remove', { sender: '@eve' }), /is ignored in spool: add --channel spool/);
  assert.equal(((await get(rig, 'ignore.remove', { sender: '@Eve', channel: 'spool' })) as { changed: boolean }).changed, true);
  assert.equal(knock(eve), 'stored');
  assert.match(await errorOf(rig, 'ignore.remove', { sender: '@nobody' }), /nobody is ignored by the name @nobody: a name becomes an id/);
});

test('a setting is set, kept beside the rest, and the running Broca told', async (t) => {
  const rig = openRig(t);
  writeFileSync(
    join(rig.folder, '.env'),
    'AGENT_ID=agent-1\nAGENT_ENDPOINT=http://127.0.0.1:8283\nAGENT_API_KEY=sk-0123456789abcdef0123\n',
    { mode: 0o600 },
  );
  writeFileSync(join(rig.folder, 'settings.json'), '{"mine": 1}', { mode: 0o600 });
  const set = (await get(rig, 'settings.set', { key: 'message_mode', value: 'echo' })) as { isApplied: boolean };
  assert.equal(set.isApplied, true);
  assert.deepEqual(rig.told, ['reload']);
  assert.deepEqual(await get(rig, 'settings.get', { key: 'message_processing.mode' }), {
    key: 'message_processing.mode',
    value: 'echo',
    origin: 'settings.json',
  });
  assert.match(readFileSync(join(rig.folder, 'settings.json'), 'utf8'), /"mine": 1/);
  assert.ok(!JSON.stringify(await get(rig, 'settings.show')).includes('sk-0123456789'), 'a key is never shown');
  assert.match(await errorOf(rig, 'settings.set', { key: 'message_mode', value: 'loud' }), /loud/);
  writeFileSync(join(rig.folder, 'settings.json'), '{');
  assert.equal(((await get(rig, 'settings.validate')) as { ok: boolean }).ok, false);
  assert.match(await errorOf(rig, 'settings.show'), /settings\.json/);
});

test('console.send waits for the reply; asked again it finds the same one', async (t) => {
  const rig = openRig(t);
  const asked = { externalId: 'm1', text: 'hi' };
  const reply = get(rig, 'console.send', asked);
  const turn = start(rig);
  rig.queue.settle({ turn, as: 'answered', reason: null, texts: ['one|two'], attempt: null, newestMessageId: null });
  rig.live.events.changed(turn.id);
  for (let part = rig.outbox.next('console', rig.now); part !== null; part = rig.outbox.next('console', rig.now)) {
    rig.outbox.markSending(part);
    rig.outbox.settle(part, { state: 'sent', platformId: null, reason: null });
    rig.live.events.changed(turn.id);
  }
  const expected = {
    turnId: 1,
    isOver: true,
    state: 'settled',
    outcome: 'answered',
    reason: null,
    parts: [
      { number: 1, count: 2, text: 'one', state: 'sent' },
      { number: 2, count: 2, text: 'two', state: 'sent' },
    ],
  };
  assert.deepEqual(await reply, expected);
  assert.deepEqual(await get(rig, 'console.send', asked), expected);
  assert.deepEqual(Object.keys(states(rig)), ['1']);
});

test('console.send tells at once what cannot be, and lets go of who is gone', async (t) => {
  const rig = openRig(t);
  const unwaited = (await get(rig, 'console.send', { externalId: '1', text: 'x', wait: false })) as { isOver: boolean; state: string };
  assert.deepEqual([unwaited.isOver, unwaited.state], [false, 'waiting']);
  const gone = new AbortController();
  const waiting = ask(rig, 'console.send', { externalId: '1', text: 'x' }, gone.signal);
  gone.abort();
  assert.ok((await waiting).ok);
  const deleted = ask(rig, 'console.send', { externalId: '1', text: 'x' });
  await get(rig, 'queue.delete', { turn: 1 });
  assert.deepEqual(await deleted, { ok: false, error: 'turn 1 was deleted' });
  assert.match(await errorOf(rig, 'console.send', { externalId: '1', text: 'x' }), /answered before|deleted/);
  assert.match(await errorOf(rig, 'console.send', { externalId: '2', text: ' ' }), /refused: the message is empty/);
  rig.isConsoleOn = false;
  assert.match(await errorOf(rig, 'console.send', { externalId: '3', text: 'x' }), /console is switched off/);
  rig.isRunning = false;
  assert.match(await errorOf(rig, 'console.send', { externalId: '3', text: 'x' }), /no Broca runs/);
});

test('a full disk is told as that and changes nothing', async (t) => {
  const rig = openRig(t);
  write(rig, 'a', '1');
  const pages = Number(rig.store.pragma('page_count', { simple: true }));
  rig.store.pragma(`max_page_count = ${pages}`);
  const answers = [];
  for (let count = 0; count < 200; count += 1) answers.push(await ask(rig, 'ignore.add', { sender: `${count}-${'x'.repeat(400)}` }));
  assert.deepEqual(answers.at(-1), { ok: false, error: 'nothing was changed: the disk is full' });
});
