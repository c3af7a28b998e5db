/** Makes the checks, of the home and then of each agent; with `fix` mends what may be mended, and looks again. */
import type { AgentId } from 'animus-protocol';
import type { CliContext } from '../context.ts';
import { examineFleet } from '../health/examine.ts';
import { agentSubject, attempt, type Check, type Finding, fault, type HomeSubject, type Look, type Row, wordsOf } from './check.ts';
import { AGENT_CHECKS, HOME_CHECKS } from './checks.ts';

export type Told = {
  /** Null: the home's. */
  agent: AgentId | null;
  check: string;
  row: Row;
  /** No fault; there may be warnings. */
  ok: boolean;
  said: string;
  /** As it is after mending. */
  findings: { severity: Finding['severity']; reason: string; remedy: string; canBeMended: boolean }[];
  /** What was done. */
  mended: string[];
  /** What was tried in vain, and why. */
  notMended: string[];
};

export type Diagnosis = { ok: boolean; home: string; checks: Told[] };

/** So many agents at once: most of the time goes into waiting for Letta. */
const AT_ONCE = 8;

export async function diagnose(ids: readonly AgentId[], isFixing: boolean, context: CliContext): Promise<Diagnosis> {
  const { home } = context.home;
  const subject: HomeSubject = { context, home, fleet: await examineFleet(context.home, ids, context.now()) };
  const checks = await makeAll(HOME_CHECKS, subject, null, isFixing);
  for (let first = 0; first < ids.length; first += AT_ONCE) {
    const told = ids.slice(first, first + AT_ONCE).map(async (id) => {
      const health = subject.fleet.agents.find((agent) => agent.id === id);
      return health === undefined ? [] : await makeAll(AGENT_CHECKS, agentSubject(subject, health, id), id, isFixing);
    });
    checks.push(...(await Promise.all(told)).flat());
  }
  return { ok: checks.every(({ ok }) => ok), home, checks };
}

async function makeAll<S>(checks: readonly Check<S>[], subject: S, agent: AgentId | null, isFixing: boolean): Promise<Told[]> {
  const told: Told[] = [];
  for (const check of checks) told.push(await makeOne(check, subject, agent, isFixing));
  return told;
}

async function makeOne<S>(check: Check<S>, subject: S, agent: AgentId | null, isFixing: boolean): Promise<Told> {
  let look = await lookSafely(check, subject);
  const mended: string[] = [];
  const notMended: string[] = [];
  for (const { mend } of isFixing ? look.findings : []) {
    if (mend === null) continue;
    const done = await attempt(mend);
    if (done.ok) mended.push(done.value);
    else notMended.push(done.error);
  }
  if (mended.length > 0) look = await lookSafely(check, subject);
  const findings = look.findings.map(({ severity, reason, remedy, mend }) => ({ severity, reason, remedy, canBeMended: mend !== null }));
  const isWell = findings.every(({ severity }) => severity === 'warning');
  return { agent, check: check.name, row: check.row, ok: isWell, said: look.said, findings, mended, notMended };
}

/** That something cannot be looked at is found, too, and hides nothing else. */
async function lookSafely<S>(check: Check<S>, subject: S): Promise<Look> {
  try {
    return await check.look(subject);
  } catch (error) {
    return { said: '', findings: [fault(`it cannot be looked at: ${wordsOf(error)}`, 'look whether its file or folder may be read')] };
  }
}
