/** All that the simulated server remembers, and the events tests wait for. Routes read and change it; nothing else does. */
import type { Json, JsonObject } from './json.ts';
import { Redis } from './redis.ts';
import type { Script, ScriptStep } from './script.ts';
import type { StreamLog } from './stream-log.ts';
import { type MessageBody, newId, type StopReason, wireMessage } from './wire.ts';

export type AgentSettings = { id: string; name?: string; description?: string; apiKey: string };

export type PendingApproval = { messageId: string; toolCallIds: string[]; name: string };

/** One stored message of the model's, which may read as several wire messages (reasoning, then the answer) of one id. */
export type Row = { id: string; at: number; runId: string | null; wire: JsonObject[] };

export type Agent = {
  id: string;
  name: string;
  description: string | null;
  apiKey: string;
  createdAt: number;
  rows: Row[];
  blockIds: string[];
  identityIds: string[];
  pending: PendingApproval | null;
  turns: number;
};

export type RunStatus = 'created' | 'running' | 'completed' | 'failed' | 'cancelled';

/** What a turn came to. `lost`: the server died under it; its run says `running` for ever. */
export type TurnOutcome = 'completed' | 'failed' | 'cancelled' | 'requires_approval' | 'lost';

/** One line of the ledger: the agent was asked, and what came of it. */
export type Turn = {
  agentId: string;
  /** 1-based, per agent. */
  number: number;
  kind: 'message' | 'approval';
  otid: string | null;
  text: string;
  /** The user message as it came. */
  content: Json;
  senderId: string | null;
  runId: string;
  route: 'agents' | 'conversations';
  background: boolean;
  /** Labels of the blocks the agent could read while it ran. */
  blocks: string[];
  startedAt: number;
  endedAt: number | null;
  outcome: TurnOutcome | null;
  stopReason: StopReason | null;
  /** The assistant messages, in order. */
  replies: string[];
};

export type Run = {
  id: string;
  agentId: string;
  background: boolean;
  createdAt: number;
  completedAt: number | null;
  status: RunStatus;
  stopReason: StopReason | null;
  metadata: JsonObject;
  tokens: boolean;
  /** Where a foreground stream reads; background frames go through Redis. */
  log: StreamLog;
  /** Wire messages the run produced, as a blocking answer lists them. */
  produced: JsonObject[];
  usage: JsonObject;
  failure: { type: string; message: string; detail: string } | null;
  holdsLock: boolean;
  /** Ends the run's work: cancelled, or lost with the server. */
  abort: AbortController;
  ended: Promise<void>;
  turn: Turn | null;
};

export type Block = JsonObject & { id: string; label: string; value: string };
export type Identity = JsonObject & { id: string; identifier_key: string };

export type RecordedRequest = {
  /** 1-based, in order of arrival. */
  number: number;
  at: number;
  method: string;
  path: string;
  query: Record<string, string>;
  route: string | null;
  /** The agent named in the path or the body. */
  agentId: string | null;
  /** All headers but the key; `authorization` is replaced by a short fingerprint that only tells keys apart. */
  headers: Record<string, string>;
  body: Json | undefined;
};

export type SimulatorEvent =
  | { kind: 'request'; request: RecordedRequest }
  /** The user's message is stored and the agent begins. */
  | { kind: 'turn-started'; turn: Turn }
  | { kind: 'turn-ended'; turn: Turn }
  | { kind: 'run-held'; turn: Turn }
  | { kind: 'fault'; number: number; request: RecordedRequest }
  | { kind: 'stream-opened' | 'stream-closed'; request: RecordedRequest };

export class World {
  readonly agents: Map<string, Agent> = new Map();
  readonly runs: Map<string, Run> = new Map();
  readonly blocks: Map<string, { block: Block; apiKey: string }> = new Map();
  readonly identities: Map<string, { identity: Identity; apiKey: string }> = new Map();
  readonly turns: Turn[] = [];
  readonly requests: RecordedRequest[] = [];
  readonly redis: Redis;
  script: Script;
  readonly nextSteps: { agentId: string | null; steps: readonly ScriptStep[] }[] = [];
  /** Agents whose turns wait before they do anything; null stands for all. */
  readonly holding: Set<string | null> = new Set();
  readonly held: { turn: Turn; release: () => void }[] = [];
  /** How a pending approval refuses a background stream, see the simulator's options. */
  pendingApprovalAs: 'status' | 'frame' = 'status';
  /** Who refuses a question with an image in it: the server (400), or the model's provider once the run goes. */
  imagesRefusedBy: 'server' | 'provider' | null = null;
  #skewMs = 0;
  readonly #clock: () => number;
  readonly #listeners = new Set<(event: SimulatorEvent) => void>();

  constructor(clock: () => number, script: Script) {
    this.#clock = clock;
    this.script = script;
    this.redis = new Redis(() => this.now());
  }

  now(): number {
    return this.#clock() + this.#skewMs;
  }

  advance(ms: number): void {
    this.#skewMs += ms;
  }

  emit(event: SimulatorEvent): void {
    for (const listener of [...this.#listeners]) {
      listener(event);
    }
  }

  listen(listener: (event: SimulatorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  addAgent(settings: AgentSettings): Agent {
    const agent: Agent = {
      id: settings.id,
      name: settings.name ?? settings.id,
      description: settings.description ?? null,
      apiKey: settings.apiKey,
      createdAt: this.now(),
      rows: [],
      blockIds: [],
      identityIds: [],
      pending: null,
      turns: 0,
    };
    this.agents.set(agent.id, agent);
    this.store(agent, null, [{ body: { kind: 'system', text: `You are ${agent.name}.` }, otid: null, senderId: null }]);
    return agent;
  }

  /** The agent, when this key may see it. */
  agentFor(id: string, apiKey: string): Agent | null {
    const agent = this.agents.get(id);
    return agent !== undefined && agent.apiKey === apiKey ? agent : null;
  }

  runFor(id: string, apiKey: string): Run | null {
    const run = this.runs.get(id);
    return run !== undefined && this.agentFor(run.agentId, apiKey) !== null ? run : null;
  }

  knowsKey(apiKey: string): boolean {
    for (const agent of this.agents.values()) {
      if (agent.apiKey === apiKey) {
        return true;
      }
    }
    return false;
  }

  /** Stores one row; its wire messages share the row's id. Returns them. */
  store(
    agent: Agent,
    run: { id: string; stepId: string } | null,
    parts: { body: MessageBody; otid: string | null; senderId: string | null }[],
  ): JsonObject[] {
    const id = newId('message');
    const at = this.now();
    const wire = parts.map(({ body, otid, senderId }) =>
      wireMessage({ id, at, otid, senderId, stepId: run?.stepId ?? null, runId: run?.id ?? null }, body),
    );
    agent.rows.push({ id, at, runId: run?.id ?? null, wire });
    return wire;
  }
}
