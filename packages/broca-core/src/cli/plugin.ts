/** `broca <plugin> …`: what a channel's own plugin reads, such as `broca telegram login`. */
import { resolve } from 'node:path';
import { EXIT, type ExitCode, failed, formatProblem, type Result, readBrocaConfig } from 'animus-protocol';
import type { ChannelCommandTools, ChannelPlugin } from '../channel/channel.ts';
import { PLUGIN_NAME } from '../channel/find.ts';
import { importPluginNamed, parsePluginSettings } from '../channel/load.ts';
import { releaseFolder } from '../commands/channel.ts';
import { folderFault } from '../folder-fault.ts';
import { askBroca } from './ask.ts';
import { isGroup } from './groups.ts';
import type { Terminal } from './terminal.ts';

/** Null when the words are for no plugin. */
export async function runPluginCommandLine(argv: readonly string[], terminal: Terminal): Promise<ExitCode | null> {
  const { name, words, folder } = takeApart(argv);
  if (name === undefined || !PLUGIN_NAME.test(name) || isGroup(name) || name === 'run') return null;
  const plugin = await importPluginNamed(name, { folder, releaseFolder: releaseFolder() });
  if (plugin === null) return null;
  if (!plugin.ok) {
    terminal.err(`broca: ${plugin.error}\n`);
    return EXIT.failed;
  }
  if (plugin.value.commandLine === undefined) return null;
  const fault = folderFault(folder);
  if (fault !== null && !words.includes('--help') && words.length > 0) {
    terminal.err(`broca: ${fault}\n`);
    return EXIT.failed;
  }
  const read = await plugin.value.commandLine();
  return (await read(words, await toolsFor(plugin.value, folder, terminal))) as ExitCode;
}

/** The plugin's name is the first word; `--folder DIR` may stand anywhere. */
function takeApart(argv: readonly string[]): { name: string | undefined; words: string[]; folder: string } {
  const words = [...argv];
  const at = words.findIndex((word) => word === '--folder' || word.startsWith('--folder='));
  const [flag = '', value = '.'] = at === -1 ? [] : words.splice(at, words[at] === '--folder' ? 2 : 1);
  const folder = flag.startsWith('--folder=') ? flag.slice('--folder='.length) : value;
  return { name: words[0], words: words.slice(1), folder: resolve(folder) };
}

async function toolsFor(plugin: ChannelPlugin, folder: string, terminal: Terminal): Promise<ChannelCommandTools> {
  const { config } = readBrocaConfig(folder);
  const readable = new Set(plugin.environment ?? []);
  const { name } = plugin;
  return {
    folder,
    environment: (key) => (readable.has(key) ? config?.environment[key] : undefined),
    settings:
      config === null
        ? failed('the configuration cannot be used: broca settings validate')
        : await readSettings(plugin, config.plugins[name]?.settings ?? {}),
    isEnabled: config?.plugins[name]?.enabled ?? null,
    setSetting: async (key, value) =>
      await askBroca(folder, 'settings.set', { key: `plugins.${name}.${key}`, value: JSON.stringify(value) }),
    ask: async (command, args) => await askBroca(folder, 'channel.ask', { channel: name, command, args }),
    terminal: {
      out: (text) => terminal.out(text),
      err: (text) => terminal.err(text),
      isInteractive: terminal.isKeyboard,
      question: async (prompt, isSecret = false) => await terminal.question(prompt, isSecret),
      lines: () => terminal.lines(''),
    },
  };
}

async function readSettings(plugin: ChannelPlugin, written: Record<string, unknown>): Promise<Result<unknown, string>> {
  const parsed = await parsePluginSettings(plugin, written);
  return parsed.ok ? parsed : failed(parsed.error.map(formatProblem).join('; '));
}
