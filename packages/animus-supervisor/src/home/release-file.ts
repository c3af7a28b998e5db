/** What runs an agent: the release `current` leads to, and the runtime that release names. Read on every delegated command. */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import { type AgentPaths, homePaths } from './paths.ts';
import { isMadeByHand, madeByHand } from './python-home.ts';

export type Release = { commit: string; version: string; runtime: string; builtAt: string };
export type Runtime = { version: string; folder: string; node: string; packages: string };

const releaseFile: v.GenericSchema<Release> = v.object({
  commit: v.string(),
  version: v.string(),
  // A name and no path: the file lies where the agent's own code may have written it.
  runtime: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/)),
  builtAt: v.string(),
});

export function runtimePaths(home: string, version: string): Runtime {
  const folder = path.join(homePaths(home).runtimes, version);
  return { version, folder, node: path.join(folder, 'bin/node'), packages: path.join(folder, 'node_modules') };
}

/** The error says how to get there. */
export function currentRelease(home: string, agent: AgentPaths): Result<{ release: Release; runtime: Runtime }, string> {
  const release = readRelease(path.join(agent.currentRelease, 'release.json'));
  if (release === null && isMadeByHand(agent)) return failed(madeByHand(agent));
  if (release === null)
    return failed(
      `there is no release to run (releases/current): build one from its clone with animus upgrade ${path.basename(agent.folder)}`,
    );
  const runtime = runtimePaths(home, release.runtime);
  if (fs.existsSync(runtime.node)) return ok({ release, runtime });
  return failed(`the runtime ${release.runtime} it runs on is missing: animus upgrade ${path.basename(agent.folder)} gives it one`);
}

/** Of `releases/<name>/release.json`; null when it cannot be read. */
export function readRelease(file: string): Release | null {
  try {
    return v.parse(releaseFile, JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
