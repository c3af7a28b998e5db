/** Entities as a client writes them. */
import type { Entity } from '../world/model.ts';
import type { Caller } from './caller.ts';
import { readUser } from './peers.ts';
import { Api, toBigInt } from './tl.ts';

export function readEntities(caller: Caller, given: readonly Api.TypeMessageEntity[] | undefined | null): Entity[] {
  return (given ?? []).map((entity) => readEntity(caller, entity));
}

function readEntity(caller: Caller, entity: Api.TypeMessageEntity): Entity {
  const { offset, length } = entity;
  const kind = entity.className.replace(/^(Input)?MessageEntity/, '');
  if (entity instanceof Api.MessageEntityPre) return { kind, offset, length, language: entity.language };
  if (entity instanceof Api.MessageEntityTextUrl) return { kind, offset, length, url: entity.url };
  if (entity instanceof Api.MessageEntityBlockquote) return { kind, offset, length, isCollapsed: entity.collapsed === true };
  if (entity instanceof Api.MessageEntityCustomEmoji) return { kind, offset, length, documentId: toBigInt(entity.documentId) };
  if (entity instanceof Api.MessageEntityMentionName) return { kind, offset, length, userId: Number(entity.userId) };
  if (entity instanceof Api.InputMessageEntityMentionName) {
    return { kind, offset, length, userId: readUser(caller, entity.userId).id };
  }
  return { kind, offset, length };
}
