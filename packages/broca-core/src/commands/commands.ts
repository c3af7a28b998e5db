/** Every command of a Broca by name, for its socket and its CLI. */

import { channelAsk } from './channel.ts';
import type { BrocaCommand } from './command.ts';
import { consoleSend } from './console.ts';
import { consoleAttach } from './console-attach.ts';
import { conversationsGet, conversationsList } from './conversations.ts';
import { ignoreAdd, ignoreList, ignoreRemove } from './ignore.ts';
import { outboundSend } from './outbound.ts';
import { queueList, queueShow, queueStats } from './queue.ts';
import { queueDelete, queueFlush, queueRetry, queueSettle } from './queue-changes.ts';
import { type FilesCommand, settingsGet, settingsSet, settingsShow, settingsValidate } from './settings.ts';
import { usersActivate, usersConversations, usersDeactivate, usersGet, usersList } from './users.ts';

export type FilesCommandName = 'settings.show' | 'settings.get' | 'settings.set' | 'settings.validate';
export type StoreCommandName =
  | 'channel.ask'
  | 'console.attach'
  | 'console.send'
  | 'conversations.get'
  | 'conversations.list'
  | 'ignore.add'
  | 'ignore.list'
  | 'ignore.remove'
  | 'outbound.send'
  | 'queue.delete'
  | 'queue.flush'
  | 'queue.list'
  | 'queue.retry'
  | 'queue.settle'
  | 'queue.show'
  | 'queue.stats'
  | 'users.activate'
  | 'users.conversations'
  | 'users.deactivate'
  | 'users.get'
  | 'users.list';
export type CommandName = FilesCommandName | StoreCommandName;
/** Those that a line of the CLI asks and shows as they are; the others have a dialogue of their own. */
export type PlainCommandName = Exclude<CommandName, 'channel.ask' | 'console.attach' | 'console.send' | 'outbound.send'>;

/** Commands that need no database, and so no lock. */
export const FILES_COMMANDS: Readonly<Record<FilesCommandName, FilesCommand>> = {
  'settings.get': settingsGet,
  'settings.set': settingsSet,
  'settings.show': settingsShow,
  'settings.validate': settingsValidate,
};

export const STORE_COMMANDS: Readonly<Record<StoreCommandName, BrocaCommand>> = {
  'channel.ask': channelAsk,
  'console.attach': consoleAttach,
  'console.send': consoleSend,
  'conversations.get': conversationsGet,
  'conversations.list': conversationsList,
  'ignore.add': ignoreAdd,
  'ignore.list': ignoreList,
  'ignore.remove': ignoreRemove,
  'outbound.send': outboundSend,
  'queue.delete': queueDelete,
  'queue.flush': queueFlush,
  'queue.list': queueList,
  'queue.retry': queueRetry,
  'queue.settle': queueSettle,
  'queue.show': queueShow,
  'queue.stats': queueStats,
  'users.activate': usersActivate,
  'users.conversations': usersConversations,
  'users.deactivate': usersDeactivate,
  'users.get': usersGet,
  'users.list': usersList,
};

/** All of them, to be looked up by a name that came from outside: it has no prototype whose members such a name could find. */
export const COMMANDS: Readonly<Record<string, BrocaCommand>> = Object.freeze(
  Object.assign<Record<string, BrocaCommand>, object, object>(
    Object.create(null) as Record<string, BrocaCommand>,
    STORE_COMMANDS,
    FILES_COMMANDS,
  ),
);
