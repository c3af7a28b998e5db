/** The folders in an agent's folder, made where they are missing. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes `folder/<names…>`, each for its owner only. Throws when `folder`, the agent's own, is not there: a Broca whose
 * folder was moved away or deleted must not make it anew, or nobody would see that it is gone.
 */
export function makeSubfolder(folder: string, ...names: readonly string[]): string {
  let made = folder;
  for (const name of names) {
    made = join(made, name);
    if (existsSync(made)) continue;
    try {
      mkdirSync(made, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  return made;
}
