/** What a run came to, for people and as JSON; for what went wrong, all that is known of it. */
import fs from 'node:fs';
import path from 'node:path';
import type { LettaSimulator } from 'animus-testkit';
import type { ChaosHome } from './home.ts';
import type { Verdict, Wrong } from './judge.ts';
import type { Ledger } from './ledger.ts';

export type Outcome = {
  seed: string;
  agents: number;
  seconds: number;
  /** How long the fleet took to be done with everything after the faults ended; null when it was not in time. */
  drainedMs: number | null;
  verdict: Verdict;
  ledger: Ledger;
  /** Deaths of Brocas and supervisors that nobody brought about: what their logs say of them. */
  crashes: string[];
  notes: string[];
};

/** As many wrongs are told in full. */
const MOST_TOLD = 5;
const MOST_LOG_LINES = 25;
const LONGEST_CRASH = 600;

export function kills({ faults }: Ledger): { brocas: number; supervisor: number } {
  return {
    brocas: (faults.get('Broca kill') ?? 0) + (faults.get('Broca kill in the middle of its work') ?? 0),
    supervisor: faults.get('supervisor kill') ?? 0,
  };
}

export function countWrongs({ wrongs }: Verdict): { lost: number; doubled: number; disordered: number } {
  const count = (kind: string): number => wrongs.filter((wrong) => wrong.kind === kind).length;
  return { lost: count('lost'), doubled: count('doubled'), disordered: count('disordered') };
}

export function toJson(outcome: Outcome): Record<string, unknown> {
  const { seed, agents, seconds, drainedMs, verdict, ledger, notes } = outcome;
  return {
    seed,
    agents,
    seconds,
    ...verdict.counts,
    ...countWrongs(verdict),
    parkedAnswered: verdict.parkedAnswered,
    parkedFor: Object.fromEntries(verdict.parkedFor),
    redelivered: ledger.redelivered,
    dropped: ledger.dropped,
    drainedMs,
    kills: kills(ledger),
    crashes: outcome.crashes,
    faults: Object.fromEntries([...ledger.faults].sort()),
    notes,
  };
}

export function toText(outcome: Outcome): string {
  const { seed, agents, seconds, drainedMs, verdict, ledger, notes } = outcome;
  const { counts } = verdict;
  const { brocas, supervisor } = kills(ledger);
  const perMinute = Math.round(((brocas + supervisor) * 60) / seconds);
  const row = (name: string, count: number, remark = ''): string => `${name.padEnd(11)}${String(count).padStart(7)}  ${remark}`.trimEnd();
  const parked = [...verdict.parkedFor].sort(([, a], [, b]) => b - a).map(([reason, count]) => `             ${count} × ${reason}`);
  const wrongs = countWrongs(verdict);
  return [
    row('sent', counts.sent, `${seconds} s of faults, ${agents} agents`),
    row('received', counts.received, `${ledger.redelivered} of them handed over twice`),
    row('answered', counts.answered, `${ledger.arrivals.length} parts arrived; ${ledger.dropped} second sendings dropped by their key`),
    row('silent', counts.silent),
    row('refused', counts.refused),
    row('parked', counts.parked, counts.parked > 0 ? `the agent had answered ${verdict.parkedAnswered} of them` : ''),
    ...parked,
    row('lost', wrongs.lost),
    row('doubled', wrongs.doubled),
    row('disordered', wrongs.disordered),
    row('crashes', outcome.crashes.length, 'deaths by a fault of our own'),
    ...outcome.crashes.slice(0, MOST_TOLD).map((crash) => `             ${crash}`),
    row('kills', brocas + supervisor, `${brocas} Brocas, ${supervisor} supervisors: ${perMinute} a minute`),
    ...[...ledger.faults].sort().map(([kind, count]) => `             ${count} × ${kind}`),
    drainedMs === null ? 'not drained: something was still open at the end' : `drained in ${(drainedMs / 1000).toFixed(1)} s`,
    ...notes,
    `seed        ${seed}`,
  ].join('\n');
}

/** For each wrong: what Broca, the simulator, the channel and Broca's log know of it. The fleet must still run. */
export async function tellWrongs(verdict: Verdict, home: ChaosHome, letta: LettaSimulator, ledger: Ledger): Promise<string> {
  const told = verdict.wrongs.slice(0, MOST_TOLD).map((wrong) => tellWrong(wrong, home, letta, ledger));
  const more = verdict.wrongs.length - told.length;
  return [...(await Promise.all(told)), ...(more > 0 ? [`and ${more} more`] : [])].join('\n\n');
}

async function tellWrong(wrong: Wrong, home: ChaosHome, letta: LettaSimulator, ledger: Ledger): Promise<string> {
  const { message, agent } = wrong;
  const turn = wrong.turn;
  const runs = letta.turns.filter(({ text }) => message !== null && text.includes(`#${message.id}#`));
  const arrivals = ledger.arrivals.filter(({ inReplyTo }) => message !== null && inReplyTo === message.id);
  const shown = turn === null ? null : await home.askBroca(agent, 'queue.show', { turn });
  return [
    `${wrong.kind.toUpperCase()} ${agent} ${message?.id ?? ''} turn ${turn ?? '?'}: ${wrong.what}`,
    ...runs.map(({ otid, runId, startedAt, endedAt, outcome, background, replies }) => {
      const run = { otid, runId, startedAt: instant(startedAt), endedAt: endedAt === null ? null : instant(endedAt), outcome, background };
      return `  ran      ${JSON.stringify({ ...run, replies: replies.length })}`;
    }),
    ...arrivals.map(
      ({ number, count, key, order, text }) => `  arrived  ${JSON.stringify({ number, count, key, order: String(order), text })}`,
    ),
    `  turn     ${JSON.stringify(shown)}`,
    ...(turn === null ? [] : logLines(path.join(home.agentFolder(agent), 'logs'), turn).map((line) => `  log      ${line}`)),
  ].join('\n');
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}

function logLines(folder: string, turn: number): string[] {
  const speaksOfTurn = new RegExp(`"turn":${turn}\\b`);
  return linesOf(folder)
    .filter((line) => speaksOfTurn.test(line))
    .slice(-MOST_LOG_LINES);
}

/** What the logs of Brocas and supervisors tell of faults that nobody caught. */
export function findCrashes(home: ChaosHome): string[] {
  const folders = [home.rig.home, ...home.agents.map((agent) => home.agentFolder(agent))];
  return folders.flatMap((folder) =>
    linesOf(path.join(folder, 'logs'))
      .filter((line) => /"(?:event|kind)":"(?:crashed|supervisor-failed)"/.test(line))
      .map((line) => `${path.basename(folder)} ${line.slice(0, LONGEST_CRASH)}`),
  );
}

function linesOf(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter((name) => /^(?:broca|supervisor)\./.test(name) && !name.endsWith('.gz'))
    .flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').split('\n'));
}
