/** Do logs stay within what rotation leaves them. */
import fs from 'node:fs';
import path from 'node:path';
import { homePaths } from '../../home/paths.ts';
import { size } from '../render.ts';
import { type AgentSubject, type Check, type HomeSubject, type Look, warning } from './check.ts';

/** Rotation keeps a file within 10 MB (observe/logger.ts; Broca's own is of that order); what is far beyond is not rotated. */
const LARGEST_FILE = 64 * 1024 * 1024;
const LARGEST_FOLDER = 512 * 1024 * 1024;

export const homeLogs: Check<HomeSubject> = { name: 'logs', row: 'resources', look: ({ home }) => examineLogs(homePaths(home).logs, home) };
export const agentLogs: Check<AgentSubject> = { name: 'logs', row: 'resources', look: ({ agent, home }) => examineLogs(agent.logs, home) };

function examineLogs(folder: string, home: string): Look {
  const files = (fs.existsSync(folder) ? fs.readdirSync(folder) : []).flatMap((name) => {
    const stat = fs.lstatSync(path.join(folder, name), { throwIfNoEntry: false });
    return stat?.isFile() ? [{ name, bytes: stat.size }] : [];
  });
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const shown = path.relative(home, folder);
  const findings = files
    .filter(({ bytes }) => bytes > LARGEST_FILE)
    .map(({ name, bytes }) =>
      warning(
        `${shown}/${name} has ${size(bytes)}`,
        `see: animus disk; rotated ones go with: animus logs clean; others: truncate -s 0 ${path.join(folder, name)}`,
      ),
    );
  if (total > LARGEST_FOLDER) findings.push(warning(`${shown}/ has ${size(total)}`, `remove rotated ones: animus logs clean`));
  return { said: size(total), findings };
}
