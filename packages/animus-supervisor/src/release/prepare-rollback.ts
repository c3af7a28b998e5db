/**
 * A rollback is a switch to the former release, tried out like any other. Its database: the former release gets the
 * one of now where it can work with it (migrations expand first, so it mostly can: nothing is lost). Where it cannot,
 * it gets the copy from before the migration, but only if nothing has changed since; else it is refused.
 */
import fs from 'node:fs';
import { type AgentId, failed, ok, type Result } from 'animus-protocol';
import { findChangedTables } from '../home/database.ts';
import { agentPaths } from '../home/paths.ts';
import { type Order, writeOrder } from './journal.ts';
import { currentName, linkName } from './links.ts';
import { clearUpdate, runtimeOf, tryDatabase } from './prepare.ts';

export type RollbackRequest = { home: string; id: AgentId; now: Date; signal: AbortSignal; report: (step: string) => void };
export type PreparedRollback = { from: string; to: string; database: Order['database'] };

export async function prepareRollback({ home, id, now, signal, report }: RollbackRequest): Promise<Result<PreparedRollback, string>> {
  const agent = agentPaths(home, id);
  const [from, to] = [currentName(agent), linkName(agent.formerRelease)];
  if (from === null) return failed('it has no release to roll back from (releases/current)');
  if (to === null || to === from) return failed('there is no former release: it was not updated yet, or is rolled back already');
  const runtime = runtimeOf(home, agent, to);
  if (runtime === null)
    return failed(`the former release ${to} or its runtime is gone: update to its commit instead, with animus update ${id} --ref`);
  clearUpdate(agent);
  report('trying the database');
  const tried = await tryDatabase(agent, to, runtime, signal, { which: 'former' });
  if (signal.aborted) return failed('interrupted');
  const database = tried.ok ? tried : await tryFormerDatabase();
  if (!database.ok) return database;
  fs.mkdirSync(agent.update, { recursive: true, mode: 0o700 });
  writeOrder(agent, { from, to, database: database.value, clone: null, at: now.toISOString() });
  return ok({ from, to, database: database.value });

  async function tryFormerDatabase(): Promise<Result<'former', string>> {
    const why = tried.ok ? '' : tried.error;
    if (!fs.existsSync(agent.formerDatabase))
      return failed(`${why}\nNo copy from before is kept: go forward instead, with animus update ${id}`);
    const changed = findChangedTables(agent.formerDatabase, agent.database);
    if (changed.length > 0) {
      return failed(
        `${why}\nThe copy from before its migration is kept, but messages came in since (${changed.join(', ')} changed): going back to it would lose them. Go forward instead, with animus update ${id}`,
      );
    }
    const old =
      runtime === null
        ? failed('')
        : await tryDatabase(agent, to ?? '', runtime, signal, { which: 'former', database: agent.formerDatabase });
    return old.ok ? ok('former') : old;
  }
}
