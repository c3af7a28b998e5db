/** Decides what a message is to us, before it is asked who wrote it. */
import { isPrivate } from '../chat-id.ts';
import type { GroupMode } from '../settings.ts';
import type { Account, Entity, ReceivedMessage } from '../telegram.ts';

/** Telegram's own accounts: they bring login codes and service notices, which are nobody's business. */
const TELEGRAM_ITSELF: ReadonlySet<string> = new Set(['777000', '42777', '333000']);

export type MessageRules = { groups: GroupMode; edits: 'ignore' | 'tell' };

export type MessageFacts = {
  /** Whether its sender is a bot. */
  isFromBot: boolean;
  /** Whether its chat is a channel in which only its owners write. */
  isBroadcast: boolean;
  /** Whether it answers a message of ours. */
  isReplyToUs: boolean;
};

export type MessageVerdict = 'skip' | 'private' | 'group';

export function judgeMessage(
  { message, isEdit }: { message: ReceivedMessage; isEdit: boolean },
  me: Account,
  rules: MessageRules,
  facts: MessageFacts,
): MessageVerdict {
  if (message.isOut || message.isService || message.from === null || message.from === me.id) return 'skip';
  if (facts.isFromBot || facts.isBroadcast || TELEGRAM_ITSELF.has(message.from)) return 'skip';
  if (message.text.trim() === '' && message.file === null && message.extra === null) return 'skip';
  if (isEdit && (rules.edits === 'ignore' || message.editedAt === null)) return 'skip';
  if (isPrivate(message.chat)) return 'private';
  if (rules.groups === 'off') return 'skip';
  return rules.groups === 'all' || facts.isReplyToUs || isMeant(message, me) ? 'group' : 'skip';
}

/** Named by an entity: `@ourname`, a link to this account, a command for this bot. A look-alike in plain text is none. */
export function isMeant({ text, entities }: Pick<ReceivedMessage, 'text' | 'entities'>, me: Account): boolean {
  const name = me.username?.toLowerCase() ?? null;
  return entities.some((entity) => {
    const said = wordOf(text, entity).toLowerCase();
    if (entity.type === 'mention-name') return entity.user === me.id;
    if (name === null) return false;
    return (entity.type === 'mention' && said === `@${name}`) || (entity.type === 'command' && said.endsWith(`@${name}`));
  });
}

function wordOf(text: string, { offset, length }: Entity): string {
  return text.slice(offset, offset + length);
}

export type Command = { name: string; argument: string };

/** `/start CODE` at the beginning of a message; null when it is none, or is for another bot. */
export function readCommand({ text, entities }: Pick<ReceivedMessage, 'text' | 'entities'>, me: Account): Command | null {
  const entity = entities.find(({ type, offset }) => type === 'command' && offset === 0);
  if (entity === undefined) return null;
  const [name = '', bot] = wordOf(text, entity).slice(1).split('@');
  if (bot !== undefined && bot.toLowerCase() !== me.username?.toLowerCase()) return null;
  return { name: name.toLowerCase(), argument: text.slice(entity.length).trim() };
}
