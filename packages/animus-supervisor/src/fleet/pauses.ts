/**
 * Agents held stopped while a command works on their folders, each for as long as whoever asked is there. What a
 * person wants of them stays written down meanwhile, so that a supervisor that comes after this one starts them too.
 */
import type { AgentId } from 'animus-protocol';
import type { Worker } from '../worker/perform.ts';

export const PAUSED = 'is held stopped by another command (a restore, perhaps): try again when that has ended';

export class Pauses {
  #held = new Set<AgentId>();

  has(agent: AgentId): boolean {
    return this.#held.has(agent);
  }

  /** Stops it until `over` aborts; then it goes on as a person last wanted it, where `mayGoOn` says so. */
  hold(worker: Worker, over: AbortSignal, mayGoOn: () => boolean): void {
    const { agent } = worker;
    const before = worker.state.wanted;
    this.#held.add(agent);
    const letGo = (): void => {
      this.#held.delete(agent);
      if (before === 'running' && worker.remembered === 'running' && mayGoOn()) worker.want('running', { isRemembered: false });
    };
    worker.want('stopped', { isRemembered: false });
    if (over.aborted) letGo();
    else over.addEventListener('abort', letGo, { once: true });
  }
}
