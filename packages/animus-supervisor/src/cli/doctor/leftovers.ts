/** What programs that were killed left behind. All of it is mended by whoever made it, the next time; `--fix` has them do it now. */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import { takeHomeLock } from '../../fleet/lock.ts';
import { homePaths } from '../../home/paths.ts';
import { findHalfWritten } from '../../home/replace-file.ts';
import { finishRestore, isRestoreLeft } from '../../home/restore/journal.ts';
import { findDeadStages, sweepStages } from '../../home/stage.ts';
import { isUnfinished } from '../../release/journal.ts';
import { clearUpdate } from '../../release/prepare.ts';
import { findLockHolder } from '../../worker/proc.ts';
import { asOnlyUpdate } from '../switch-agent.ts';
import { type AgentSubject, type Check, type Finding, fault, type HomeSubject, mayRun, warning } from './check.ts';

export const homeLeftovers: Check<HomeSubject> = {
  name: 'leftovers',
  row: 'start',
  look: ({ home }) => {
    const { runtimes, backups } = homePaths(home);
    return { said: 'nothing half-made lies about', findings: [home, runtimes, backups].flatMap((folder) => deadStages(folder, home)) };
  },
};

export const agentLeftovers: Check<AgentSubject> = {
  name: 'leftovers',
  row: 'start',
  look: (subject) => {
    const { agent, home } = subject;
    const halves = ['.env', 'settings.json']
      .flatMap((name) => findHalfWritten(agent.folder, name))
      .map((file) =>
        warning(`${path.relative(home, file)} was left half-written, and may hold a key`, `rm ${file}`, () => {
          fs.rmSync(file, { force: true });
          return ok(`${path.relative(home, file)} was deleted`);
        }),
      );
    return { said: 'nothing half-made lies about', findings: [...halves, ...deadStages(agent.releases, home)] };
  },
};

export const interruptedUpdate: Check<AgentSubject> = {
  name: 'update',
  row: 'start',
  look: (subject) => {
    const { agent, fleet, id } = subject;
    const isAtWork = [agent.updateLock, agent.switchLock].some((file) => findLockHolder(file) !== null);
    if (isAtWork) return { said: 'an update is under way', findings: [] };
    if (!isUnfinished(agent)) {
      const findings = fs.existsSync(agent.update)
        ? [
            warning(
              'an update was prepared and given up half-way',
              `animus update ${id} begins anew`,
              async () => await settleUpdate(subject),
            ),
          ]
        : [];
      return { said: 'none was interrupted', findings };
    }
    const hasSupervisor = fleet.runtime.supervisor !== null;
    const remedy = hasSupervisor
      ? `animus status ${id} says why it is not settled; when that is mended: animus start ${id}`
      : `animus doctor ${id} --fix, or animus up -d`;
    // While a supervisor has the agent, nobody else may.
    const mend = hasSupervisor ? null : async (): Promise<Result<string, string>> => await settleUpdate(subject);
    return { said: '', findings: [fault('an update was interrupted in the middle of its switch', remedy, mend)] };
  },
};

export const interruptedRestore: Check<AgentSubject> = {
  name: 'restore',
  row: 'start',
  look: (subject) => {
    if (!isRestoreLeft(subject.agent)) return { said: 'none was interrupted', findings: [] };
    const remedy = `animus doctor ${subject.id} --fix; a start of the agent does it too`;
    return { said: '', findings: [fault('a restore was interrupted', remedy, mayRun(subject) ? null : () => settleRestore(subject))] };
  },
};

async function settleUpdate({ id, agent, context }: AgentSubject): Promise<Result<string, string>> {
  const wasUnfinished = isUnfinished(agent);
  const settled = await asOnlyUpdate(id, context, async () => {
    clearUpdate(agent);
    return ok(null);
  });
  if (!settled.ok) return settled;
  return ok(wasUnfinished ? 'the interrupted update was settled' : 'what was prepared for an update was deleted; the release in use stays');
}

function settleRestore({ agent }: AgentSubject): Result<string, string> {
  const lock = fs.existsSync(agent.run) ? takeHomeLock(agent.lock) : { release: () => undefined };
  if (lock === null) return failed('its folder is in use: stop what runs there first');
  try {
    const how = finishRestore(agent);
    if (how === null) return failed('somebody is at it');
    return ok(
      how === 'finished' ? 'the interrupted restore was finished' : 'the interrupted restore had changed nothing, and was taken back',
    );
  } finally {
    lock.release();
  }
}

function deadStages(folder: string, home: string): Finding[] {
  const dead = fs.existsSync(folder) ? findDeadStages(folder) : [];
  return dead.map((name) => {
    const shown = path.relative(home, path.join(folder, name));
    return warning(`${shown} was being made by a command that was killed`, 'the next such command deletes it', () => {
      sweepStages(folder);
      return ok(`${shown} was deleted`);
    });
  });
}
