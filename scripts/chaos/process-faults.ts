/** What befalls Brocas and their supervisor: kills, pauses, polite ends, commands, new settings. */
import type { AgentStatus, FleetStatus } from 'animus-protocol';
import { type Actor, pause } from './actor.ts';
import { type ChaosHome, signal as send } from './home.ts';
import type { Ledger } from './ledger.ts';

/** How often the fleet is looked at; a new Broca is known, and can be killed, no sooner. */
const LOOK_EVERY_MS = 60;

type BrocaDeed = 'kill' | 'pause' | 'terminate' | 'stop-start' | 'restart' | 'settings';
const BROCA_DEEDS: Readonly<Record<BrocaDeed, number>> = {
  kill: 80,
  pause: 8,
  terminate: 4,
  'stop-start': 3,
  restart: 2,
  settings: 3,
};
type SupervisorDeed = 'kill' | 'pause' | 'leave';
const SUPERVISOR_DEEDS: Readonly<Record<SupervisorDeed, number>> = { kill: 7, pause: 2, leave: 1 };

/** The fleet as it was a moment ago; keeps it running, as a person would who types `animus up -d` and `animus start`. */
export class FleetKeeper {
  readonly #home: ChaosHome;
  readonly #ledger: Ledger;
  #status: FleetStatus | null = null;
  /** Agents that are meant to be stopped just now. */
  readonly stopped: Set<string> = new Set();
  readonly #starting = new Set<string>();
  #isBringingUp = false;

  constructor(home: ChaosHome, ledger: Ledger) {
    this.#home = home;
    this.#ledger = ledger;
  }

  agent(id: string): AgentStatus | undefined {
    return this.#status?.agents.find((agent) => agent.id === id);
  }

  get supervisorPid(): number | null {
    return this.#status?.supervisor.pid ?? null;
  }

  /** Kills an agent's Broca in the middle of what it does. */
  killInWork(id: string): void {
    const pid = this.agent(id)?.pid ?? null;
    if (pid === null) return;
    this.#ledger.fault('Broca kill in the middle of its work');
    send(pid, 'SIGKILL');
  }

  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await pause(LOOK_EVERY_MS, signal);
    }
  }

  async look(): Promise<void> {
    const status = await this.#home.status();
    this.#status = status.ok ? status.value : null;
    if (!status.ok) {
      if (status.error.kind === 'no-supervisor') void this.#bringUp();
      return;
    }
    for (const { id, phase } of status.value.agents) {
      // After many deaths the supervisor waits longer and longer; a person's start is at once.
      if ((phase === 'backing-off' || phase === 'stopped' || phase === 'broken') && !this.stopped.has(id)) void this.#start(id);
    }
  }

  /** Not waited for: `up -d` returns when every agent is well, which may take its time here. */
  async #bringUp(): Promise<void> {
    if (this.#isBringingUp) return;
    this.#isBringingUp = true;
    this.#ledger.fault('supervisor started again');
    await this.#home.rig.animus(['up', '-d']);
    this.#isBringingUp = false;
  }

  async #start(id: string): Promise<void> {
    if (this.#starting.has(id)) return;
    this.#starting.add(id);
    await this.#home.steer('start', id);
    this.#starting.delete(id);
  }
}

export function brocaActor(agent: string, meanWaitMs: number, home: ChaosHome, keeper: FleetKeeper, ledger: Ledger): Actor {
  return {
    name: `faults of ${agent}`,
    meanWaitMs,
    async act(random, signal) {
      const deed = random.weighted(BROCA_DEEDS);
      const ms = random.between(50, 1_200);
      const pid = keeper.agent(agent)?.pid ?? null;
      if (pid === null && deed !== 'settings') return;
      ledger.fault(`Broca ${deed}`);
      switch (deed) {
        case 'kill':
          if (pid !== null) send(pid, 'SIGKILL');
          break;
        case 'terminate':
          if (pid !== null) send(pid, 'SIGTERM');
          break;
        case 'pause':
          if (pid !== null) await freeze(pid, ms, signal);
          break;
        case 'stop-start':
          keeper.stopped.add(agent);
          await home.steer('stop', agent);
          await pause(ms / 4, signal);
          keeper.stopped.delete(agent);
          await home.steer('start', agent);
          break;
        case 'restart':
          await home.steer('restart', agent);
          break;
        case 'settings':
          home.writeSettings(agent, { queue_refresh: random.between(1, 5), max_retries: random.between(2, 4) });
          break;
      }
    },
  };
}

export function supervisorActor(meanWaitMs: number, keeper: FleetKeeper, ledger: Ledger): Actor {
  return {
    name: 'faults of the supervisor',
    meanWaitMs,
    async act(random, signal) {
      const deed = random.weighted(SUPERVISOR_DEEDS);
      const ms = random.between(50, 1_500);
      const pid = keeper.supervisorPid;
      if (pid === null) return;
      ledger.fault(`supervisor ${deed}`);
      if (deed === 'pause') await freeze(pid, ms, signal);
      else send(pid, deed === 'kill' ? 'SIGKILL' : 'SIGTERM');
    },
  };
}

async function freeze(pid: number, ms: number, signal: AbortSignal): Promise<void> {
  send(pid, 'SIGSTOP');
  await pause(ms, signal);
  send(pid, 'SIGCONT');
}
