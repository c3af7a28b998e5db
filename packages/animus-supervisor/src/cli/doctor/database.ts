/** An agent's database, read whole in this process: no Broca waits for it, and nothing is written. */
import fs from 'node:fs';
import { findSetAside } from 'animus-protocol';
import { takeHomeLock } from '../../fleet/lock.ts';
import { examineDatabase } from '../../home/database-facts.ts';
import type { AgentPaths } from '../../home/paths.ts';
import { isMadeByHand, madeByHand } from '../../home/python-home.ts';
import { size } from '../render.ts';
import { type AgentSubject, type Check, type Finding, fault, warning } from './check.ts';

/** A Broca folds its WAL in at 1000 pages (4 MB); one that grew to this has a reader that never ends. */
const LARGEST_WAL = 256 * 1024 * 1024;

export const database: Check<AgentSubject> = {
  name: 'database',
  row: 'database',
  look: ({ agent, id }) => {
    if (isMadeByHand(agent))
      return { said: 'it is a Python Broca’s still', findings: [warning('it was not taken over', madeByHand(agent))] };
    if (!fs.existsSync(agent.database)) {
      const remedy = `an old one comes back with animus restore <file> --force (animus backup list ${id}); a start makes an empty one`;
      return { said: '', findings: [fault('animus.db is missing', remedy)] };
    }
    const facts = examineQuietly(agent);
    const mend = `animus stop ${id}, keep a copy of animus.db, then bring the newest sound backup back: animus restore <file> --force`;
    const findings: Finding[] = facts.faults.map((each) => fault(`animus.db: ${each}`, mend));
    for (const name of findSetAside(agent.folder)) {
      const remedy = `look at what waits (animus queue ${id} list); to have more back: animus restore <file> --force; then move the file away`;
      findings.push(fault(`a damaged database was set aside as ${name}; what could be read of it was taken along`, remedy));
    }
    const wal = fs.statSync(`${agent.database}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (wal > LARGEST_WAL)
      findings.push(
        warning(`animus.db-wal has grown to ${size(wal)}`, `some program reads the database and does not end: fuser ${agent.database}`),
      );
    const turns = facts.turns === null ? '' : `, ${facts.turns} turns, ${facts.open ?? 0} of them open`;
    return { said: `whole (schema ${facts.schema}, ${size(fs.statSync(agent.database).size)}${turns})`, findings };
  },
};

/** Reading a database that nobody has open makes an empty WAL beside it, which SQLite does not take away again for a reader. */
function examineQuietly(agent: AgentPaths): ReturnType<typeof examineDatabase> {
  const beside = ['-wal', '-shm'].map((suffix) => agent.database + suffix);
  const wasClosed = beside.every((file) => !fs.existsSync(file));
  const facts = examineDatabase(agent.database);
  const lock = wasClosed && fs.existsSync(agent.run) ? takeHomeLock(agent.lock) : null;
  try {
    const isEmpty = (fs.statSync(`${agent.database}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0;
    if (lock !== null && isEmpty) for (const file of beside) fs.rmSync(file, { force: true });
  } finally {
    lock?.release();
  }
  return facts;
}
