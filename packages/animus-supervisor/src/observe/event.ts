/** Everything that can happen in a supervisor, as one closed union. The log, the event stream and the tests read the same list. */
import { type AgentId, type ControlEvent, type DeathKind, type Isolation, type Phase, unreachable, type Wanted } from 'animus-protocol';

export type FleetEvent =
  | { kind: 'supervisor-started'; pid: number; version: string; home: string }
  | { kind: 'supervisor-stopping'; reason: string; leavesBrocas: boolean }
  | { kind: 'supervisor-failed'; reason: string }
  | { kind: 'asked'; agent: AgentId | null; what: string }
  | { kind: 'agent-found'; agent: AgentId; wanted: Wanted }
  | { kind: 'agent-removed'; agent: AgentId }
  | { kind: 'agent-adopted'; agent: AgentId; pid: number; byHand: boolean }
  | { kind: 'agent-spawned'; agent: AgentId; shim: number; isolation: Isolation }
  | { kind: 'agent-phase'; agent: AgentId; from: Phase; to: Phase; reason: string | null }
  | { kind: 'agent-died'; agent: AgentId; death: DeathKind; how: string; next: Phase }
  | { kind: 'agent-heavy'; agent: AgentId; reason: string }
  | { kind: 'agent-supervision'; agent: AgentId; renew: string | null }
  | { kind: 'agent-reload'; agent: AgentId; file: string }
  | { kind: 'release-changed'; agent: AgentId; from: string; to: string }
  | { kind: 'release-refused'; agent: AgentId; from: string; to: string; reason: string }
  /** What a former supervisor left of an update is finished or undone; the fault is why it could not be. */
  | { kind: 'release-settled'; agent: AgentId; fault: string | null }
  | { kind: 'backup-made'; agents: number }
  | { kind: 'backup-failed'; reason: string }
  | { kind: 'record-unwritten'; agent: AgentId; reason: string }
  | { kind: 'config-problem'; problem: string }
  | { kind: 'config-read'; problems: number; isUsable: boolean }
  | { kind: 'watch-failed'; reason: string }
  | { kind: 'output-cut'; agent: AgentId }
  | { kind: 'sampling-failed'; reason: string };

export type Publish = (event: FleetEvent) => void;

type Level = ControlEvent['level'];

export function levelOf(event: FleetEvent): Level {
  switch (event.kind) {
    case 'supervisor-failed':
    case 'record-unwritten':
    case 'backup-failed':
      return 'error';
    case 'agent-died':
    case 'agent-heavy':
    case 'release-refused':
    case 'config-problem':
    case 'watch-failed':
    case 'output-cut':
    case 'sampling-failed':
      return 'warn';
    case 'release-settled':
      return event.fault === null ? 'info' : 'error';
    case 'agent-phase':
      return event.to === 'broken' ? 'error' : event.to === 'unhealthy' || event.to === 'backing-off' ? 'warn' : 'info';
    default:
      return 'info';
  }
}

/** One line for people; the agent is named beside it. */
export function describeEvent(event: FleetEvent): string {
  switch (event.kind) {
    case 'supervisor-started':
      return `supervisor ${event.version} runs (pid ${event.pid}) for ${event.home}`;
    case 'supervisor-stopping':
      return `supervisor ends: ${event.reason}${event.leavesBrocas ? '; the Brocas go on' : ''}`;
    case 'supervisor-failed':
      return `supervisor failed: ${event.reason}`;
    case 'asked':
      return `asked to ${event.what}`;
    case 'agent-found':
      return `found, wanted ${event.wanted}`;
    case 'agent-removed':
      return 'its folder is gone';
    case 'agent-adopted':
      return `runs already (pid ${event.pid}${event.byHand ? ', started by hand' : ''}): taken over`;
    case 'agent-spawned':
      return `started (shim ${event.shim}, isolation ${event.isolation})`;
    case 'agent-phase':
      return `${event.to}${event.reason === null ? '' : `: ${event.reason}`}`;
    case 'agent-died':
      return `${event.how}; ${event.next === 'starting' ? 'started again' : event.next}`;
    case 'agent-heavy':
      return event.reason;
    case 'agent-supervision':
      return `animus.config.json says something else of it: ${event.renew ?? 'applied while it runs'}`;
    case 'agent-reload':
      return `${event.file} changed: told to read it`;
    case 'release-changed':
      return `runs release ${event.to} now, before: ${event.from}`;
    case 'release-refused':
      return `release ${event.to} was tried and ${event.reason}: back to ${event.from}`;
    case 'release-settled':
      return event.fault === null ? 'an interrupted update is settled' : `an interrupted update cannot be settled: ${event.fault}`;
    case 'backup-made':
      return `scheduled backup made of ${event.agents} ${event.agents === 1 ? 'agent' : 'agents'}`;
    case 'backup-failed':
      return `scheduled backup failed: ${event.reason}`;
    case 'record-unwritten':
      return `its record could not be written: ${event.reason}`;
    case 'config-problem':
      return event.problem;
    case 'config-read':
      if (event.problems === 0) return 'animus.config.json read';
      return `animus.config.json has ${event.problems} problems${event.isUsable ? '' : ': what was read before stays in force'}`;
    case 'watch-failed':
      return `cannot watch for changes: ${event.reason}`;
    case 'output-cut':
      return 'prints so much that logs/output.log was cut; its end is in output.log.1';
    case 'sampling-failed':
      return `cannot read what processes use: ${event.reason}`;
    default:
      return unreachable(event);
  }
}

/** `at` in ms of the epoch. */
export function toControlEvent(event: FleetEvent, id: number, at: number): ControlEvent {
  const { kind, ...rest } = event;
  const agent = 'agent' in rest ? rest.agent : null;
  const details = Object.fromEntries(Object.entries(rest).filter(([name]) => name !== 'agent'));
  return { id, at, kind, level: levelOf(event), agent, message: describeEvent(event), details };
}
