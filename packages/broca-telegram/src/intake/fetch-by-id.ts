/**
 * Messages that Telegram does not tell of any more (differenceTooLong), asked for by their ids. Ids of a mailbox are given one
 * after the other, those of messages that went out among them, and bots may ask by id where a chat's history is closed to them.
 * core.telegram.org/method/messages.getMessages.
 */
import type { Connection, Peer, PeerRef, ReceivedMessage } from '../telegram.ts';
import type { Newest } from './places.ts';

/** As many as Telegram gives at once. */
const BATCH = 100;
/** So many batches without a message: the rest was deleted, or never was. */
const MOST_EMPTY = 50;

/** From the one behind `after`, in order. `steps`: there are at most so many; it looks on while there are more all the same. */
export async function* fetchById(
  connection: Pick<Connection, 'messages'>,
  chat: PeerRef,
  after: number,
  steps: number,
): AsyncGenerator<{ messages: ReceivedMessage[]; peers: Peer[] }> {
  let empty = 0;
  for (let first = after + 1; ; first += BATCH) {
    const ids = Array.from({ length: BATCH }, (_, place) => first + place);
    const found = await connection.messages(chat, ids);
    empty = found.messages.length === 0 ? empty + 1 : 0;
    if (empty === 0) yield { ...found, messages: found.messages.toSorted((one, other) => one.id - other.id) };
    else if (empty === MOST_EMPTY || first + BATCH > after + steps) return;
  }
}

/** So many messages back it is looked for changes. */
const LOOKED_BACK = 2 * BATCH;

/** Those of the last ones up to the newest that were changed since, in order. */
export async function fetchEdited(
  connection: Pick<Connection, 'messages'>,
  chat: PeerRef,
  { id: last, at: since }: Newest & { at: number },
): Promise<{ messages: ReceivedMessage[]; peers: Peer[] }> {
  const found: { messages: ReceivedMessage[]; peers: Peer[] } = { messages: [], peers: [] };
  for (let first = Math.max(1, last - LOOKED_BACK + 1); first <= last; first += BATCH) {
    const ids = Array.from({ length: Math.min(BATCH, last - first + 1) }, (_, place) => first + place);
    const { messages, peers } = await connection.messages(chat, ids);
    found.messages.push(...messages.filter(({ editedAt }) => editedAt !== null && editedAt / 1000 > since));
    found.peers.push(...peers);
  }
  found.messages.sort((one, other) => one.id - other.id);
  return found;
}
