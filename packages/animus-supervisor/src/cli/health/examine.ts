/** Looks at the chosen agents, the home and the runtime, all at once. */
import fs from 'node:fs';
import path from 'node:path';
import {
  type AgentId,
  type AgentStatus,
  formatProblem,
  type Isolation,
  type Problem,
  parseFleetConfig,
  type SandboxReport,
  supervisionOf,
  TREE_HOLDS,
  type TreeHold,
  type Wanted,
  weakestIsolation,
} from 'animus-protocol';
import { findWrongHomeModes, formatWrongMode } from '../../home/modes.ts';
import type { HomePaths } from '../../home/paths.ts';
import { describeFailure } from '../client.ts';
import { readText } from '../read-text.ts';
import { askStatus } from '../supervisor.ts';
import { askProcess, readConfigProblems, readFileFacts } from './facts.ts';
import { type AgentHealth, judgeAgent, seeProcess } from './judge-policy.ts';

export type RuntimeHealth = {
  ok: boolean;
  home: string;
  /** Null when none runs, which is no fault by itself: agents that should run and do not are. */
  supervisor: { pid: number; version: string; uptimeMs: number } | null;
  /** Every runtime made in this home. */
  versions: { version: string; node: string; animus: string }[];
  /** The weakest in force among the running agents; null while no supervisor says. */
  isolation: Isolation | null;
  /** The weakest hold on what they start, likewise. */
  tree: TreeHold | null;
  /** What this machine allows; null while no supervisor says. */
  sandbox: SandboxReport | null;
  faults: string[];
  warnings: string[];
};

export type FleetHealth = { ok: boolean; agents: AgentHealth[]; runtime: RuntimeHealth };

/** A supervisor that does not answer in this time is unwell itself; the Brocas are then asked one by one. */
const PATIENCE_MS = 2_000;

export async function examineFleet(home: HomePaths, ids: readonly AgentId[], now: number): Promise<FleetHealth> {
  const asking = askStatus(home.socket, PATIENCE_MS);
  // The question leaves before the files are read, so that the supervisor answers meanwhile.
  await new Promise(setImmediate);
  const files = ids.map((id) => readFileFacts(home.home, id));
  const reply = await asking;
  const { config, problems } = parseFleetConfig(readText(home.config), home.config);
  const statuses = reply.ok ? new Map<AgentId, AgentStatus>(reply.value.agents.map((status) => [status.id, status])) : null;
  const isWanted = (id: AgentId): boolean =>
    (readWanted(home, id) ?? (supervisionOf(config, id).autostart ? 'running' : 'stopped')) === 'running';
  const agents = await Promise.all(
    files.map(async (facts) => {
      const process = await askProcess(facts.id, { home: home.home, statuses, now, isWanted });
      const found = readConfigProblems(home.home, facts.id, seeProcess(process, now).beat);
      const configuration = { errors: linesOf(found, 'error'), warnings: linesOf(found, 'warning') };
      return judgeAgent({ ...facts, process }, configuration, now);
    }),
  );
  const faults = [...findWrongHomeModes(home.home).map((wrong) => formatWrongMode(wrong, home.home)), ...linesOf(problems, 'error')];
  if (!reply.ok && reply.error.kind !== 'no-supervisor') faults.push(describeFailure(reply.error));
  const supervisor = reply.ok ? reply.value.supervisor : null;
  if (supervisor?.backup?.failure != null) faults.push(supervisor.backup.failure);
  const running = [...(statuses?.values() ?? [])];
  const isUnwatched = supervisor === null && agents.some(({ process }) => process.pid !== null);
  const warnings = [
    ...linesOf(problems, 'warning'),
    ...(isUnwatched ? ['agents run with no supervisor to restart them; it takes them over with: animus up -d'] : []),
  ];
  const runtime: RuntimeHealth = {
    ok: faults.length === 0,
    home: home.home,
    supervisor:
      supervisor === null ? null : { pid: supervisor.pid, version: supervisor.version, uptimeMs: Math.max(0, now - supervisor.startedAt) },
    versions: listRuntimes(home.runtimes),
    isolation: weakestIsolation(running.flatMap(({ isolation }) => isolation ?? [])),
    tree: TREE_HOLDS.findLast((hold) => running.some(({ tree }) => tree === hold)) ?? null,
    sandbox: supervisor?.sandbox ?? null,
    faults,
    warnings,
  };
  return { ok: runtime.ok && agents.every(({ ok }) => ok), agents, runtime };
}

function linesOf(problems: readonly Problem[], severity: Problem['severity']): string[] {
  return problems.filter((problem) => problem.severity === severity).map(formatProblem);
}

/** What the last supervisor was told to do with an agent (worker/record.ts); null when none ever saw it. */
function readWanted(home: HomePaths, id: AgentId): Wanted | null {
  const record = parseJson(readText(path.join(home.runAgents, `${id}.json`)));
  const wanted = typeof record === 'object' && record !== null && 'wanted' in record ? record.wanted : null;
  return wanted === 'running' || wanted === 'stopped' ? wanted : null;
}

function listRuntimes(folder: string): RuntimeHealth['versions'] {
  const versions: RuntimeHealth['versions'] = [];
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder).sort() : []) {
    const described = parseJson(readText(path.join(folder, name, 'runtime.json')));
    if (typeof described !== 'object' || described === null) continue;
    const node = 'node' in described ? String(described.node) : 'unknown';
    versions.push({ version: name, node, animus: 'animus' in described ? String(described.animus) : 'unknown' });
  }
  return versions;
}

function parseJson(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
