/** One run: a home is made, messages flow while faults befall everything, then the faults end, all is drained, and counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type LettaSimulator, startLettaSimulator } from 'animus-testkit';
import * as v from 'valibot';
import { type Actor, pause, runActor } from './actor.ts';
import { diskActor } from './disk-fault.ts';
import { ChaosHome } from './home.ts';
import { judge, type ToldTurn, type Verdict } from './judge.ts';
import { Ledger } from './ledger.ts';
import { LettaTrouble } from './letta-faults.ts';
import { answerScript } from './message.ts';
import { WirePlatform } from './platform.ts';
import { brocaActor, FleetKeeper, supervisorActor } from './process-faults.ts';
import { Random } from './random.ts';
import { findCrashes, type Outcome, tellWrongs } from './report.ts';
import { SpoolMouth } from './spool.ts';
import { talker } from './traffic.ts';

export type ChaosRequest = {
  seconds: number;
  agents: number;
  seed: string;
  /** Empty; everything is made in it. */
  folder: string;
  /** Interrupted: end and clean up. */
  signal: AbortSignal;
  say(line: string): void;
};

export type ChaosResult = { outcome: Outcome /** What is known of what went wrong; empty when nothing did. */; excerpt: string };

/** Mean times between two faults, ms; a Broca's are for each agent. */
const BROCA_FAULTS_MS = 500;
const SUPERVISOR_FAULTS_MS = 2_500;
const LETTA_FAULTS_MS = 400;
const DISK_FAULTS_MS = 5_000;
const KILL_AS_TURN_BEGINS = 0.01;
const TALK_MS = 8;
const READ_EVERY_MS = 40;
const LOOK_EVERY_MS = 250;
const DRAIN_DEADLINE_MS = 120_000;

/** Null when it was interrupted. */
export async function runChaos(request: ChaosRequest): Promise<ChaosResult | null> {
  const { folder, say, signal } = request;
  const random = new Random(request.seed);
  const ledger = new Ledger();
  await using letta = await startLettaSimulator({ script: answerScript });
  await using home = new ChaosHome(folder, request.agents);
  await using platform = new WirePlatform(ledger, random.fork('platform'));
  for (const agent of home.agents) letta.addAgent({ id: agent, apiKey: keyOf(agent) });
  say(`deploying ${request.agents} agents`);
  home.wirePort = await platform.listen();
  try {
    await home.prepare(letta.url, keyOf);
  } catch (error) {
    // Ctrl-C ends the deploys too.
    if (!signal.aborted) throw error;
  }
  if (signal.aborted) return null;
  const world = new World({ ...request, random, ledger, letta, home, platform });
  return await world.run();
}

function keyOf(agent: string): string {
  return `sk-chaos-${agent}`;
}

type Parts = ChaosRequest & { random: Random; ledger: Ledger; letta: LettaSimulator; home: ChaosHome; platform: WirePlatform };

class World {
  readonly #parts: Parts;
  readonly #spools: Map<string, SpoolMouth>;
  readonly #trouble: LettaTrouble;
  readonly #keeper: FleetKeeper;
  readonly #notes: string[] = [];

  constructor(parts: Parts) {
    const { home, ledger, letta } = parts;
    this.#parts = parts;
    this.#spools = new Map(home.agents.map((agent) => [agent, new SpoolMouth(agent, home.agentFolder(agent), ledger)]));
    this.#trouble = new LettaTrouble(letta, ledger);
    this.#keeper = new FleetKeeper(home, ledger);
  }

  async run(): Promise<ChaosResult | null> {
    const { home, letta, ledger, random, seconds, signal, say } = this.#parts;
    const disk = this.#diskActors();
    await home.rig.animus(['up', '-d']);
    this.#aimKills(random.fork('aim'));
    const over = new AbortController();
    const stopReading = new AbortController();
    const reading = this.#read(stopReading.signal);
    const listening = followRuns(letta, ledger, stopReading.signal);
    const actors = [...this.#talkers(), ...this.#faults(), ...disk];
    say(`faults for ${seconds} s, seed ${this.#parts.seed}`);
    const keeping = this.#keeper.keep(over.signal);
    const acting = Promise.all(actors.map((actor) => runActor(actor, random, over.signal)));
    // Neither ends before it is told to, but by a fault of this program.
    await Promise.race([pause(seconds * 1_000, signal), acting, keeping, reading]);
    over.abort();
    letta.setScript(answerScript);
    await Promise.all([acting, keeping]);
    const drainedMs = signal.aborted ? null : await this.#drain();
    const result = signal.aborted ? null : await this.#count(drainedMs);
    stopReading.abort();
    await Promise.all([reading, listening]);
    return result;
  }

  /** Chance alone seldom hits the moments that matter: as the agent begins with a turn, as a part is handed over. */
  #aimKills(random: Random): void {
    const { letta, platform } = this.#parts;
    letta.setScript((turn) => {
      if (random.chance(KILL_AS_TURN_BEGINS)) this.#keeper.killInWork(turn.agentId);
      return answerScript(turn);
    });
    platform.kill = (agent) => this.#keeper.killInWork(agent);
  }

  #diskActors(): Actor[] {
    const { home, ledger } = this.#parts;
    const agent = home.agents[0] ?? '';
    if (home.putOnSmallDisk(agent)) return [diskActor(home.agentFolder(agent), DISK_FAULTS_MS, ledger)];
    this.#notes.push('no disk was full: this machine does not let us mount one that can be filled (root on Linux is needed)');
    return [];
  }

  #talkers(): Actor[] {
    const { ledger, platform } = this.#parts;
    const wire = {
      write: (message: Parameters<WirePlatform['hand']>[0]): boolean => {
        platform.hand(message);
        return true;
      },
    };
    return [...this.#spools].flatMap(([agent, spool]) => [
      talker(agent, 'spool', TALK_MS, spool, ledger),
      talker(agent, 'wire', TALK_MS, wire, ledger),
    ]);
  }

  #faults(): Actor[] {
    const { home, ledger } = this.#parts;
    return [
      ...home.agents.map((agent) => brocaActor(agent, BROCA_FAULTS_MS, home, this.#keeper, ledger)),
      supervisorActor(SUPERVISOR_FAULTS_MS, this.#keeper, ledger),
      this.#trouble.actor(LETTA_FAULTS_MS),
    ];
  }

  async #read(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const spool of this.#spools.values()) spool.look();
      await pause(READ_EVERY_MS, signal);
    }
    for (const spool of this.#spools.values()) spool.look();
  }

  /** Everything is well again; waits until nothing is open any more. Null when that was not in time. */
  async #drain(): Promise<number | null> {
    const { home, platform, say, signal } = this.#parts;
    const startedAt = performance.now();
    say('the faults are over; draining');
    platform.beKind();
    await this.#trouble.end();
    while (!signal.aborted && performance.now() - startedAt < DRAIN_DEADLINE_MS) {
      await this.#keeper.look();
      const open = await Promise.all(home.agents.map((agent) => this.#openOf(agent)));
      if (platform.unacknowledged === 0 && open.every((count) => count === 0)) return Math.round(performance.now() - startedAt);
      await sleep(LOOK_EVERY_MS);
    }
    return null;
  }

  /** How much an agent still has to do; null when it cannot be asked. */
  async #openOf(agent: string): Promise<number | null> {
    const answer = v.safeParse(STATS, await this.#parts.home.askBroca(agent, 'queue.stats'));
    if (!answer.success) return null;
    const { turns, parts } = answer.output;
    const turnsOpen = turns.queued + turns.waiting + turns.running;
    return turnsOpen + parts.queued + parts.waiting + parts.sending + (this.#spools.get(agent)?.waiting ?? 0);
  }

  async #count(drainedMs: number | null): Promise<ChaosResult> {
    const { home, letta, ledger, seed, seconds } = this.#parts;
    for (const spool of this.#spools.values()) spool.look();
    const told: { agent: string; turn: ToldTurn }[] = [];
    for (const agent of home.agents) {
      const turns = v.safeParse(TURNS, await home.askBroca(agent, 'queue.list', { state: 'all', limit: 100_000 }));
      if (turns.success) told.push(...turns.output.map((turn) => ({ agent, turn })));
    }
    const verdict: Verdict = judge({
      messages: [...ledger.messages.values()],
      arrivals: ledger.arrivals,
      runs: letta.turns,
      told,
      declaredDead: this.#trouble.declaredDead,
    });
    const crashes = findCrashes(home);
    home.isKept = verdict.wrongs.length + crashes.length > 0 || drainedMs === null;
    const excerpt = verdict.wrongs.length === 0 ? '' : await tellWrongs(verdict, home, letta, ledger);
    return { outcome: { seed, agents: home.agents.length, seconds, drainedMs, verdict, ledger, crashes, notes: this.#notes }, excerpt };
  }
}

const STATS = v.object({
  turns: v.object({ queued: v.number(), waiting: v.number(), running: v.number() }),
  parts: v.object({ queued: v.number(), waiting: v.number(), sending: v.number() }),
});

const TURNS = v.array(
  v.object({ id: v.number(), state: v.string(), outcome: v.nullable(v.string()), reason: v.nullable(v.string()), text: v.string() }),
);

/** Silent answers are heard of here alone. */
async function followRuns(letta: LettaSimulator, ledger: Ledger, signal: AbortSignal): Promise<void> {
  let seen = 0;
  while (!signal.aborted) {
    while (letta.turns[seen] !== undefined && letta.turns[seen]?.endedAt !== null) {
      const turn = letta.turns[seen];
      if (turn !== undefined) ledger.ran(turn);
      seen += 1;
    }
    await pause(READ_EVERY_MS, signal);
  }
}
