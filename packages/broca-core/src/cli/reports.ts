/** How each command's value is shown when nobody asked for JSON. */
import { unreachable } from 'animus-protocol';
import type { PlainCommandName } from '../commands/commands.ts';
import { at, type Column, column, conversationOf, listOf, renderFields, renderTable, show } from './render.ts';

const conversation: Column = { title: 'CONVERSATION', of: conversationOf };

const TURNS: readonly Column[] = [
  column('TURN', 'id'),
  { title: 'STATE', of: (row) => [show(at(row, 'state')), show(at(row, 'outcome'))].filter((word) => word !== '').join(' ') },
  conversation,
  column('SENDER', 'sender'),
  column('SINCE', 'createdAt'),
  column('TEXT', 'text'),
  { title: 'NOTE', of: noteOf },
];

function noteOf(row: unknown): string {
  const notes = [show(at(row, 'reason'))];
  if (at(row, 'state') === 'waiting' && Number(at(row, 'failures')) > 0) notes.unshift(`next try ${show(at(row, 'dueAt'))}`);
  notes.push(crashNote(Number(at(row, 'crashes')), 'this'), crashNote(Number(at(row, 'partCrashes')), 'its reply'));
  const unsent = Number(at(row, 'unsent'));
  const uncertain = Number(at(row, 'uncertain'));
  if (unsent > 0) notes.push(`${unsent} ${unsent === 1 ? 'part' : 'parts'} not handed over yet`);
  if (uncertain > 0) notes.push(`${uncertain} ${uncertain === 1 ? 'part' : 'parts'} may or may not have arrived`);
  return notes.filter((note) => note !== '').join('; ');
}

/** It rests after each, longer and longer (poison-policy.ts). */
function crashNote(crashes: number, what: string): string {
  return crashes > 0
    ? `Broca ended ${crashes === 1 ? 'once' : `${crashes} times`} with ${what} in hand, and rests before it tries again`
    : '';
}

const ATTEMPTS: readonly Column[] = [
  column('ATTEMPT', 'number'),
  column('SENT', 'sentAt'),
  column('OVER', 'overAt'),
  { title: 'OUTCOME', of: (row) => show(at(row, 'outcome')) || 'not known yet' },
  column('RUN', 'runId'),
  column('REASON', 'reason'),
];

const PARTS: readonly Column[] = [
  { title: 'PART', of: (row) => `${show(at(row, 'number'))}/${show(at(row, 'count'))}` },
  column('STATE', 'state'),
  column('MADE', 'createdAt'),
  column('TEXT', 'text'),
  column('REASON', 'reason'),
];

const USERS: readonly Column[] = [
  column('USER', 'id'),
  column('ACTIVE', 'isActive'),
  { title: 'KNOWN AS', of: (row) => listOf(at(row, 'profiles')).map(profileOf).join(', ') },
  column('TURNS', 'turns'),
  column('LAST ACTIVE', 'lastActiveAt'),
];

function profileOf(profile: unknown): string {
  const username = show(at(profile, 'username'));
  const name = username === '' ? show(at(profile, 'displayName')) || show(at(profile, 'senderId')) : `@${username}`;
  return `${name} (${show(at(profile, 'channel'))} ${show(at(profile, 'senderId'))})`;
}

const CONVERSATIONS: readonly Column[] = [
  column('ID', 'id'),
  conversation,
  column('TURNS', 'turns'),
  column('OPEN', 'open'),
  column('LAST', 'lastAt'),
];

const MESSAGES: readonly Column[] = [
  column('AT', 'at'),
  { title: 'FROM', of: (row) => (at(row, 'from') === 'agent' ? 'agent' : show(at(row, 'sender'))) },
  column('TURN', 'turn'),
  column('STATE', 'state'),
  column('TEXT', 'text'),
  { title: 'FILES', of: (row) => listOf(at(row, 'attachments')).map(fileOf).join(', ') },
];

function fileOf(file: unknown): string {
  const name = show(at(file, 'name')) || show(at(file, 'path'));
  return at(file, 'missed') === undefined ? `${name} (${show(at(file, 'type'))})` : `${name} (not taken: ${show(at(file, 'missed'))})`;
}

const IGNORED: readonly Column[] = [column('SENDER', 'sender'), column('CHANNEL', 'channel'), column('SINCE', 'createdAt')];

export function report(name: PlainCommandName, value: unknown): string {
  switch (name) {
    case 'queue.list':
      return renderTable(value, TURNS, 'Nothing is waiting, parked or undelivered.');
    case 'queue.stats':
      return reportStats(value);
    case 'queue.show':
      return reportTurn(value);
    case 'queue.flush':
      return `${show(at(value, 'flushed'))} turns flushed.${Number(at(value, 'stillRunning')) > 0 ? ' One is running and goes on.' : ''}\n`;
    case 'queue.retry':
      return `Turn ${show(at(value, 'id'))} is ${show(at(value, 'state'))} again.\n`;
    case 'queue.settle': {
      const parts = Number(at(value, 'parts'));
      const also = parts === 0 ? '' : `, ${parts === 1 ? 'one part' : `${parts} parts`} of its reply included`;
      return `Turn ${show(at(value, 'id'))} is settled as ${show(at(value, 'outcome'))}${also}.\n`;
    }
    case 'queue.delete':
      return `Turn ${show(at(value, 'id'))} is deleted.\n`;
    case 'users.list':
      return renderTable(value, USERS, 'Nobody has written yet.');
    case 'users.get':
    case 'users.activate':
    case 'users.deactivate':
      return reportUser(value);
    case 'users.conversations':
    case 'conversations.list':
      return renderTable(value, CONVERSATIONS, 'There is no conversation yet.');
    case 'conversations.get':
      return `${conversationOf(value)}\n\n${renderTable(at(value, 'messages'), MESSAGES, 'Nothing was said yet.')}`;
    case 'ignore.add':
      return `${ignoredWhom(value)} is ignored${at(value, 'changed') === true ? '' : ' already'}.\n`;
    case 'ignore.remove':
      return `${ignoredWhom(value)} ${at(value, 'changed') === true ? 'is heard again' : 'was not ignored'}.\n`;
    case 'ignore.list':
      return renderTable(value, IGNORED, 'Nobody is ignored.');
    case 'settings.show':
      return reportSettings(value);
    case 'settings.get':
      return `${show(at(value, 'value'))}\n`;
    case 'settings.set':
      return reportSet(value);
    case 'settings.validate':
      return reportVerdict(value);
    default:
      return unreachable(name);
  }
}

function reportStats(value: unknown): string {
  const counts = (kind: string) => Object.entries(at(value, kind) ?? {}).map(([name, count]) => `${name} ${show(count)}`);
  return renderFields(value, [
    { title: 'turns', of: () => counts('turns').join(', ') },
    { title: 'settled as', of: () => counts('outcomes').join(', ') },
    { title: 'parts', of: () => counts('parts').join(', ') },
    column('oldest open', 'oldestOpenAt'),
  ]);
}

function reportTurn(value: unknown): string {
  const head = renderFields(value, [
    column('turn', 'id'),
    column('state', 'state'),
    column('outcome', 'outcome'),
    column('reason', 'reason'),
    { title: 'conversation', of: conversationOf },
    column('sender', 'sender'),
    column('came', 'createdAt'),
    column('due', 'dueAt'),
    column('settled', 'settledAt'),
    column('text', 'text'),
  ]);
  const attempts = renderTable(at(value, 'attempts'), ATTEMPTS, 'It was not sent to the agent.');
  return `${head}\n${attempts}${notKept(listOf(at(value, 'attempts')))}\n${renderTable(at(value, 'parts'), PARTS, 'There is no reply.')}`;
}

/** Attempts are numbered on, whichever are kept. */
function notKept(attempts: readonly unknown[]): string {
  const made = Math.max(0, ...attempts.map((attempt) => Number(at(attempt, 'number'))));
  const missing = made - attempts.length;
  return missing > 0 ? `${made} attempts were made; the ${missing} not shown came to nothing, and are not kept.\n` : '';
}

function reportUser(value: unknown): string {
  return renderFields(value, [
    column('user', 'id'),
    column('active', 'isActive'),
    { title: 'known as', of: (row) => listOf(at(row, 'profiles')).map(profileOf).join('\n') },
    column('identity', 'identityId'),
    column('block', 'blockId'),
    column('turns', 'turns'),
    column('first seen', 'createdAt'),
    column('last active', 'lastActiveAt'),
  ]);
}

function ignoredWhom(value: unknown): string {
  const channel = show(at(value, 'channel'));
  return `${show(at(value, 'sender'))} ${channel === '*' ? 'in every channel' : `in ${channel}`}`;
}

function reportSettings(value: unknown): string {
  const rows = Object.entries(at(value, 'settings') ?? {}).map(([key, setting]) => ({ key, setting }));
  const columns = [column('SETTING', 'key'), column('VALUE', 'setting', 'value'), column('FROM', 'setting', 'origin')];
  return renderTable(rows, columns, 'There are no settings.') + lines('', listOf(at(value, 'problems')));
}

function reportSet(value: unknown): string {
  const isApplied = at(value, 'isApplied') === true;
  if (at(value, 'isUsable') === false) {
    const head = `${show(at(value, 'key'))} is written as ${JSON.stringify(at(value, 'value'))}, but the configuration still cannot be used:`;
    return lines(head, [...listOf(at(value, 'errors')), ...listOf(at(value, 'warnings'))]);
  }
  const head = `${show(at(value, 'key'))} is ${JSON.stringify(at(value, 'value'))} now${isApplied ? ', and the running Broca has been told' : ''}.\n`;
  return head + lines('', listOf(at(value, 'warnings')));
}

function reportVerdict(value: unknown): string {
  const problems = listOf(at(value, 'problems')).map((problem) => `${show(at(problem, 'severity'))}: ${show(at(problem, 'text'))}`);
  return at(value, 'ok') === true
    ? lines('The configuration can be used.', problems)
    : lines('The configuration cannot be used.', problems);
}

function lines(head: string, texts: readonly unknown[]): string {
  return [head, ...texts.map(show)]
    .filter((line) => line !== '')
    .map((line) => `${line}\n`)
    .join('');
}
