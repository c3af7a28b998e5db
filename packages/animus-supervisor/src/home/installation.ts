/**
 * What Animus itself runs from: a git checkout of the repository, or an installed package with the same
 * folders inside. Deploy takes the sources and the runtime from here; `up` takes the supervisor's program.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';

export type Installation = {
  root: string;
  kind: 'checkout' | 'package';
  version: string;
  /** The node binary the installation brings, or the one that runs us. */
  node: { binary: string; version: string };
  supervisorProgram: string;
  /** `animus` itself. */
  commandProgram: string;
};

/** A supervisor keeps little of what it allocates: with a small young generation it holds 10 MB less for 50 agents (measured). */
export const SUPERVISOR_FLAGS: readonly string[] = ['--max-semi-space-size=1'];

const packageFile = v.object({ version: v.string() });

/**
 * Looks upward from one of our own files' folders. `running` is the node we run on, used when the
 * installation brings none.
 */
export function findInstallation(from: string, running: { binary: string; version: string }): Result<Installation, string> {
  for (let folder = from; ; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, 'packages/broca-core/package.json'))) return ok(describeInstallation(folder, from, running));
    if (folder === path.dirname(folder))
      return failed(`no installation of Animus around ${from}: its packages/broca-core is missing; install it again`);
  }
}

function describeInstallation(root: string, from: string, running: { binary: string; version: string }): Installation {
  const built = path.join(root, 'dist/supervisor.mjs');
  const fromSources = from.startsWith(path.join(root, 'packages'));
  return {
    root,
    kind: fs.existsSync(path.join(root, '.git')) ? 'checkout' : 'package',
    version: v.parse(packageFile, JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))).version,
    node: installedNode(root) ?? running,
    supervisorProgram: fromSources ? path.join(root, 'packages/animus-supervisor/src/main.ts') : built,
    commandProgram: path.join(root, fromSources ? 'packages/animus-supervisor/src/cli/main.ts' : 'dist/animus.mjs'),
  };
}

function installedNode(root: string): { binary: string; version: string } | null {
  try {
    const file = createRequire(path.join(root, 'package.json')).resolve('node/package.json');
    const binary = path.join(path.dirname(file), 'bin/node');
    if (!fs.existsSync(binary)) return null;
    return { binary, version: v.parse(packageFile, JSON.parse(fs.readFileSync(file, 'utf8'))).version };
  } catch {
    return null;
  }
}
