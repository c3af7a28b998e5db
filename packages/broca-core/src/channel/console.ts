/**
 * The console: `animus send`, `animus chat`, `broca send`, `broca chat`. Messages come in through the
 * command `console.send`; replies need no sending, they stay in the database where the waiting client
 * and `conversations get` read them. So a part is delivered as soon as it is its turn.
 */
import * as v from 'valibot';
import type { ChannelPlugin } from './channel.ts';

export const CONSOLE_CHANNEL = 'console';
export const CONSOLE_DEFAULT_CHAT = 'main';

export const consolePlugin: ChannelPlugin = {
  name: CONSOLE_CHANNEL,
  title: 'Console',
  capabilities: { idempotent: true, longestPart: null, markup: 'markdown', atOnce: 32 },
  enabledByDefault: true,
  settings: v.object({}),
  create: () => ({
    start: async () => undefined,
    stop: async () => undefined,
    deliver: async () => ({ kind: 'delivered' }),
  }),
};
