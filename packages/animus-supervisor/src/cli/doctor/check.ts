/** What a check of the doctor is: it looks at one thing, says what it saw, and what of that is wrong and how it is mended. */
import { type AgentId, failed, type Result } from 'animus-protocol';
import { type AgentPaths, agentPaths } from '../../home/paths.ts';
import type { CliContext } from '../context.ts';
import type { FleetHealth } from '../health/examine.ts';
import type { AgentHealth } from '../health/judge-policy.ts';

/** The four rows of troubleshooting: why it does not start, what is with the database, with the plugins, with the machine. */
export type Row = 'start' | 'database' | 'plugins' | 'resources';

/** A `fault` keeps something from working, or will; a `warning` is worth a look. */
export type Finding = {
  severity: 'fault' | 'warning';
  reason: string;
  /** What a person does about it. */
  remedy: string;
  /** What `--fix` does: nothing that could lose data. Gives what it did, or why it could not. Null: a person must. */
  mend: Mend | null;
};
export type Mend = () => Promise<Result<string, string>> | Result<string, string>;

/** `said`: what was seen, for who wants to know that it was looked at. */
export type Look = { said: string; findings: readonly Finding[] };

export type HomeSubject = { context: CliContext; home: string; fleet: FleetHealth };
export type AgentSubject = HomeSubject & { id: AgentId; agent: AgentPaths; health: AgentHealth };

export type Check<S> = { name: string; row: Row; look(subject: S): Promise<Look> | Look };

export function fault(reason: string, remedy: string, mend: Mend | null = null): Finding {
  return { severity: 'fault', reason, remedy, mend };
}

export function warning(reason: string, remedy: string, mend: Mend | null = null): Finding {
  return { severity: 'warning', reason, remedy, mend };
}

/** What the system refuses is a reason too. */
export async function attempt(work: Mend): Promise<Result<string, string>> {
  try {
    return await work();
  } catch (error) {
    return failed(wordsOf(error));
  }
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function agentSubject(subject: HomeSubject, health: AgentHealth, id: AgentId): AgentSubject {
  return { ...subject, id, agent: agentPaths(subject.home, id), health };
}

/** Something of a Broca runs in its folder, or may. */
export function mayRun({ health }: AgentSubject): boolean {
  return health.process.pid !== null || !['stopped', 'broken'].includes(health.process.phase);
}
