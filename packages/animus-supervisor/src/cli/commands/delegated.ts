/** The commands that an agent's own Broca answers, so that their version always fits the agent's. */
import type { DelegatedCommand } from '../command.ts';

export const send: DelegatedCommand = {
  kind: 'delegated',
  name: 'send',
  summary: 'Send an agent a message and print its reply',
  usage: '"text" [--attach FILE] [--timeout S] [--no-wait] [--json]',
  examples: [{ line: 'animus send 7216 "Good morning"', effect: 'prints the reply and nothing else' }],
};

export const chat: DelegatedCommand = {
  kind: 'delegated',
  name: 'chat',
  summary: 'Talk to an agent in the terminal',
  usage: '[options]',
  examples: [{ line: 'animus chat 7216', effect: 'each line is a message; Ctrl-D ends it' }],
};

export const queue: DelegatedCommand = {
  kind: 'delegated',
  name: 'queue',
  summary: "Look at an agent's waiting messages: list, stats, show, flush, retry, settle, delete",
  usage: 'list|stats|show|flush|retry|settle|delete [options]',
  examples: [{ line: 'animus queue 7216 list', effect: 'what waits, runs or is parked' }],
};

export const users: DelegatedCommand = {
  kind: 'delegated',
  name: 'users',
  summary: 'The people an agent talks to: list, get, conversations, activate, deactivate',
  usage: 'list|get|conversations|activate|deactivate [options]',
  examples: [{ line: 'animus users 7216 list', effect: 'everybody who ever wrote to it' }],
};

export const conversations: DelegatedCommand = {
  kind: 'delegated',
  name: 'conversations',
  summary: 'What was said: list, get',
  usage: 'list|get [options]',
  examples: [{ line: 'animus conversations 7216 list', effect: 'the newest first' }],
};

export const settings: DelegatedCommand = {
  kind: 'delegated',
  name: 'settings',
  summary: "Read and change an agent's settings: show, get, set, validate",
  usage: 'show|get|set|validate [options]',
  examples: [{ line: 'animus settings 7216 set message_mode live', effect: 'takes effect while it runs' }],
};

export const ignore: DelegatedCommand = {
  kind: 'delegated',
  name: 'ignore',
  summary: 'Whose messages an agent does not take: add, remove, list',
  usage: 'add|remove|list [options]',
  examples: [{ line: 'animus ignore 7216 list', effect: 'who is ignored' }],
};

export const outbound: DelegatedCommand = {
  kind: 'delegated',
  name: 'outbound',
  summary: 'Write to people who did not ask (settings: outbound.enabled)',
  usage: 'send --user WHOM|--chat CHAT --channel NAME --text TEXT [--dry-run] [--idempotency-key KEY] [--wait] [--json]',
  examples: [
    {
      line: 'animus outbound 7216 send --user @ada --channel telegram --text "The report is ready"',
      effect: 'goes to the chat Ada last wrote in',
    },
  ],
};

export const telegram: DelegatedCommand = {
  kind: 'delegated',
  name: 'telegram',
  summary: "An agent's Telegram: login, logout, whoami, status, pair",
  usage: 'login|logout|whoami|status|pair [options]',
  examples: [
    { line: 'animus telegram 7216 login', effect: 'asks for what it needs, and says who may talk to the agent' },
    { line: 'animus telegram 7216 pair approve ABCD-EFGH', effect: 'lets in whoever has this code' },
  ],
};
