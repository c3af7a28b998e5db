/** The Telegram channel as a plugin of Broca. Nothing of Telegram's library is loaded before the channel connects. */
import type { ChannelPlugin } from 'broca-core';
import { TelegramChannel } from './channel.ts';
import { commands } from './cli/commands.ts';
import { LONGEST_MESSAGE } from './markdown/split-policy.ts';
import { TELEGRAM_KEYS, telegramSettings } from './settings.ts';

/**
 * How long Telegram surely remembers a message's random_id. It publishes no time; what is resent within minutes it has
 * always known (measured by others for hours), so that an hour is on the safe side.
 */
const KEYS_LAST_MS = 60 * 60_000;

const plugin: ChannelPlugin = {
  name: 'telegram',
  title: 'Telegram',
  capabilities: { idempotent: true, longestPart: LONGEST_MESSAGE, markup: 'markdown', atOnce: 8, keysLastMs: KEYS_LAST_MS },
  enabledByDefault: false,
  environment: TELEGRAM_KEYS,
  settings: telegramSettings,
  create: (context) => new TelegramChannel(context),
  commands,
  commandLine: async () => (await import('./cli/command-line.ts')).runCommandLine,
};

export default plugin;
