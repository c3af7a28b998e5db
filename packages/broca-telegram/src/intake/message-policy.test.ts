import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Account, Entity, ReceivedMessage } from '../telegram.ts';
import { isMeant, judgeMessage, type MessageFacts, type MessageRules, readCommand } from './message-policy.ts';

const ME: Account = { id: '9', username: 'Agent_Bot', name: 'Agent', isBot: true };
const MESSAGE: ReceivedMessage = {
  ...{ id: 1, chat: '5', from: '5', isOut: false, isService: false, text: 'hello', entities: [], file: null, extra: null },
  ...{ album: null, replyTo: null, forward: null, isMentioned: false, at: 0, editedAt: null },
};

function judge(
  message: Partial<ReceivedMessage>,
  { isEdit = false, ...more }: Partial<MessageRules & MessageFacts & { isEdit: boolean }> = {},
) {
  const rules = { groups: 'off', edits: 'ignore', isFromBot: false, isBroadcast: false, isReplyToUs: false, ...more } as const;
  return judgeMessage({ message: { ...MESSAGE, ...message }, isEdit }, ME, rules, rules);
}

const mention = (text: string, word: string, type: Entity['type'] = 'mention', user?: string) => ({
  text,
  entities: [{ type, offset: text.indexOf(word), length: word.length, ...(user === undefined ? {} : { user }) }],
});

test('what is nobody’s question is skipped', () => {
  assert.equal(judge({}), 'private');
  for (const message of [
    { isOut: true },
    { isService: true },
    { from: null },
    { from: '9' },
    { from: '777000', chat: '777000' },
    { text: ' ' },
  ]) {
    assert.equal(judge(message), 'skip', JSON.stringify(message));
  }
  assert.equal(judge({}, { isFromBot: true }), 'skip');
  assert.equal(judge({ chat: '-1001' }, { isBroadcast: true, groups: 'all' }), 'skip');
  assert.equal(judge({ text: '', extra: '(a place)' }), 'private');
});

test('edits only when settings tell them, and only those that changed words', () => {
  assert.equal(judge({ editedAt: 5 }, { isEdit: true }), 'skip');
  assert.equal(judge({ editedAt: 5 }, { isEdit: true, edits: 'tell' }), 'private');
  assert.equal(judge({ editedAt: null }, { isEdit: true, edits: 'tell' }), 'skip', 'a reaction');
});

test('groups: off, when meant, or all', () => {
  const group = { chat: '-100123' };
  assert.equal(judge(group), 'skip');
  assert.equal(judge(group, { groups: 'all' }), 'group');
  assert.equal(judge(group, { groups: 'mentioned' }), 'skip');
  assert.equal(judge(group, { groups: 'mentioned', isReplyToUs: true }), 'group');
  assert.equal(judge({ ...group, ...mention('hey @agent_bot', '@agent_bot') }, { groups: 'mentioned' }), 'group');
});

test('meant is who is named by an entity, not by words that look like it', () => {
  assert.equal(isMeant({ text: '@agent_bot', entities: [] }, ME), false);
  assert.equal(isMeant(mention('@agent_bot2 hi', '@agent_bot2'), ME), false);
  assert.equal(isMeant(mention('hi Agent', 'Agent', 'mention-name', '9'), ME), true);
  assert.equal(isMeant(mention('hi Agent', 'Agent', 'mention-name', '8'), ME), false);
  assert.equal(isMeant(mention('/ask@agent_bot now', '/ask@agent_bot', 'command'), ME), true);
  assert.equal(isMeant(mention('/ask now', '/ask', 'command'), ME), false);
});

test('a command stands at the beginning, and is for this bot', () => {
  assert.deepEqual(readCommand(mention('/Start ABCD-EFGH', '/Start', 'command'), ME), { name: 'start', argument: 'ABCD-EFGH' });
  assert.deepEqual(readCommand(mention('/help@agent_bot', '/help@agent_bot', 'command'), ME), { name: 'help', argument: '' });
  assert.equal(readCommand(mention('/help@other_bot', '/help@other_bot', 'command'), ME), null);
  assert.equal(readCommand(mention('say /help', '/help', 'command'), ME), null);
});
