/** The messages that were sent to groups, so that a reply to one of them is known as such. */
import type { ChannelState } from 'broca-core';
import { isPrivate } from './chat-id.ts';

const SENT = 'sent:';
/** In each group; older ones are hardly answered. */
const MOST = 200;

export class SentMessages {
  readonly #state: ChannelState;
  readonly #known = new Map<string, number[]>();

  constructor(state: ChannelState) {
    this.#state = state;
  }

  isOurs(chat: string, id: number): boolean {
    return !isPrivate(chat) && this.#of(chat).includes(id);
  }

  add(chat: string, id: number): void {
    if (isPrivate(chat) || this.isOurs(chat, id)) return;
    const ids = [...this.#of(chat), id].slice(-MOST);
    this.#known.set(chat, ids);
    this.#state.put({ [SENT + chat]: ids.join(' ') });
  }

  #of(chat: string): number[] {
    const known =
      this.#known.get(chat) ??
      (this.#state.get(SENT + chat) ?? '')
        .split(' ')
        .filter((id) => id !== '')
        .map(Number);
    this.#known.set(chat, known);
    return known;
  }
}
