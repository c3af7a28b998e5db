/** How often somebody may send, as the service decides it: flood waits that a test imposes, and the slow mode of groups. */

import type { Group, Peer } from './model.ts';
import { RpcError } from './rpc-error.ts';
import type { World } from './world.ts';

export type FloodWait = {
  by: number;
  /** Without one, everything this account sends. */
  chat?: Peer;
  /** Wall clock of the data centre, ms. */
  until: number;
};

export class Limits {
  readonly #world: World;
  #floods: FloodWait[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  impose(flood: FloodWait): void {
    this.#floods.push(flood);
  }

  /** Throws FLOOD_WAIT_n with the seconds that are left. */
  checkFlood(by: number, chat: Peer): void {
    const now = this.#world.now();
    this.#floods = this.#floods.filter(({ until }) => until > now);
    const ends = this.#floods.filter((flood) => flood.by === by && isChat(flood.chat, chat)).map(({ until }) => until);
    if (ends.length > 0) throw new RpcError(420, `FLOOD_WAIT_${secondsUntil(Math.max(...ends), now)}`);
  }

  /** Throws SLOWMODE_WAIT_n. The group's creator is free of it. */
  checkSlowMode(by: number, group: Group): void {
    if (group.slowModeSeconds === 0 || group.creator === by) return;
    const now = this.#world.now();
    const last = this.#world.history(by, { kind: 'channel', id: group.id }).findLast(({ from }) => from === by);
    const freeAt = last === undefined ? 0 : (last.date + group.slowModeSeconds) * 1000;
    if (freeAt > now) throw new RpcError(420, `SLOWMODE_WAIT_${secondsUntil(freeAt, now)}`);
  }
}

function isChat(wanted: Peer | undefined, chat: Peer): boolean {
  return wanted === undefined || (wanted.kind === chat.kind && wanted.id === chat.id);
}

function secondsUntil(end: number, now: number): number {
  return Math.max(1, Math.ceil((end - now) / 1000));
}
