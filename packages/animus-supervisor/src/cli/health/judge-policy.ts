/**
 * Judges an agent by its facts. Well is: its files are there and private, its configuration can be used, and it
 * does what is wanted of it: ready with Letta and its channels up, or stopped because a person stopped it.
 */
import {
  type BeatReport,
  type ChannelHealth,
  describeSetAside,
  type Isolation,
  type LettaState,
  type Phase,
  type QueueFigures,
} from 'animus-protocol';
import { lateness } from '../agent-words.ts';
import type { AgentFacts, ProcessFacts } from './facts.ts';

export type ProcessHealth = {
  phase: Phase;
  pid: number | null;
  uptimeMs: number | null;
  wanted: 'running' | 'stopped';
  reason: string | null;
  /** Somebody started it with `broca run`; no supervisor did. */
  byHand: boolean;
  /** In force for what runs, as the supervisor says; null while it does not. */
  isolation: Isolation | null;
};

export type AgentHealth = {
  id: string;
  ok: boolean;
  db: boolean;
  env: boolean;
  broca: boolean;
  logs: boolean;
  process: ProcessHealth;
  /** null while nothing is known: it does not run, or has not said. */
  letta: LettaState | null;
  channels: ChannelHealth[];
  queue: QueueFigures | null;
  /** echo, listen or live; null while nothing is known. */
  mode: string | null;
  /** Why it is not well. */
  faults: string[];
  /** What a person should know although it works. */
  warnings: string[];
};

/** A Broca tells of loose modes too, in its own words (broca-core's config/load.ts); they are a fault here, told once. */
const LOOSE_TO_BROCA = /can be read or changed by others/;

type Seen = { process: ProcessHealth; beat: BeatReport | null };

export function judgeAgent(facts: AgentFacts, configuration: { errors: string[]; warnings: string[] }, now: number): AgentHealth {
  const { process, beat } = seeProcess(facts.process, now);
  const files = fileFaults(facts, configuration.errors);
  const wrongModes = facts.wrongModes.map(({ fault }) => fault);
  const told = [...files, ...configuration.warnings];
  const running = runningFaults(withoutTold(process, told), beat);
  const faults = [...files, ...wrongModes, ...interruptedUpdate(facts), ...running, ...untoldSetAside(facts, beat)];
  const isLoose = (of: AgentFacts['wrongModes'][number]['of']): boolean => facts.wrongModes.some((wrong) => wrong.of === of);
  return {
    id: facts.id,
    ok: faults.length === 0,
    db: facts.hasDatabase && !facts.isReadOnly && !isLoose('database'),
    env: facts.hasEnvironment && configuration.errors.length === 0 && !isLoose('configuration'),
    broca: facts.hasClone && facts.releaseFault === null,
    logs: facts.hasLogs,
    process,
    letta: beat?.letta ?? null,
    channels: beat?.channels ?? [],
    queue: beat?.queue ?? null,
    mode: beat?.mode ?? null,
    faults,
    warnings: [...new Set([...configuration.warnings, ...toldByBeat(beat), ...updateUnderWay(facts)])].filter(
      (line) => !faults.includes(line) && !(isLoose('configuration') && LOOSE_TO_BROCA.test(line)),
    ),
  };
}

/** A supervisor that runs settles it, or says itself why it cannot. */
function interruptedUpdate({ id, undecided, process }: AgentFacts): string[] {
  if (undecided !== 'left' || process.from === 'supervisor') return [];
  return [
    `an update was interrupted in the middle of its switch: no message is taken in until it is settled, by animus up -d or animus doctor ${id} --fix`,
  ];
}

function updateUnderWay({ undecided }: AgentFacts): string[] {
  return undecided === 'held' ? ['an update is under way: messages wait until it is decided'] : [];
}

function toldByBeat(beat: BeatReport | null): string[] {
  if (beat === null) return [];
  const late = lateness(beat);
  return late === null ? beat.problems : [...beat.problems, late];
}

/** A Broca that runs tells of them in its own words. */
function untoldSetAside({ id, setAside }: AgentFacts, beat: BeatReport | null): string[] {
  const told = beat?.faults ?? [];
  const untold = setAside.filter((name) => !told.some((fault) => fault.includes(name)));
  return untold.map((name) => describeSetAside(name, `animus queue ${id} list`));
}

function fileFaults(facts: AgentFacts, errors: readonly string[]): string[] {
  const faults: string[] = [];
  if (!facts.hasDatabase) faults.push('animus.db is missing or is no database: a start makes a new one; an old one is in backups/');
  if (facts.isReadOnly) faults.push('animus.db is read-only: let its owner write it again (chmod, chattr, or mount for its file system)');
  faults.push(...errors);
  if (!facts.hasClone && !facts.isMadeByHand) faults.push('broca/, the clone, is missing: deploy the agent again');
  if (facts.releaseFault !== null) faults.push(facts.releaseFault);
  if (!facts.hasLogs) faults.push('logs/ is missing: a start makes it again');
  return faults;
}

export function seeProcess(facts: ProcessFacts, now: number): Seen {
  if (facts.from === 'supervisor') {
    const { phase, pid, startedAt, wanted, reason, beat, isolation, startedByHand: byHand } = facts.status;
    const uptimeMs = startedAt === null ? null : Math.max(0, now - startedAt);
    return { process: { phase, pid, uptimeMs, wanted, reason, byHand, isolation }, beat };
  }
  const wanted = facts.isWanted ? 'running' : 'stopped';
  const { answer } = facts;
  if (answer.kind === 'not-running' || answer.kind === 'silent') {
    const isSilent = answer.kind === 'silent';
    const reason = isSilent ? 'its process does not answer' : null;
    const phase = isSilent ? 'unhealthy' : 'stopped';
    return { process: { phase, pid: null, uptimeMs: null, wanted, reason, byHand: false, isolation: null }, beat: null };
  }
  const { pid, startedAt } = answer.hello;
  const uptimeMs = Math.max(0, now - startedAt);
  const byHand = answer.hello.nonce === null;
  const beat = answer.kind === 'ready' ? answer.beat : null;
  return { process: { phase: answer.kind, pid, uptimeMs, wanted, reason: null, byHand, isolation: null }, beat };
}

/** What a Broca that refused its configuration said is what the files say too: it is told once, and `broken` alone is left. */
function withoutTold(process: ProcessHealth, told: readonly string[]): ProcessHealth {
  if (process.reason === null) return process;
  const news = process.reason.split('\n').filter((line) => !told.includes(line));
  return { ...process, reason: news.length === 0 ? null : news.join('\n') };
}

function runningFaults(process: ProcessHealth, beat: BeatReport | null): string[] {
  const faults: string[] = [];
  const why = process.reason === null ? '' : `: ${process.reason}`;
  if (process.wanted === 'stopped') return process.phase === 'unhealthy' ? [`unhealthy${why}`] : [];
  if (process.phase === 'stopped') faults.push(`wanted, but not running${why}`);
  else if (process.phase !== 'ready') faults.push(`${process.phase}${why}`);
  if (beat === null) return faults;
  if (beat.letta.state === 'unreachable' || beat.letta.state === 'held') faults.push(`Letta ${beat.letta.state}: ${beat.letta.reason}`);
  for (const { name, state, reason } of beat.channels) {
    if (state === 'failed' || state === 'down') faults.push(`channel ${name} ${state}${reason === undefined ? '' : `: ${reason}`}`);
  }
  faults.push(...(beat.faults ?? []));
  return faults;
}
