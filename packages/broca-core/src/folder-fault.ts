import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Why a folder cannot be worked on, or null. Nothing is ever created in a folder that is no agent's. */
export function folderFault(folder: string): string | null {
  if (!existsSync(folder)) return `there is no folder ${folder}`;
  const isAgents = ['.env', 'settings.json', 'animus.db'].some((name) => existsSync(join(folder, name)));
  return isAgents
    ? null
    : `${folder} is no agent's folder (it has no .env, settings.json or animus.db): go to one, or name it with --folder DIR`;
}
