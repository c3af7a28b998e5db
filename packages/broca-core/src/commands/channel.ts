/** `channel.ask`: one of a plugin's own commands, answered by the running channel or, when it does not run, by its plugin alone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { failed, readBrocaConfig } from 'animus-protocol';
import * as v from 'valibot';
import { runPluginCommand } from '../channel/guard.ts';
import { importPluginNamed, parsePluginSettings } from '../channel/load.ts';
import { createChannelStates } from '../channel/state.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import { command } from './define.ts';

const schema = v.strictObject({ channel: v.string(), command: v.string(), args: v.optional(v.record(v.string(), v.unknown()), {}) });

export const channelAsk: BrocaCommand = command(schema, async (asked, { store, folder, live, now, signal }: CommandContext) => {
  const running = live?.channel(asked.channel) ?? null;
  if (running !== null) return await running.command(asked.command, asked.args, { now, signal });
  const plugin = await importPluginNamed(asked.channel, { folder, releaseFolder: releaseFolder() });
  if (plugin === null) return failed(`there is no channel ${asked.channel}`);
  if (!plugin.ok) return plugin;
  const readable = new Set(plugin.value.environment ?? []);
  const { config } = readBrocaConfig(folder);
  const values = config?.environment ?? {};
  const settings = await parsePluginSettings(plugin.value, config?.plugins[asked.channel]?.settings ?? {});
  return await runPluginCommand(plugin.value, asked.command, asked.args, {
    settings: settings.ok ? settings.value : null,
    state: createChannelStates(store, () => undefined).of(asked.channel),
    environment: (key) => (readable.has(key) ? values[key] : undefined),
    folder,
    channel: null,
    now,
    signal,
  });
});

/** Folder of the release this program is part of; null for a checkout. */
export function releaseFolder(): string | null {
  return existsSync(join(import.meta.dirname, 'release.json')) ? import.meta.dirname : null;
}
