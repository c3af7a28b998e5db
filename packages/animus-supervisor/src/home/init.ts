/** Makes a home: its folders, their modes, and a configuration to fill in. What is there already stays. */
import fs from 'node:fs';
import path from 'node:path';
import type { Installation } from './installation.ts';
import { FOLDER_MODE, makePrivateFolder, writeNewPrivateFile } from './modes.ts';
import { homePaths } from './paths.ts';

/** Gives what was made or mended, as paths below the home ('.' is the home itself). */
export function initHome(home: string, installation: Installation): string[] {
  const paths = homePaths(home);
  const changed: string[] = [];
  for (const folder of [home, paths.run, paths.runAgents, paths.logs, paths.runtimes, paths.backups]) {
    const mode = fs.statSync(folder, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && (mode & 0o777) === FOLDER_MODE) continue;
    makePrivateFolder(folder);
    changed.push(path.relative(home, folder) || '.');
  }
  if (!fs.existsSync(paths.config)) {
    writeNewPrivateFile(paths.config, configTemplate(installation));
    changed.push(path.basename(paths.config));
  }
  return changed;
}

/** The one at the root of the repository is the template of every home's. */
function configTemplate(installation: Installation): string {
  const file = path.join(installation.root, 'animus.config.json');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '{}\n';
}
