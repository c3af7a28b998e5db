/** The one table of what each request of the control surface does. */
import { type AgentId, type AgentOutcome, type ControlReply, type ControlRequest, describeSurface } from 'animus-protocol';
import type { Fleet } from '../fleet/fleet.ts';
import type { Publish } from '../observe/event.ts';

export type Answer = { status: 200; body: unknown } | { status: 409; message: string };
type Answered = Exclude<ControlRequest, { kind: 'events' | 'pause' }>;
type Handlers = {
  readonly [K in keyof ControlReply]: (request: Extract<Answered, { kind: K }>) => Promise<ControlReply[K]> | ControlReply[K];
};

export class Dispatch {
  #fleet: Fleet;
  #publish: Publish;
  #handlers: Handlers;

  /** `version`: of Animus. */
  constructor(fleet: Fleet, publish: Publish, version: string) {
    this.#fleet = fleet;
    this.#publish = publish;
    this.#handlers = {
      surface: () => describeSurface(version),
      status: ({ isFresh }) => (isFresh ? fleet.freshStatus() : fleet.status()),
      start: ({ agent }) => fleet.start(agent),
      stop: ({ agent }) => fleet.stop(agent),
      restart: ({ agent }) => fleet.restart(agent),
      switch: ({ agent }) => fleet.switchRelease(agent),
      'start-all': () => fleet.all('start'),
      'stop-all': () => fleet.all('stop'),
      'restart-all': () => fleet.all('restart'),
      rescan: () => fleet.rescanAndRetry(),
      down: () => fleet.down(),
    };
  }

  get agents(): AgentId[] {
    return this.#fleet.agents;
  }

  /** Holds an agent stopped until `over` aborts. */
  async pause(agent: AgentId, over: AbortSignal): Promise<AgentOutcome> {
    this.#publish({ kind: 'asked', agent, what: 'pause' });
    return await this.#fleet.pause(agent, over);
  }

  async answer(request: Answered): Promise<Answer> {
    const agent = 'agent' in request ? request.agent : null;
    if (request.kind !== 'status' && request.kind !== 'surface') this.#publish({ kind: 'asked', agent, what: request.kind });
    // Each handler takes its own member of the union; the lookup by kind loses that pairing, not its truth.
    const handle = this.#handlers[request.kind] as (
      request: Answered,
    ) => Promise<ControlReply[keyof ControlReply]> | ControlReply[keyof ControlReply];
    const body = await handle(request);
    if ('ok' in body && !body.ok) return { status: 409, message: `${body.id} ${body.message}` };
    return { status: 200, body };
  }
}
