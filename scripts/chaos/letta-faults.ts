/** What befalls Letta: slow, silent and broken answers, bursts of refusals, restarts, a Redis that forgets, clocks that jump. */
import { type CannedAnswer, type LettaSimulator, lettaErrors } from 'animus-testkit';
import { type Actor, pause } from './actor.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';

const DEEDS = {
  'delay answers': 14,
  'stall an answer': 8,
  'cut an answer': 20,
  'drop a request': 8,
  'burst of 5xx': 14,
  'burst of 429': 6,
  'a gateway gives up on a request that ran': 4,
  'key refused once': 1,
  'a message refused': 3,
  'restart, runs go on': 6,
  'restart, runs fail': 4,
  'restart, runs lost': 0.6,
  'Redis off': 4,
  'Redis forgets': 6,
  'clock jumps by minutes': 5,
  'clock jumps by hours': 0.3,
  'a run vanishes': 2,
} as const;
/** What a Redis forgets at once. */
const FORGOTTEN: readonly [Forgotten, ...Forgotten[]] = [
  { otids: true },
  { locks: true },
  { streams: true },
  { otids: true, locks: true, streams: true },
];
type Forgotten = { otids?: boolean; locks?: boolean; streams?: boolean };
type Deed = keyof typeof DEEDS;

const SEND_ROUTES = ['conversations.messages.create', 'agents.messages.create'];
const MINUTE_MS = 60_000;
const MOST_JUMPED_MS = 90 * MINUTE_MS;
const SERVER_ERRORS: readonly [CannedAnswer, ...CannedAnswer[]] = [
  lettaErrors.internal,
  lettaErrors.badGateway,
  lettaErrors.unavailable,
  lettaErrors.shuttingDown,
  lettaErrors.databaseLocked,
  lettaErrors.deadlock,
];

export class LettaTrouble {
  readonly #letta: LettaSimulator;
  readonly #ledger: Ledger;
  /** Runs that died and whose record says that they failed: Broca may ask again. */
  readonly declaredDead: Set<string> = new Set();
  #jumpedMs = 0;

  constructor(letta: LettaSimulator, ledger: Ledger) {
    this.#letta = letta;
    this.#ledger = ledger;
  }

  actor(meanWaitMs: number): Actor {
    return {
      name: 'faults of Letta',
      meanWaitMs,
      act: async (random, signal) => {
        const deed = random.weighted(DEEDS);
        this.#ledger.fault(`Letta: ${deed}`);
        await this.#do(deed, random, signal);
      },
    };
  }

  /** From now on Letta is well; answers that stalled end with their connections. */
  async end(): Promise<void> {
    this.#letta.clearFaults();
    this.#letta.redisOn();
    await this.#letta.restart('go-on');
  }

  async #do(deed: Deed, random: Random, signal: AbortSignal): Promise<void> {
    const letta = this.#letta;
    const times = random.between(1, 4);
    const afterBytes = random.between(0, 1_500);
    const ms = random.between(50, 800);
    switch (deed) {
      case 'delay answers':
        return void letta.fault({ kind: 'delay', ms: ms / 2, times });
      case 'stall an answer':
        return void letta.fault({ kind: 'stall', afterBytes, pings: random.chance(0.5) });
      case 'cut an answer':
        return void letta.fault({ kind: 'cut', afterBytes, how: random.of(['close', 'reset', 'end']), times });
      case 'drop a request':
        return void letta.fault({ kind: 'drop', times });
      case 'burst of 5xx':
        return void letta.fault({ kind: 'status', ...random.of(SERVER_ERRORS), times });
      case 'burst of 429':
        return void letta.fault({ kind: 'status', ...random.of([lettaErrors.rateLimited, lettaErrors.providerRateLimit]), times });
      case 'a gateway gives up on a request that ran':
        return void letta.fault({ kind: 'status', ran: true, ...random.of([lettaErrors.badGateway, lettaErrors.internal]) });
      case 'key refused once':
        return void letta.fault({ kind: 'status', ...lettaErrors.unauthorized });
      case 'a message refused':
        return void letta.fault({ kind: 'status', ...lettaErrors.providerBadRequest, route: SEND_ROUTES });
      case 'restart, runs go on':
        return await this.#restart('go-on', ms, signal);
      case 'restart, runs fail':
        return await this.#restart('failed', ms, signal);
      case 'restart, runs lost':
        await this.#restart('lost', ms, signal);
        // A dead run keeps its lock until it expires.
        return letta.flushRedis({ locks: true });
      case 'Redis off':
        letta.redisOff();
        await pause(ms, signal);
        return letta.redisOn();
      case 'Redis forgets':
        return letta.flushRedis(random.of(FORGOTTEN));
      case 'clock jumps by minutes':
        return this.#jump(random.between(1, 20) * MINUTE_MS);
      case 'clock jumps by hours':
        return letta.advance(random.between(2, 5) * 60 * MINUTE_MS);
      case 'a run vanishes':
        return this.#vanish(random);
    }
  }

  /** Minutes add up; past the window in which Letta knows an otid they would be as hours. */
  #jump(ms: number): void {
    if (this.#jumpedMs + ms > MOST_JUMPED_MS) return;
    this.#jumpedMs += ms;
    this.#letta.advance(ms);
  }

  async #restart(runs: 'go-on' | 'failed' | 'lost', ms: number, signal: AbortSignal): Promise<void> {
    await this.#letta.goOffline(runs);
    await pause(ms, signal);
    await this.#letta.goOnline();
  }

  #vanish(random: Random): void {
    const live = this.#letta.turns.findLast(({ endedAt }) => endedAt === null);
    if (live === undefined) return;
    if (random.chance(0.5)) this.#letta.vanishRun(live.runId, 'gone');
    else {
      this.declaredDead.add(live.runId);
      this.#letta.vanishRun(live.runId, 'failed');
    }
    // A dead run keeps its lock until it expires.
    this.#letta.flushRedis({ locks: true });
  }
}
