/** An agent's world around the table, for its tests: processes that live and die, looks that are answered, time. */
import assert from 'node:assert/strict';
import { DEFAULT_SUPERVISION, type Supervision } from 'animus-protocol';
import type { Death } from './death.ts';
import type { Effect, WorkerEvent, WorkerState } from './state.ts';
import { firstState, step } from './step.ts';

export const MEBIBYTE: number = 1024 * 1024;

export class World {
  state: WorkerState;
  now = 0;
  live = 0;
  looking = 0;
  effects: Effect['kind'][] = [];
  deaths: Death[] = [];
  supervision: Supervision;

  constructor(wanted: 'running' | 'stopped' = 'running', supervision: Partial<Supervision> = {}, deaths: readonly number[] = []) {
    this.supervision = { ...DEFAULT_SUPERVISION, ...supervision };
    const first = firstState({ wanted, restarts: 0, deaths });
    this.state = first.state;
    for (const effect of first.effects) this.#perform(effect);
  }

  send(event: WorkerEvent): this {
    if (event.kind === 'exited') this.live -= 1;
    if (event.kind === 'found') this.live += 1;
    if (event.kind === 'spawn-failed') this.live -= 1;
    if (event.kind === 'found' || event.kind === 'none-found' || event.kind === 'unsure') this.looking = 0;
    const next = step(this.state, event, { now: this.now, random: 0, supervision: this.supervision });
    this.state = next.state;
    this.effects = [];
    for (const effect of next.effects) this.#perform(effect);
    return this;
  }

  alarm(lateMs = 0): this {
    assert.ok(this.state.alarmAt !== null, `an alarm is set in ${this.state.phase}`);
    this.now = Math.max(this.now, this.state.alarmAt) + lateMs;
    return this.send({ kind: 'alarm', sign: null });
  }

  #perform(effect: Effect): void {
    this.effects.push(effect.kind);
    if (effect.kind === 'spawn') this.live += 1;
    if (effect.kind === 'look') this.looking = 1;
    if (effect.kind === 'note-death') this.deaths.push(effect.death);
  }
}

export const died = (code = 1): WorkerEvent => ({
  kind: 'exited',
  exit: { kind: 'exited', code },
  words: code === 78 ? '.env: AGENT_ID: missing' : null,
});
export const none: WorkerEvent = { kind: 'none-found', last: null };
