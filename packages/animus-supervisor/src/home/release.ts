/**
 * A release is a Broca built from an agent's clone: `releases/<commit>/` with the bundle, the plugins and a
 * link to the packages of the runtime it was built for. It never changes; `current` is switched in one rename.
 */
import fs from 'node:fs';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import type { BuildFailure, Plugin } from 'esbuild';
import { execa } from 'execa';
import * as v from 'valibot';
import { BROCA_ENTRIES, bundleOptions } from './bundle.ts';
import { writeNewPrivateFile } from './modes.ts';
import type { AgentPaths } from './paths.ts';
import { findPlugins } from './plugins.ts';
import { type Release, type Runtime, readRelease } from './release-file.ts';
import { makeStage } from './stage.ts';

export type BuildRequest = { agent: AgentPaths; runtime: Runtime; commit: string; now: Date };

/** Builds what the clone holds now into a new release and gives its folder's name. Nothing is switched. */
export async function buildRelease(request: BuildRequest): Promise<Result<string, string>> {
  const { agent, runtime, commit } = request;
  if (!fs.existsSync(path.join(agent.clone, BROCA_ENTRIES.broca)))
    return failed(`the clone is no Broca: it has no ${BROCA_ENTRIES.broca}. Look at broca.repository and broca.ref in animus.config.json`);
  const plugins = findPlugins([path.join(agent.clone, 'plugins'), agent.plugins]);
  if (!plugins.ok) return plugins;
  fs.mkdirSync(agent.releases, { recursive: true, mode: 0o700 });
  using stage = makeStage(agent.releases, 'release');
  const bundled = await bundle(request, plugins.value, stage.folder);
  if (!bundled.ok) return bundled;
  fs.symlinkSync(path.join('../../../runtime', runtime.version, 'node_modules'), path.join(stage.folder, 'node_modules'));
  const release: Release = { commit, version: cloneVersion(agent.clone), runtime: runtime.version, builtAt: request.now.toISOString() };
  writeNewPrivateFile(path.join(stage.folder, 'release.json'), `${JSON.stringify(release, null, 2)}\n`);
  return ok(placeRelease(stage, agent.releases, commit));
}

/** A second build of one commit (its plugins or edits changed) is another release; one that is there already is taken. */
function placeRelease(stage: { folder: string; moveTo(target: string): boolean }, releases: string, commit: string): string {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? commit : `${commit}-${count}`;
    const folder = path.join(releases, name);
    if (stage.moveTo(folder) || isSameRelease(stage.folder, folder)) return name;
  }
}

/** The same in every file, the hour of its making apart. */
export function isSameRelease(a: string, b: string): boolean {
  const [ofA, ofB] = [readRelease(path.join(a, 'release.json')), readRelease(path.join(b, 'release.json'))];
  if (ofA === null || ofB === null || ofA.commit !== ofB.commit || ofA.runtime !== ofB.runtime) return false;
  const names = listBundles(a);
  if (names.join() !== listBundles(b).join()) return false;
  return names.every((name) => fs.readFileSync(path.join(a, name)).equals(fs.readFileSync(path.join(b, name))));
}

function listBundles(release: string): string[] {
  return fs.globSync('{*,plugins/**/*}.{mjs,txt}', { cwd: release }).sort();
}

/** Runs one short command of a release in an agent's folder; gives what it printed, or what it complained about when it fails. */
export async function runRelease(
  runtime: Runtime,
  agent: AgentPaths,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Result<string, string>> {
  const ended = await execa(runtime.node, [agent.program, ...args], {
    cwd: agent.folder,
    reject: false,
    stdin: 'ignore',
    cancelSignal: signal,
  });
  return ended.failed ? failed(ended.stderr.trim() || (ended.shortMessage ?? 'it failed without a word')) : ok(ended.stdout);
}

async function bundle({ agent, runtime }: BuildRequest, plugins: Record<string, string>, outFolder: string): Promise<Result<null, string>> {
  const entries = Object.fromEntries(Object.entries(BROCA_ENTRIES).filter(([, file]) => fs.existsSync(path.join(agent.clone, file))));
  for (const [name, file] of Object.entries(plugins)) entries[`plugins/${name}`] = file;
  const { build } = await import('esbuild');
  try {
    await build(
      bundleOptions({
        source: agent.clone,
        entries,
        outFolder,
        splitting: false,
        packageFolders: [],
        plugins: [packagesOfRuntime(runtime, [agent.clone, agent.plugins])],
      }),
    );
    return ok(null);
  } catch (error) {
    if (isBuildFailure(error)) return failed(`Broca could not be built:\n${describeFailure(error, agent.folder)}`);
    throw error;
  }
}

/**
 * npm packages come from the runtime, unless the clone or the plugin brings its own. Without this, esbuild would
 * look in every node_modules above the home, and what a release holds would depend on where the home lies.
 */
function packagesOfRuntime(runtime: Runtime, ownFolders: readonly string[]): Plugin {
  return {
    name: 'packages-of-runtime',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, async (args) => {
        if (args.pluginData === 'asked' || args.kind === 'entry-point') return undefined;
        const { kind, importer, namespace } = args;
        const asked = { kind, importer, namespace, pluginData: 'asked' };
        const near = await build.resolve(args.path, { ...asked, resolveDir: args.resolveDir });
        const isOwn = ownFolders.some((folder) => near.path.startsWith(folder + path.sep));
        if (near.external || isOwn || near.path.startsWith(runtime.folder + path.sep)) return near;
        return await build.resolve(args.path, { ...asked, resolveDir: runtime.folder });
      });
    },
  };
}

function cloneVersion(clone: string): string {
  const parsed = v.safeParse(
    v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() })),
    fs.readFileSync(path.join(clone, 'package.json'), 'utf8'),
  );
  return parsed.success ? parsed.output.version : 'unknown';
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

function describeFailure(failure: BuildFailure, folder: string): string {
  const lines = failure.errors.slice(0, 5).map(({ text, location }) => {
    const place = location === null ? '' : `${path.relative(folder, path.resolve(folder, 'broca', location.file))}:${location.line}: `;
    return `  ${place}${text}`;
  });
  if (failure.errors.length > lines.length) lines.push(`  and ${failure.errors.length - lines.length} more`);
  return lines.join('\n');
}
