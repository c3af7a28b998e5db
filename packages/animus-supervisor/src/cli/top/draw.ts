/** `top` as lines: the fleet in one, the agents in the order asked for, the keys. */
import type { AgentStatus, FleetStatus } from 'animus-protocol';
import { orDash, phaseColour, queueOf } from '../agent-words.ts';
import { shortName } from '../logs/show.ts';
import { duration, megabytes, type Screen, table } from '../render.ts';
import { SORT_KEYS, SORT_LETTERS, type SortKey, sortAgents, type View } from './view-policy.ts';

/** Lines that are not agents, with the keys and without. */
const HEAD_LINES = 3;
const KEY_LINES = 2;

const COLUMNS: readonly [title: string, sort: SortKey | null][] = [
  ['AGENT', 'name'],
  ['PHASE', 'phase'],
  ['PID', null],
  ['UPTIME', null],
  ['CPU', 'cpu'],
  ['MEMORY', 'memory'],
  ['QUEUE', 'queue'],
  ['TURNS', 'turns'],
  ['RESTARTS', 'restarts'],
  ['LAST DEATH', 'death'],
];

/** How many agents fit on a screen of so many rows. */
export function pageOf(rows: number): number {
  return Math.max(1, rows - HEAD_LINES - KEY_LINES);
}

/** Every agent, for a print. `now` in ms of the epoch. */
export function topLines(status: FleetStatus, view: View, now: number, screen: Screen): string[] {
  const rows = sortAgents(status.agents, view).map((agent) => row(agent, now, screen));
  return [summary(status, now), '', ...table(heads(view, screen), rows).split('\n')];
}

/** What fits, and the keys below. */
export function topFrame(status: FleetStatus, view: View, now: number, screen: Screen, rows: number): string[] {
  const page = pageOf(rows);
  const [first = '', second = '', head = '', ...agents] = topLines(status, view, now, screen);
  const shown = agents.slice(view.from, view.from + page);
  const hidden = agents.length > page ? `${view.from + 1}–${view.from + shown.length} of ${agents.length}; ↑ ↓ to move · ` : '';
  const filling = Array.from({ length: page - shown.length }, () => '');
  const keys = SORT_KEYS.map((sort) => `${SORT_LETTERS[sort]} ${sort}`).join('  ');
  return [first, second, head, ...shown, ...filling, '', screen.paint('dim', `${hidden}sort by: ${keys}; again: other way · q quit`)];
}

function summary({ supervisor, agents }: FleetStatus, now: number): string {
  const phases = new Map<string, number>();
  for (const { phase } of agents) phases.set(phase, (phases.get(phase) ?? 0) + 1);
  const counted = [...phases].map(([phase, count]) => `${count} ${phase}`).join(', ');
  const sum = (value: (agent: AgentStatus) => number | null): number => agents.reduce((total, agent) => total + (value(agent) ?? 0), 0);
  return [
    `supervisor ${supervisor.version}, pid ${supervisor.pid}, up ${duration(now - supervisor.startedAt)}`,
    `${agents.length} agents${counted === '' ? '' : `: ${counted}`}`,
    `CPU ${sum(({ cpu }) => cpu).toFixed(1)} %, memory ${megabytes(sum(({ memoryBytes }) => memoryBytes))}, queue ${sum(queueOf)}`,
  ].join(' · ');
}

function heads({ sort, isReversed }: View, screen: Screen): string[] {
  return COLUMNS.map(([title, of]) => (of === sort ? screen.paint('bold', `${title}${isReversed ? '↑' : '↓'}`) : title));
}

function row(agent: AgentStatus, now: number, screen: Screen): string[] {
  const { lastDeath } = agent;
  return [
    shortName(agent.id),
    screen.paint(phaseColour(agent), agent.phase),
    orDash(agent.pid, String),
    orDash(agent.uptimeMs, duration),
    orDash(agent.cpu, (cpu) => `${cpu.toFixed(1)} %`),
    orDash(agent.memoryBytes, megabytes),
    orDash(queueOf(agent), String),
    agent.beat === null ? '-' : String(agent.beat.queue.settled),
    String(agent.restarts),
    lastDeath === null ? '-' : `${duration(now - lastDeath.at)} ago: ${lastDeath.how}`,
  ];
}
