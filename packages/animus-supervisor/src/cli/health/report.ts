/** Health as a person reads it: the seed's report, a line for each agent, then the runtime. */
import { keepsApart, type LettaState, type QueueFigures, type SandboxReport } from 'animus-protocol';
import { duration, indented, mark, type Screen } from '../render.ts';
import type { FleetHealth, RuntimeHealth } from './examine.ts';
import type { AgentHealth, ProcessHealth } from './judge-policy.ts';

const TITLE = 'Animus: agent health';

export function healthLines({ agents, runtime }: FleetHealth, screen: Screen): string[] {
  const lines = [screen.paint('bold', TITLE), '='.repeat(TITLE.length)];
  for (const agent of agents) lines.push(...agentLines(agent, screen));
  if (agents.length === 0) lines.push('no agent is deployed yet; deploy one with: animus deploy <id> <endpoint>');
  return [...lines, '', ...runtimeLines(runtime, screen)];
}

function agentLines(agent: AgentHealth, screen: Screen): string[] {
  const files = `DB ${mark(screen, agent.db)} ENV ${mark(screen, agent.env)} BROCA ${mark(screen, agent.broca)} LOGS ${mark(screen, agent.logs)}`;
  const rest = [describeProcess(agent.process, screen)];
  if (agent.letta !== null) rest.push(`Letta ${describeLetta(agent.letta, screen)}`);
  if (agent.channels.length > 0) {
    rest.push(
      agent.channels
        .map(
          ({ name, state }) =>
            `${name} ${state === 'up' ? mark(screen, true) : state === 'failed' || state === 'down' ? mark(screen, false) : state}`,
        )
        .join(' '),
    );
  }
  if (agent.queue !== null) rest.push(describeQueue(agent.queue));
  if (agent.mode !== null && agent.mode !== 'live') rest.push(`mode ${agent.mode}`);
  if (agent.process.isolation !== null) rest.push(`isolation ${agent.process.isolation}`);
  return [`Agent ${agent.id}: ${files} · ${rest.join(' · ')}`, ...noteLines(agent, screen)];
}

function runtimeLines(runtime: RuntimeHealth, screen: Screen): string[] {
  const lines = [screen.paint('bold', 'Runtime:')];
  for (const { version, node } of runtime.versions) lines.push(`${mark(screen, true)} ${version} (node ${node})`);
  if (runtime.versions.length === 0) lines.push('- none yet; the first deploy makes it');
  const { supervisor } = runtime;
  if (supervisor === null) lines.push('- no supervisor is running; start it with: animus up -d');
  else lines.push(`${mark(screen, true)} supervisor ${supervisor.version}, pid ${supervisor.pid}, up ${duration(supervisor.uptimeMs)}`);
  if (runtime.sandbox !== null) lines.push(...isolationLines(runtime.sandbox, runtime, screen));
  return [...lines, ...noteLines(runtime, screen)];
}

/** The weakest in force, what the machine allows, and whether nothing can hide from its end. */
function isolationLines(sandbox: SandboxReport, { isolation, tree }: RuntimeHealth, screen: Screen): string[] {
  const able = sandbox.works ? `bubblewrap ${sandbox.version} works` : sandbox.reason;
  const isApart = isolation === null ? sandbox.works : keepsApart(isolation);
  const lines = [`${isApart ? mark(screen, true) : '-'} isolation: ${isolation === null ? '' : `${isolation}; `}${able}`];
  if (tree === 'marker')
    lines.push('- processes that a Broca hides may outlive it: there is neither a sandbox nor a control group to hold them');
  return lines;
}

function noteLines({ faults, warnings }: { faults: readonly string[]; warnings: readonly string[] }, screen: Screen): string[] {
  return [
    ...faults.map((fault) => `    ${mark(screen, false)} ${indented(fault)}`),
    ...warnings.map((warning) => `    ${screen.paint('yellow', '!')} ${warning}`),
  ];
}

function describeProcess({ phase, pid, uptimeMs, wanted, byHand }: ProcessHealth, screen: Screen): string {
  const how = byHand ? ', started by hand' : '';
  if (phase === 'ready') return `${mark(screen, true)} ready, pid ${pid}${uptimeMs === null ? '' : `, up ${duration(uptimeMs)}`}${how}`;
  if (phase === 'stopped' && wanted === 'stopped') return 'stopped by hand';
  return `${mark(screen, false)} ${phase}${pid === null ? '' : `, pid ${pid}`}${how}`;
}

function describeLetta(letta: LettaState, screen: Screen): string {
  if (letta.state === 'reachable') return mark(screen, true);
  return letta.state === 'unchecked' ? 'not asked yet' : `${mark(screen, false)} ${letta.state}`;
}

function describeQueue({ waiting, running, parked, outbox }: QueueFigures): string {
  const parts = [`${waiting} waiting`];
  if (running > 0) parts.push(`${running} running`);
  if (parked > 0) parts.push(`${parked} parked`);
  if (outbox > 0) parts.push(`${outbox} to hand over`);
  return `queue ${parts.join(', ')}`;
}
