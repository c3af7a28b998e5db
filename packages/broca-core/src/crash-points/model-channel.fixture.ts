/** A platform that drops a second part with the same key, and whose answers get lost on a schedule. */
import type { Channel } from '../channel/channel.ts';
import type { DeliveryOutcome, Part } from '../message.ts';

export type ChannelFault = 'none' | 'retry' | 'down' | 'answer-lost' | 'lost' | 'refused';

export class ModelChannel implements Pick<Channel, 'deliver'> {
  /** What arrived, in order, each key once. */
  readonly shown: { chat: string; turnId: number; number: number; text: string }[] = [];
  faults: ChannelFault[] = [];
  /** A part at which the process that hands it over ends, each time. */
  isPoison: (part: Part) => boolean = () => false;
  #keys = new Set<string>();
  #point: () => void;
  #end: () => void;

  /** `point` is called wherever the process may end, `end` where it surely does. */
  constructor(point: () => void, end: () => void = point) {
    this.#point = point;
    this.#end = end;
  }

  async deliver(part: Part): Promise<DeliveryOutcome> {
    this.#point();
    if (this.isPoison(part)) this.#end();
    const fault = this.faults.shift() ?? 'none';
    if (fault === 'retry') return { kind: 'retry', afterMs: 3_000, reason: 'FLOOD_WAIT' };
    if (fault === 'down') return { kind: 'down', reason: 'offline' };
    if (fault === 'refused') return { kind: 'refused', reason: 'chat gone' };
    if (fault === 'lost') return { kind: 'uncertain', reason: 'reset' };
    if (!this.#keys.has(part.key)) {
      this.#keys.add(part.key);
      this.shown.push({ chat: part.chat, turnId: part.turnId, number: part.number, text: part.text });
    }
    this.#point();
    return fault === 'answer-lost' ? { kind: 'uncertain', reason: 'reset' } : { kind: 'delivered' };
  }
}
