/** Does run what should, and nothing else. */
import fs from 'node:fs';
import path from 'node:path';
import { type AgentId, agentIdOfFolder, failed, ok, type Result } from 'animus-protocol';
import { type AgentPaths, agentPaths, homePaths } from '../../home/paths.ts';
import { NONCE_VARIABLE } from '../../worker/host-pid.ts';
import { findCarriers, findLockHolder, identify, isAlive } from '../../worker/proc.ts';
import { signal } from '../../worker/process.ts';
import { readRecord, recordFiles } from '../../worker/record.ts';
import { duration } from '../render.ts';
import { isHeldBySilent } from '../supervisor.ts';
import { type AgentSubject, type Check, type Finding, fault, type HomeSubject, warning } from './check.ts';

export const supervisor: Check<HomeSubject> = {
  name: 'supervisor',
  row: 'start',
  look: async ({ fleet, context: { home } }) => {
    const { supervisor: running } = fleet.runtime;
    if (running !== null) return { said: `pid ${running.pid}, up ${duration(running.uptimeMs)}`, findings: [] };
    if (await isHeldBySilent(home)) {
      const holder = findLockHolder(home.lock);
      const who = holder === null ? 'a supervisor' : `the supervisor, pid ${holder},`;
      return {
        said: '',
        findings: [fault(`${who} has the home and does not answer`, `look at ${home.supervisorLog}; end it, and start anew: animus up -d`)],
      };
    }
    const findings: Finding[] = [];
    if (fs.existsSync(home.socket)) {
      // Nobody has the lock, so nobody listens.
      const drop = async (): Promise<Result<string, string>> => {
        if (await isHeldBySilent(home)) return failed('a supervisor has just started');
        fs.rmSync(home.socket, { force: true });
        return ok('run/animus.sock was deleted');
      };
      findings.push(warning('run/animus.sock was left by a supervisor that was killed', 'animus up -d replaces it', drop));
    }
    return { said: 'none runs', findings };
  },
};

export const running: Check<AgentSubject> = {
  name: 'process',
  row: 'start',
  look: ({ id, agent, health: { process: seen }, fleet }) => {
    const { phase, wanted, reason, pid } = seen;
    if (wanted === 'stopped' && phase !== 'unhealthy') return { said: 'stopped, as was wished', findings: [] };
    if (phase === 'ready') return { said: `ready, pid ${pid}`, findings: [] };
    const why = reason === null ? '' : `: ${reason}`;
    if (phase === 'starting' || phase === 'stopping') return { said: phase, findings: [] };
    const start = fleet.runtime.supervisor === null ? 'animus up -d' : `animus start ${id}`;
    const remedy = `mend what else is named here, then: ${start}; what it said: animus logs ${id} --output${orBefore(id, agent)}`;
    return { said: '', findings: [fault(phase === 'stopped' ? `it should run and does not${why}` : `${phase}${why}`, remedy)] };
  },
};

/** A release that falls only after its probation cannot be told from another fault; who looks knows since when. */
function orBefore(id: AgentId, agent: AgentPaths): string {
  const switched = fs.lstatSync(agent.currentRelease, { throwIfNoEntry: false });
  if (switched === undefined || !fs.existsSync(agent.formerRelease)) return '';
  return `. Its release was changed ${duration(Date.now() - switched.mtimeMs)} ago: if that is why, go back with animus rollback ${id}`;
}

/** Processes that a Broca started and that outlived it, where nothing of the kernel held them. */
export const orphans: Check<HomeSubject> = {
  name: 'orphans',
  row: 'resources',
  look: ({ home }) => {
    const root = `${fs.realpathSync(home)}${path.sep}`;
    const carriers = findCarriers(NONCE_VARIABLE);
    const findings = carriers.flatMap(({ pid, value, folder }) => {
      const id = folder.startsWith(root) ? agentIdOfFolder(folder.slice(root.length).split(/[\\/ ]/)[0] ?? '') : null;
      if (id === null) return [];
      const record = readRecord(recordFiles(homePaths(home).runAgents, id));
      // Whoever has the folder's lock is a Broca at work, and what it started is its own: the next supervisor takes it over.
      const holder = findLockHolder(agentPaths(home, id).lock);
      const isHolders = carriers.some((each) => each.pid === holder && each.value === value);
      if (record?.run?.nonce === value || isHolders) return [];
      const orphan = identify(pid);
      const end = (): Result<string, string> => {
        if (!isAlive(orphan)) return ok(`process ${pid} has ended by itself`);
        return signal(pid, 'SIGTERM') ? ok(`process ${pid} was asked to end (SIGTERM)`) : failed(`process ${pid} cannot be signalled`);
      };
      return [
        warning(`process ${pid} was started by a Broca of ${id} that is gone`, `look at it: ps -fp ${pid}; end it: kill ${pid}`, end),
      ];
    });
    return { said: 'no process outlived its Broca', findings };
  },
};
