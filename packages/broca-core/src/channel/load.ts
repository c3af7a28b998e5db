/**
 * Makes the channels that settings ask for, built in or found as plugins. Whether one is wanted is
 * decided before anything of it is imported; one that cannot be used is there as `failed` with its
 * reason, and the others go on.
 *
 * A built-in channel runs unless settings say `enabled: false` (or its own default is off). A plugin
 * that was found runs only when settings say `plugins.<name>.enabled: true`: code in a folder is no wish.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { failed, ok, type Problem, type Result, unknownKeyProblem, unreachable } from 'animus-protocol';
import type { StandardResult } from '../standard-schema.ts';
import type { ChannelPlugin } from './channel.ts';
import { type FoundPlugin, findPlugins, pluginFolders, shippedPlugins } from './find.ts';
import { ChannelGuard, describe, type GuardHost, guardAtFault, type LoadedChannel } from './guard.ts';
import { parsePlugin } from './parse-plugin.ts';

export type PluginSettings = Record<string, { enabled: boolean | null; settings: Record<string, unknown> }>;

export type ChannelsRequest = GuardHost & {
  plugins: PluginSettings;
  /** Folder of the release that runs; null when Broca runs from a checkout. */
  releaseFolder: string | null;
  builtIn: readonly ChannelPlugin[];
  /** Those that come with Broca; one of the same name in a folder takes its place. */
  shipped?: readonly FoundPlugin[];
};

export type Channels = {
  /** One for each channel that settings ask for, in order: built in, then by name. Also those that failed. */
  list(): readonly LoadedChannel[];
  problems: Problem[];
  /** The platform's name as the agent reads it, also for a channel that is switched off or was removed. */
  titleOf(name: string): string;
  /** These three never fail. */
  start(): Promise<void>;
  stop(): Promise<void>;
  nudge(name: string): void;
  /**
   * Call it inside the handlers of uncaughtException and unhandledRejection. True: the fault was a plugin's,
   * which is stopped now. False: it is ours, and the process must end.
   */
  blame(error: unknown): boolean;
};

/** How long a module may take to load. A top-level await that never ends must not keep Broca's health waiting. */
const IMPORT_TIMEOUT_MS = 15_000;

const SETTINGS_FILE = 'settings.json';

type Source = { kind: 'built-in'; plugin: ChannelPlugin } | { kind: 'found'; plugin: FoundPlugin };

export async function createChannels(request: ChannelsRequest): Promise<Channels> {
  const found = findPlugins(
    pluginFolders(request.folder, request.releaseFolder),
    request.builtIn.map(({ name }) => name),
  );
  const sources: Source[] = [
    ...request.builtIn.map((plugin): Source => ({ kind: 'built-in', plugin })),
    ...withShipped(found.plugins, request.shipped ?? []).map((plugin): Source => ({ kind: 'found', plugin })),
  ];
  const problems: Problem[] = [
    ...found.ignored.map(
      ({ path, reason }): Problem => ({ file: path, key: 'plugin', message: `ignored: ${reason}`, severity: 'warning' }),
    ),
    ...unusedSettings(request.plugins, sources),
  ];
  const wanted = sources.filter((source) => isWanted(source, request.plugins));
  const loaded = await Promise.all(wanted.map(async (source) => await load(source, request)));
  const guards = loaded.map(({ guard }) => guard);
  return {
    list: () => guards,
    problems: [...problems, ...loaded.flatMap((one) => one.problems)],
    titleOf: (name) => [...guards, ...request.builtIn].find((channel) => channel.name === name)?.title ?? name,
    start: async () => void (await Promise.all(guards.map(async (guard) => await guard.start()))),
    stop: async () => void (await Promise.all(guards.map(async (guard) => await guard.stop()))),
    nudge: (name) => guards.find((guard) => guard.name === name)?.nudge(),
    blame(error) {
      const guard = guardAtFault();
      guard?.fail(`it threw outside of any call: ${describe(error)}`);
      return guard !== null;
    },
  };
}

function withShipped(found: readonly FoundPlugin[], shipped: readonly FoundPlugin[]): FoundPlugin[] {
  const names = new Set(found.map(({ name }) => name));
  return [...found, ...shipped.filter(({ name }) => !names.has(name))];
}

/** The plugin of this name, imported whether or not settings switch it on; null when there is none. */
export async function importPluginNamed(
  name: string,
  place: { folder: string; releaseFolder: string | null },
): Promise<Result<ChannelPlugin, string> | null> {
  const { plugins } = findPlugins(pluginFolders(place.folder, place.releaseFolder), []);
  const found = withShipped(plugins, shippedPlugins(place.releaseFolder)).find((plugin) => plugin.name === name);
  return found === undefined ? null : await importPlugin(found, async (load) => await load());
}

function isWanted(source: Source, settings: PluginSettings): boolean {
  const enabled = settings[source.plugin.name]?.enabled ?? null;
  switch (source.kind) {
    case 'built-in':
      return enabled ?? source.plugin.enabledByDefault;
    case 'found':
      return enabled === true;
    default:
      return unreachable(source);
  }
}

/** Settings for a plugin that is not there, or that was set up but never switched on. */
function unusedSettings(settings: PluginSettings, sources: readonly Source[]): Problem[] {
  const problems: Problem[] = [];
  for (const [name, { enabled }] of Object.entries(settings)) {
    const source = sources.find(({ plugin }) => plugin.name === name);
    const key = `plugins.${name}`;
    if (source === undefined && enabled !== false) {
      const known = sources.map(({ plugin }) => plugin.name).join(', ');
      const message = `there is no plugin of this name; known: ${known}. Put its file into plugins/ of the agent's folder, then animus upgrade <id> builds it in (a restart does not); a Broca run from a checkout reads it at its next start`;
      problems.push({ file: SETTINGS_FILE, key, message, severity: 'warning' });
    } else if (source?.kind === 'found' && enabled === null) {
      const message = 'not said, so the plugin is off: write true to use it, false to silence this';
      problems.push({ file: SETTINGS_FILE, key: `${key}.enabled`, message, severity: 'warning' });
    }
  }
  return problems;
}

async function load(source: Source, request: ChannelsRequest): Promise<{ guard: ChannelGuard; problems: Problem[] }> {
  const { name } = source.plugin;
  const guard = new ChannelGuard(name, request);
  const plugin = source.kind === 'built-in' ? ok(source.plugin) : await importPlugin(source.plugin, (load) => guard.contain(load));
  if (!plugin.ok) {
    guard.fail(plugin.error);
    return { guard, problems: [] };
  }
  const settings = await parsePluginSettings(plugin.value, request.plugins[name]?.settings ?? {}, (check) => guard.contain(check));
  if (!settings.ok) {
    guard.fail(settings.error.map(({ key, message }) => `${key}: ${message}`).join('; '));
    return { guard, problems: settings.error };
  }
  guard.create(plugin.value, settings.value);
  return { guard, problems: unknownSettings(plugin.value, request.plugins[name]?.settings ?? {}) };
}

/** `contain` runs the plugin's code so that its faults are known as its own. */
async function importPlugin(
  found: FoundPlugin,
  contain: (load: () => Promise<Result<unknown, string>>) => Promise<Result<unknown, string>>,
): Promise<Result<ChannelPlugin, string>> {
  const done = new AbortController();
  const late = sleep(IMPORT_TIMEOUT_MS, undefined, { signal: done.signal, ref: false }).then(
    () => failed(`${found.file} did not finish loading within ${IMPORT_TIMEOUT_MS / 1000} s`),
    () => failed('loaded'),
  );
  const imported = contain(async () => ok<unknown>(await import(pathToFileURL(found.file).href))).catch((error: unknown) =>
    failed(`${found.file} cannot be imported: ${describe(error)}`),
  );
  const module = await Promise.race([imported, late]);
  done.abort();
  if (!module.ok) return module;
  const plugin = parsePlugin(module.value);
  if (!plugin.ok) return failed(`${found.file} is no channel plugin: ${plugin.error}`);
  if (plugin.value.name !== found.name) {
    return failed(`${found.file} holds a plugin named ${plugin.value.name}: rename the file or the plugin so that both agree`);
  }
  return plugin;
}

/** `contain` runs the plugin's code so that its faults are known as its own. */
export async function parsePluginSettings(
  plugin: ChannelPlugin,
  settings: Record<string, unknown>,
  contain: (check: () => Promise<StandardResult>) => Promise<StandardResult> = async (check) => await check(),
): Promise<Result<unknown, Problem[]>> {
  const problem = (key: string, message: string): Problem => ({ file: SETTINGS_FILE, key, message, severity: 'error' });
  const root = `plugins.${plugin.name}`;
  try {
    const result = await contain(async () => await plugin.settings['~standard'].validate(settings));
    if (result.issues === undefined) return ok(result.value);
    return failed(result.issues.map(({ path, message }) => problem([root, ...pathOf(path)].join('.'), message)));
  } catch (error) {
    return failed([problem(root, `the plugin's own check failed: ${describe(error)}`)]);
  }
}

/** Keys that the plugin's schema drops without a word; of a schema that does not tell its keys, none. */
function unknownSettings(plugin: ChannelPlugin, settings: Record<string, unknown>): Problem[] {
  const schema: object = plugin.settings;
  if (!('type' in schema && schema.type === 'object' && 'entries' in schema)) return [];
  if (typeof schema.entries !== 'object' || schema.entries === null) return [];
  const known = Object.keys(schema.entries);
  const unknown = Object.keys(settings).filter((key) => !known.includes(key));
  return unknown.map((key) => unknownKeyProblem(SETTINGS_FILE, `plugins.${plugin.name}.${key}`, known));
}

function pathOf(path: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined): string[] {
  return (path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
}
