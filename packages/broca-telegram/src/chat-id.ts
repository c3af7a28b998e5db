/** Chats as text, as the Bot API writes them. */

const CHANNEL_PREFIX = '-100';

export function chatOf(kind: 'user' | 'group' | 'channel', id: string): string {
  if (kind === 'user') return id;
  return kind === 'group' ? `-${id}` : `${CHANNEL_PREFIX}${id}`;
}

export type ParsedChat = { kind: 'user' | 'group' | 'channel'; id: string; topic: number | null; chat: string };

/** Null when it is no chat's id. */
export function parseChat(text: string): ParsedChat | null {
  const match =
    /^(?<chat>-100(?<channel>[1-9]\d{0,18})|-(?<group>[1-9]\d{0,18})|(?<user>[1-9]\d{0,18}))(?:\/(?<topic>[1-9]\d{0,9}))?$/.exec(text);
  if (match?.groups === undefined) return null;
  const { chat = '', channel, group, user, topic } = match.groups;
  const isTopical = topic === undefined ? null : Number(topic);
  if (channel !== undefined) return { kind: 'channel', id: channel, topic: isTopical, chat };
  if (group !== undefined) return { kind: 'group', id: group, topic: isTopical, chat };
  return { kind: 'user', id: user ?? '', topic: isTopical, chat };
}

export function isPrivate(chat: string): boolean {
  return !chat.startsWith('-');
}

/** A chat without its topic. */
export function withoutTopic(chat: string): string {
  return chat.split('/')[0] ?? chat;
}
