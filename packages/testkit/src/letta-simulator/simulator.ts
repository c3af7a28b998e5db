/**
 * A Letta server for tests and for the demo: loopback HTTP, the V1 shapes, scripted agents, a ledger of what they were asked,
 * and faults on demand. It is never kinder than the real one: nothing is deduplicated, locked or remembered that the real
 * server would not deduplicate, lock or remember.
 */
import { type Fault, type FaultBook, type FaultHandle, openFaultBook } from './faults.ts';
import { endRun, isActive } from './run-turn.ts';
import type { Script, ScriptStep } from './script.ts';
import { echoScript } from './script.ts';
import { LettaServer } from './server.ts';
import { type AgentSettings, type RecordedRequest, type RunStatus, type SimulatorEvent, type Turn, World } from './world.ts';

export type LettaSimulatorSettings = {
  /** 0, the default, takes a free one. */
  port?: number;
  agents?: readonly AgentSettings[];
  script?: Script;
  /** The wall clock of the server, ms; `advance` adds to it. */
  now?: () => number;
  /** The real one pings every 20 s. */
  pingIntervalMs?: number;
  /**
   * A message to an agent that waits for an approval is refused with status 409. Later servers, having begun a background
   * stream, can only say so in it: `frame` ends the stream with stop_reason `error` and an internal_error.
   */
  pendingApprovalAs?: 'status' | 'frame';
};

/** Which of the turns or requests: the n-th (1-based, default 1) that fits. */
export type TurnChoice = { agentId?: string; otid?: string; number?: number };
export type RequestChoice = { agentId?: string; route?: string; number?: number };

/** What becomes of running turns when the server goes down. */
export type RunsAtRestart =
  /** They run elsewhere and go on. */
  | 'go-on'
  /** Killed: their runs say `running` for ever, their streams never end, their locks stay until they expire. */
  | 'lost'
  /** Shut down in good order: they end with an error. */
  | 'failed';

export type LettaSimulator = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  /** Every request, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Every turn an agent ran, in order of their beginning. */
  readonly turns: readonly Turn[];
  turnsOf(agentId: string): Turn[];

  /** Images are refused from now on, or (null) taken again. What was asked with one is in `Turn.content`. */
  refuseImages(by: 'server' | 'provider' | null): void;
  addAgent(settings: AgentSettings): void;
  /** From now on 404. Its runs go on. */
  removeAgent(agentId: string): void;
  /** The agent's old key stops working. */
  changeKey(agentId: string, apiKey: string): void;
  /** Labels of the blocks attached now. */
  attachedLabels(agentId: string): string[];

  setScript(script: Script): void;
  /** What the next turn (of this agent, or of any) does, instead of the script. May be called several times: a queue. */
  answerNext(steps: readonly ScriptStep[], agentId?: string): void;
  /** Turns that start from now on do nothing until released. */
  hold(agentId?: string): void;
  /** Lets held turns go on (all, or an agent's) and holds no new ones. */
  release(agentId?: string): void;
  /** Lets one held turn go on; later ones are still held. */
  releaseOne(turn: Turn): void;

  fault(fault: Fault): FaultHandle;
  clearFaults(): void;
  redisOff(): void;
  redisOn(): void;
  /** Redis forgets: everything, or only what is named. */
  flushRedis(what?: { otids?: boolean; locks?: boolean; streams?: boolean }): void;
  now(): number;
  /** Moves the server's clock: windows, locks and streams expire. Timers in real time do not fire. */
  advance(ms: number): void;
  /** The run's stream is forgotten (readers get pings only); its record says `status`, or is gone too. */
  vanishRun(runId: string, status?: RunStatus | 'gone'): void;
  /** A keepalive ping on every open stream that asked for them. */
  pingAll(): void;
  /** Closes all connections and stops listening. */
  goOffline(runs?: RunsAtRestart): Promise<void>;
  /** Listens again, on the same port, with everything remembered. */
  goOnline(): Promise<void>;
  restart(runs?: RunsAtRestart): Promise<void>;

  /** The next event that fits; what happened before the call does not count. */
  waitFor(fits: (event: SimulatorEvent) => boolean): Promise<SimulatorEvent>;
  /** These also count what happened before. */
  turnStarted(which?: TurnChoice): Promise<Turn>;
  turnEnded(which?: TurnChoice): Promise<Turn>;
  requested(which?: RequestChoice): Promise<RecordedRequest>;
  /** Ends the server. Throws when the simulator itself failed on the way. */
  close(): Promise<void>;
};

export async function startLettaSimulator(settings: LettaSimulatorSettings = {}): Promise<LettaSimulator> {
  const world = new World(settings.now ?? Date.now, settings.script ?? echoScript);
  world.pendingApprovalAs = settings.pendingApprovalAs ?? 'status';
  for (const agent of settings.agents ?? []) {
    world.addAgent(agent);
  }
  const faults = openFaultBook();
  const server = new LettaServer(world, faults, { port: settings.port ?? 0, pingIntervalMs: settings.pingIntervalMs ?? 20_000 });
  await server.listen();
  const close = (): Promise<void> => closeAll(world, server);
  return {
    get url() {
      return `http://127.0.0.1:${server.port}`;
    },
    get port() {
      return server.port;
    },
    requests: world.requests,
    turns: world.turns,
    turnsOf: (agentId) => world.turns.filter((turn) => turn.agentId === agentId),
    ...agentControls(world),
    ...scriptControls(world),
    ...faultControls(world, faults, server),
    ...waits(world),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function closeAll(world: World, server: LettaServer): Promise<void> {
  endRunning(world, 'lost');
  await server.stop();
  if (server.bugs.length > 0) {
    throw new AggregateError(server.bugs.splice(0), 'the Letta simulator failed while it answered');
  }
}

type AgentControls = Pick<LettaSimulator, 'refuseImages' | 'addAgent' | 'removeAgent' | 'changeKey' | 'attachedLabels'>;

function agentControls(world: World): AgentControls {
  return {
    refuseImages: (by) => {
      world.imagesRefusedBy = by;
    },
    addAgent: (agent) => {
      world.addAgent(agent);
    },
    removeAgent: (agentId) => {
      world.agents.delete(agentId);
    },
    changeKey: (agentId, apiKey) => {
      const agent = world.agents.get(agentId);
      if (agent !== undefined) {
        agent.apiKey = apiKey;
      }
    },
    attachedLabels: (agentId) => (world.agents.get(agentId)?.blockIds ?? []).map((id) => world.blocks.get(id)?.block.label ?? id),
  };
}

type ScriptControls = Pick<LettaSimulator, 'setScript' | 'answerNext' | 'hold' | 'release' | 'releaseOne'>;

function scriptControls(world: World): ScriptControls {
  return {
    setScript: (script) => {
      world.script = script;
    },
    answerNext: (steps, agentId) => {
      world.nextSteps.push({ agentId: agentId ?? null, steps });
    },
    hold: (agentId) => {
      world.holding.add(agentId ?? null);
    },
    release: (agentId) => {
      world.holding.delete(agentId ?? null);
      for (const held of world.held.filter(({ turn }) => agentId === undefined || turn.agentId === agentId)) {
        held.release();
      }
    },
    releaseOne: (turn) => {
      world.held.find((held) => held.turn === turn)?.release();
    },
  };
}

type FaultControls = Pick<
  LettaSimulator,
  | 'fault'
  | 'clearFaults'
  | 'redisOff'
  | 'redisOn'
  | 'flushRedis'
  | 'now'
  | 'advance'
  | 'vanishRun'
  | 'pingAll'
  | 'goOffline'
  | 'goOnline'
  | 'restart'
>;

function faultControls(world: World, faults: FaultBook, server: LettaServer): FaultControls {
  const goOffline = (runs: RunsAtRestart = 'go-on'): Promise<void> => {
    endRunning(world, runs);
    return server.stop();
  };
  return {
    fault: (fault) => faults.place(fault),
    clearFaults: () => faults.clear(),
    redisOff: () => {
      world.redis.isOn = false;
    },
    redisOn: () => {
      world.redis.isOn = true;
    },
    flushRedis: (what) => world.redis.flush(what),
    now: () => world.now(),
    advance: (ms) => world.advance(ms),
    vanishRun: (runId, status = 'running') => vanish(world, runId, status),
    pingAll: () => server.pingAll(),
    goOffline,
    goOnline: () => server.listen(),
    restart: async (runs) => {
      await goOffline(runs);
      await server.listen();
    },
  };
}

function endRunning(world: World, how: RunsAtRestart): void {
  for (const run of world.runs.values()) {
    if (!isActive(run) || run.abort.signal.aborted || how === 'go-on') {
      continue;
    }
    run.abort.abort();
    if (how === 'lost') {
      lose(world, run.turn);
      continue;
    }
    const message = 'Background stream processing was interrupted before completion. Please retry.';
    run.failure = { type: 'stream_task_cancelled', message, detail: message };
    endRun(world, run, { status: 'failed', outcome: 'failed', stopReason: 'error' });
  }
}

function lose(world: World, turn: Turn | null): void {
  if (turn !== null && turn.endedAt === null) {
    turn.outcome = 'lost';
    turn.endedAt = world.now();
    world.emit({ kind: 'turn-ended', turn });
  }
}

function vanish(world: World, runId: string, status: RunStatus | 'gone'): void {
  const run = world.runs.get(runId);
  if (run === undefined) {
    return;
  }
  run.abort.abort();
  lose(world, run.turn);
  world.redis.forgetStream(runId);
  if (status === 'gone') {
    world.runs.delete(runId);
  } else {
    run.status = status;
  }
}

type Waits = Pick<LettaSimulator, 'waitFor' | 'turnStarted' | 'turnEnded' | 'requested'>;

/** Real time after which a wait gives up, so that a test which waits for what never comes says so. */
const WAIT_DEADLINE_MS = 30_000;

function waits(world: World): Waits {
  const nextEvent = (fits: (event: SimulatorEvent) => boolean, what: string): Promise<SimulatorEvent> =>
    new Promise((resolve, reject) => {
      const stop = world.listen((event) => {
        if (fits(event)) {
          stop();
          clearTimeout(deadline);
          resolve(event);
        }
      });
      const deadline = setTimeout(() => {
        stop();
        reject(new Error(`the Letta simulator saw no ${what} within ${WAIT_DEADLINE_MS} ms (${summary(world)})`));
      }, WAIT_DEADLINE_MS).unref();
    });
  const nth = async <T>(find: () => T | undefined, what: string): Promise<T> => {
    let found = find();
    while (found === undefined) {
      await nextEvent(() => find() !== undefined, what);
      found = find();
    }
    return found;
  };
  return {
    waitFor: (fits) => nextEvent(fits, 'event that fits'),
    turnStarted: (which = {}) => nth(() => turnAt(world, which, false), `turn ${JSON.stringify(which)} start`),
    turnEnded: (which = {}) => nth(() => turnAt(world, which, true), `turn ${JSON.stringify(which)} end`),
    requested: (which = {}) => nth(() => requestAt(world, which), `request ${JSON.stringify(which)}`),
  };
}

function summary(world: World): string {
  const ended = world.turns.filter(({ endedAt }) => endedAt !== null).length;
  return `${world.requests.length} requests, ${world.turns.length} turns, ${ended} of them over`;
}

function turnAt(world: World, which: TurnChoice, isEnded: boolean): Turn | undefined {
  return world.turns.filter(
    (turn) =>
      (which.agentId === undefined || turn.agentId === which.agentId) &&
      (which.otid === undefined || turn.otid === which.otid) &&
      (!isEnded || turn.endedAt !== null),
  )[(which.number ?? 1) - 1];
}

function requestAt(world: World, which: RequestChoice): RecordedRequest | undefined {
  return world.requests.filter(
    (request) =>
      (which.agentId === undefined || request.agentId === which.agentId) && (which.route === undefined || request.route === which.route),
  )[(which.number ?? 1) - 1];
}
