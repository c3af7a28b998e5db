/** All that is known of one agent, as a person reads it. */
import type { BeatReport, LettaState } from 'animus-protocol';
import { countDeaths, lateness, orDash, phaseColour, runsOlder, type Shown } from './agent-words.ts';
import { makeTimeWriter } from './logs/show.ts';
import { duration, indented, megabytes, type Screen } from './render.ts';

/** `timezone` null is the machine's own. */
export function detailLines(agent: Shown, timezone: string | null, screen: Screen): string[] {
  const time = makeTimeWriter(timezone);
  const rows: [string, string][] = [
    ['phase', `${screen.paint(phaseColour(agent), agent.phase)}${sinceOf(agent, time)}`],
    ['wanted', agent.wanted],
    ['process', processOf(agent)],
    ['isolation', agent.isolation === null ? '-' : `${agent.isolation}${agent.tree === null ? '' : `, its tree held by ${agent.tree}`}`],
    ['release', releaseOf(agent)],
    ['restarts', String(agent.restarts)],
    ['deaths', deathsOf(agent, time)],
    ['reason', agent.reason === null ? '-' : indented(agent.reason)],
    ...(agent.beat === null ? [] : beatRows(agent.beat, time)),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [screen.paint('bold', agent.id), ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)];
}

type TimeWriter = (at: number) => string;

function sinceOf({ startedAt, uptimeMs, startedByHand }: Shown, time: TimeWriter): string {
  if (startedAt === null || uptimeMs === null) return '';
  return `, started ${startedByHand ? 'by hand ' : ''}${time(startedAt)} (${duration(uptimeMs)} ago)`;
}

function processOf({ pid, cpu, memoryBytes, beat }: Shown): string {
  if (pid === null) return '-';
  const parts = [`pid ${pid}`, `${orDash(memoryBytes, megabytes)} memory`, `${orDash(cpu, (value) => value.toFixed(1))} % CPU`];
  if (beat !== null) parts.push(`event loop late by ${Math.round(beat.eventLoopDelayMs)} ms at most`);
  return parts.join(', ');
}

function releaseOf({ id, release, deployedRelease }: Shown): string {
  if (runsOlder(release, deployedRelease)) return `${release}; ${deployedRelease} is deployed since: animus restart ${id}`;
  return release ?? deployedRelease ?? '-';
}

function deathsOf(agent: Shown, time: TimeWriter): string {
  const counted = countDeaths(agent);
  const { lastDeath } = agent;
  if (lastDeath === null) return counted ?? 'none';
  return [...(counted === null ? [] : [counted]), `the last: ${lastDeath.how}, ${time(lastDeath.at)}`].join('; ');
}

function beatRows(beat: BeatReport, time: TimeWriter): [string, string][] {
  const { mode, queue, letta, channels } = beat;
  const late = lateness(beat);
  const problems = late === null ? beat.problems : [...beat.problems, late];
  return [
    ['mode', mode],
    ['queue', `${queue.waiting} waiting, ${queue.running} running, ${queue.parked} parked, ${queue.outbox} to hand over`],
    ['turns', `${queue.settled} settled since it started`],
    ['Letta', lettaOf(letta, time)],
    [
      'channels',
      channels.map(({ name, state, reason }) => `${name} ${state}${reason === undefined ? '' : ` (${reason})`}`).join(', ') || '-',
    ],
    ...problems.map((problem): [string, string] => ['problem', indented(problem)]),
  ];
}

function lettaOf(letta: LettaState, time: TimeWriter): string {
  if (letta.state === 'unchecked') return 'not asked yet';
  return `${letta.state} since ${time(letta.since)}${letta.state === 'reachable' ? '' : `: ${letta.reason}`}`;
}
