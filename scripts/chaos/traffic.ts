/** Sends messages, as fast as they are answered: of each agent's channel only so many wait at a time. */
import { type Actor, pause } from './actor.ts';
import type { Ledger } from './ledger.ts';
import { placeOf } from './ledger.ts';
import { type ChannelName, type Message, writeMessage } from './message.ts';

/** Conversations of each channel of an agent, and how many of its messages may wait. */
const CONVERSATIONS = 6;
const MOST_OPEN = 24;
const LATER_MS = 20;
/** How often a message is written to the inbox once more. */
const AGAIN = 0.03;

export type Mouth = { write(message: Message): boolean };

export function talker(agent: string, channel: ChannelName, meanWaitMs: number, mouth: Mouth, ledger: Ledger): Actor {
  const numbers = new Map<string, number>();
  let unwritten: Message | null = null;
  return {
    name: `${channel} of ${agent}`,
    meanWaitMs,
    async act(random, signal) {
      if (ledger.openOf(placeOf({ agent, channel })) >= MOST_OPEN) return await pause(LATER_MS, signal);
      const chat = `c${random.between(1, CONVERSATIONS)}`;
      const number = (numbers.get(chat) ?? 0) + 1;
      const message: Message = unwritten ?? writeMessage(random, { agent, channel, chat, number });
      unwritten = mouth.write(message) ? null : message;
      if (unwritten !== null) return await pause(LATER_MS, signal);
      numbers.set(message.chat, message.number);
      ledger.send(message);
      if (channel === 'spool' && random.chance(AGAIN) && mouth.write(message)) ledger.redelivered += 1;
    },
  };
}
