/**
 * Reads an agent folder's configuration from disk, once at the start and again at each reload:
 * files → broca-config → lifecycle.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { agentIdOfFolder } from './agent-id.ts';
import { type LoadedBrocaConfig, loadBrocaConfig } from './broca-config.ts';
import type { Problem } from './problem.ts';

/** More than anybody writes by hand; a log or a database under the wrong name is told so. */
const LARGEST_FILE = 1024 * 1024;
/** Group and others: what the seed's `chmod 600` takes away. */
const OTHERS = 0o077;

type ReadFile = { text: string | null; problems: Problem[] };

/**
 * Names, in the environment of a Broca that a supervisor started outside a sandbox, the file with the fleet's defaults as
 * they last could be read: the home's own may be broken by an edit just now, and no Broca is to stop for that.
 */
export const FLEET_CONFIG_VARIABLE = 'ANIMUS_FLEET_CONFIG';

/** What would stand in a file that is not written yet. */
export type DraftOfFile = { file: '.env' | 'settings.json'; text: string };

/**
 * The configuration of the agent folder `folder`, or every reason why there is none; with a `draft`, as it would be.
 * Never throws for what a person did.
 */
export function readBrocaConfig(folder: string, draft: DraftOfFile | null = null): LoadedBrocaConfig {
  const here = resolve(folder);
  const read = (file: DraftOfFile['file']): ReadFile =>
    draft?.file === file ? { text: draft.text, problems: [] } : readConfigFile(join(here, file), 'private');
  const environment = read('.env');
  const settings = read('settings.json');
  const fleet = readConfigFile(process.env[FLEET_CONFIG_VARIABLE] ?? join(dirname(here), 'animus.config.json'), 'shared');
  const loaded = loadBrocaConfig({
    agentIdOfFolder: agentIdOfFolder(basename(here)),
    environment: environment.text,
    settings: settings.text,
    fleet: fleet.text,
  });
  const found = [...environment.problems, ...settings.problems, ...fleet.problems];
  // A file that is there and cannot be read is told as that, not also as missing.
  const unread = new Set(found.filter(({ severity }) => severity === 'error').map(({ file }) => file));
  const problems = [...found, ...loaded.problems.filter(({ file, key }) => !(unread.has(file) && key === 'missing'))];
  return { ...loaded, config: unread.size === 0 ? loaded.config : null, problems };
}

/** `text` null: there is no such file, or it cannot be read (then a problem says why). */
export function readConfigFile(path: string, audience: 'private' | 'shared'): ReadFile {
  const file = basename(path);
  const fail = (message: string): ReadFile => ({ text: null, problems: [{ file, key: 'the whole file', message, severity: 'error' }] });
  let descriptor: number;
  try {
    // Without NONBLOCK a named pipe in its place would hang the start.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' ? { text: null, problems: [] } : fail(`cannot be read (${code}): it must belong to the user that runs Broca`);
  }
  try {
    const about = fstatSync(descriptor);
    if (!about.isFile()) return fail('is no regular file');
    if (about.size > LARGEST_FILE) return fail(`has ${about.size} bytes; a configuration has at most ${LARGEST_FILE}`);
    const mode = about.mode & 0o777;
    const message = `can be read or changed by others (mode ${mode.toString(8)}): run chmod 600 ${file}`;
    const isOpen = audience === 'private' && (mode & OTHERS) !== 0;
    return { text: readFileSync(descriptor, 'utf8'), problems: isOpen ? [{ file, key: 'mode', message, severity: 'warning' }] : [] };
  } catch (error) {
    return fail(`cannot be read (${codeOf(error)})`);
  } finally {
    closeSync(descriptor);
  }
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
