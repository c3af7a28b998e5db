/** An agent's folder that was made by hand for the original Python Broca: how it is told from one of ours, and what to type. */
import fs from 'node:fs';
import path from 'node:path';
import type { AgentPaths } from './paths.ts';

/** Folder in which a taking over writes down what it changes (take-over-journal.ts). */
export const TAKE_OVER_JOURNAL = '.take-over';

/** Any of these in `broca/` is the original's. */
const PYTHON_FILES = ['main.py', 'requirements.txt', 'runtime/core/agent.py'];

export function isPythonClone(clone: string): boolean {
  return PYTHON_FILES.some((name) => fs.existsSync(path.join(clone, name)));
}

/** No release was ever built in it, and what is there is the original's clone, or configuration and data without any clone. */
export function isMadeByHand(agent: AgentPaths): boolean {
  if (fs.existsSync(agent.releases)) return false;
  // Ended in the middle of being taken over: the next try puts back what was, first.
  if (fs.existsSync(path.join(agent.folder, TAKE_OVER_JOURNAL))) return true;
  if (fs.existsSync(agent.clone)) return isPythonClone(agent.clone);
  return [agent.environment, agent.settings, agent.database, path.join(agent.folder, 'sanctum.db')].some((file) => fs.existsSync(file));
}

export function madeByHand(agent: AgentPaths): string {
  const id = path.basename(agent.folder);
  return `${agent.folder} was made by hand for the Python Broca: stop that Broca, then take the folder over with: animus deploy ${id} --take-over`;
}
