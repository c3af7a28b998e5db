/** `plugins` of settings.json and of the fleet's defaults, put together: what each plugin is given, and the mode of its channel. */
import type { Environment } from './environment.ts';
import type { Mode, PluginSettings } from './settings.ts';

export type PluginConfig = {
  /** null: the settings do not say; the plugin's own default counts. */
  enabled: boolean | null;
  settings: Record<string, unknown>;
};

/** In order of precedence. */
export type PluginFiles = {
  own: Record<string, PluginSettings>;
  environment: Environment;
  fleet: Record<string, PluginSettings>;
};

/** The mode of all channels, and those that have one of their own. */
export type Modes = { mode: Mode; channelModes: Readonly<Record<string, Mode>> };

type Origin = 'settings.json' | '.env' | 'fleet defaults';
export type ModeCandidate = { value: Mode | undefined; origin: Origin; key: string };

/** Setting by setting: the agent's own over the fleet's. `origins`: where each was found, by its name in settings.json. */
export function mergePlugins({ own, fleet }: PluginFiles, origins: Record<string, string>): Record<string, PluginConfig> {
  const plugins: Record<string, PluginConfig> = {};
  for (const [origin, from] of [
    ['fleet defaults', fleet],
    ['settings.json', own],
  ] as const) {
    for (const [name, given] of Object.entries(from)) {
      const { enabled, message_mode: _mode, ...settings } = given;
      const former = plugins[name];
      plugins[name] = { enabled: enabled ?? former?.enabled ?? null, settings: { ...former?.settings, ...settings } };
      for (const key of Object.keys(given)) origins[`plugins.${name}.${key}`] = origin;
    }
  }
  return plugins;
}

/** The original's own word for its one channel. */
const IN_ENVIRONMENT: Readonly<Record<string, 'TELEGRAM_MESSAGE_MODE'>> = { telegram: 'TELEGRAM_MESSAGE_MODE' };

/** `choose` takes the first of the candidates that says anything; the modes of channels that have one of their own. */
export function mergeModes(
  { own, environment, fleet }: PluginFiles,
  choose: (name: string, candidates: readonly ModeCandidate[]) => Mode | null,
): Record<string, Mode> {
  const names = new Set([...Object.keys(own), ...Object.keys(IN_ENVIRONMENT), ...Object.keys(fleet)]);
  const modes: Record<string, Mode> = {};
  for (const name of names) {
    const key = `plugins.${name}.message_mode`;
    const inEnvironment = IN_ENVIRONMENT[name];
    const candidates: ModeCandidate[] = [
      { value: own[name]?.message_mode, origin: 'settings.json', key },
      ...(inEnvironment === undefined ? [] : [{ value: environment[inEnvironment], origin: '.env' as const, key: inEnvironment }]),
      { value: fleet[name]?.message_mode, origin: 'fleet defaults', key },
    ];
    if (candidates.every(({ value }) => value === undefined)) continue;
    const mode = choose(key, candidates);
    if (mode !== null) modes[name] = mode;
  }
  return modes;
}

export function modeOf({ mode, channelModes }: Modes, channel: string): Mode {
  return Object.hasOwn(channelModes, channel) ? (channelModes[channel] ?? mode) : mode;
}
