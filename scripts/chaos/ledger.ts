/** What was sent, what arrived and in which order. Filled while the run goes, judged at its end. */
import type { Turn } from 'animus-testkit';
import { type ChannelName, idsIn, type Message } from './message.ts';

export type Arrival = {
  agent: string;
  channel: ChannelName;
  chat: string;
  turn: number;
  number: number;
  count: number;
  inReplyTo: string | null;
  key: string;
  text: string;
  /** Grows with time within a conversation; two of one conversation that cannot be told apart share it. */
  order: bigint;
};

export class Ledger {
  readonly messages: Map<string, Message> = new Map();
  readonly arrivals: Arrival[] = [];
  /** Second sendings of a key that the test channel's platform dropped, as a platform with keys does. */
  dropped = 0;
  /** Messages handed to Broca once more although it had them. */
  redelivered = 0;
  readonly faults: Map<string, number> = new Map();
  #open: Map<string, number> = new Map();

  send(message: Message): void {
    this.messages.set(message.id, message);
    const place = placeOf(message);
    this.#open.set(place, this.openOf(place) + 1);
  }

  /** Messages of an agent's channel of which nothing was heard yet. */
  openOf(place: string): number {
    return this.#open.get(place) ?? 0;
  }

  taken(id: string): void {
    const message = this.messages.get(id);
    if (message !== undefined) message.takenAt ??= Date.now();
  }

  refused(id: string, reason: string): void {
    const message = this.messages.get(id);
    if (message === undefined) return;
    message.refusal = reason;
    this.#heard(message);
  }

  arrived(arrival: Arrival): void {
    this.arrivals.push(arrival);
    this.#heard(this.messages.get(arrival.inReplyTo ?? ''));
  }

  /** A run ended: nothing else is heard of a silent one. */
  ran(turn: Turn): void {
    if (turn.outcome !== 'completed') return;
    for (const id of idsIn(turn.text)) {
      const message = this.messages.get(id);
      if (message?.isSilent === true) this.#heard(message);
    }
  }

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  #heard(message: Message | undefined): void {
    if (message === undefined || message.isHeard) return;
    message.isHeard = true;
    const place = placeOf(message);
    this.#open.set(place, this.openOf(place) - 1);
  }
}

export function placeOf({ agent, channel }: { agent: string; channel: ChannelName }): string {
  return `${agent}/${channel}`;
}
