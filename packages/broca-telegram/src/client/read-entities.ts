/** Entities between Telegram's types and ours. */
import type { Entity } from '../telegram.ts';
import { Api, long } from './library.ts';

export function readEntities(entities: readonly Api.TypeMessageEntity[] | undefined): Entity[] {
  return (entities ?? []).flatMap((entity) => readEntity(entity) ?? []);
}

function readEntity(entity: Api.TypeMessageEntity): Entity | null {
  const { offset, length } = entity;
  if (entity instanceof Api.MessageEntityBold) return { type: 'bold', offset, length };
  if (entity instanceof Api.MessageEntityItalic) return { type: 'italic', offset, length };
  if (entity instanceof Api.MessageEntityUnderline) return { type: 'underline', offset, length };
  if (entity instanceof Api.MessageEntityStrike) return { type: 'strike', offset, length };
  if (entity instanceof Api.MessageEntitySpoiler) return { type: 'spoiler', offset, length };
  if (entity instanceof Api.MessageEntityCode) return { type: 'code', offset, length };
  if (entity instanceof Api.MessageEntityPre) return { type: 'pre', offset, length, language: entity.language };
  if (entity instanceof Api.MessageEntityTextUrl) return { type: 'link', offset, length, url: entity.url };
  if (entity instanceof Api.MessageEntityBlockquote) return { type: 'quote', offset, length };
  if (entity instanceof Api.MessageEntityMention) return { type: 'mention', offset, length };
  if (entity instanceof Api.MessageEntityMentionName) return { type: 'mention-name', offset, length, user: entity.userId.toString() };
  if (entity instanceof Api.MessageEntityBotCommand) return { type: 'command', offset, length };
  return null;
}

/** Those that a sender makes; mentions and commands Telegram finds itself. */
export function writeEntities(entities: readonly Entity[]): Api.TypeMessageEntity[] {
  return entities.flatMap((entity) => writeEntity(entity) ?? []);
}

function writeEntity({
  type,
  offset,
  length,
  url = '',
  language = '',
  user = '0',
  isFolded = false,
}: Entity): Api.TypeMessageEntity | null {
  switch (type) {
    case 'bold':
      return new Api.MessageEntityBold({ offset, length });
    case 'italic':
      return new Api.MessageEntityItalic({ offset, length });
    case 'underline':
      return new Api.MessageEntityUnderline({ offset, length });
    case 'strike':
      return new Api.MessageEntityStrike({ offset, length });
    case 'spoiler':
      return new Api.MessageEntitySpoiler({ offset, length });
    case 'code':
      return new Api.MessageEntityCode({ offset, length });
    case 'pre':
      return new Api.MessageEntityPre({ offset, length, language });
    case 'link':
      return new Api.MessageEntityTextUrl({ offset, length, url });
    case 'quote':
      return new Api.MessageEntityBlockquote({ offset, length, ...(isFolded ? { collapsed: true } : {}) });
    case 'mention-name':
      return new Api.InputMessageEntityMentionName({
        offset,
        length,
        userId: new Api.InputUser({ userId: long(user), accessHash: long('0') }),
      });
    case 'mention':
    case 'command':
      return null;
  }
}
