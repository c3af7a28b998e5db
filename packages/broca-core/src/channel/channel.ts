/**
 * The channel port: a way to talk, as a plugin. A plugin is a module whose default export is a
 * `ChannelPlugin`. docs/channels.md is the guide for people who write one.
 */

import type { Result } from 'animus-protocol';
import type { AttachmentReceipt, AttachmentSource, DeliveryOutcome, Inbound, Part, Receipt, Sender } from '../message.ts';
import type { StandardSchemaV1 } from '../standard-schema.ts';

export type ChannelCapabilities = {
  /** The platform (or the channel) drops a second part with the same key: a part without answer is sent again. */
  idempotent: boolean;
  /** Longest part in UTF-16 units; null when any length is taken. */
  longestPart: number | null;
  /** What the text of a part may contain. */
  markup: 'plain' | 'markdown';
  /**
   * How many parts an idempotent channel is given together, each with a `prepare` and `deliver` of its own: side by
   * side where they go to different chats, one after the other within a chat. 1 when left out. For a channel that
   * answers at once; the slowest of them holds the next.
   */
  atOnce?: number;
  /** How long the platform surely remembers a part's key after it first saw it, in ms; for ever when left out. */
  keysLastMs?: number;
};

/** Key → value; null removes it. */
export type StateChanges = Readonly<Record<string, string | null>>;

/** What a channel remembers, in the agent's database: small values under keys of its own. */
export type ChannelState = {
  get(key: string): string | null;
  /** Those whose key begins with `prefix`, in the order of their keys. */
  list(prefix: string): [key: string, value: string][];
  /** Durable when it returns true. False: it could not be stored now (disk full), and nothing was changed. */
  put(changes: StateChanges): boolean;
};

/** A piece of a text as the channel will deliver it: what a person reads, and anything else that `deliver` needs. */
export type ComposedPart = { text: string; form: string | null };

export type ChannelLog = {
  info(event: string, fields?: Record<string, unknown>): void;
  warn(event: string, fields?: Record<string, unknown>): void;
  error(event: string, fields?: Record<string, unknown>): void;
};

/** What a channel is given. It reaches nothing else of Broca. */
export type ChannelContext = {
  /** This plugin's settings, already parsed by its schema. */
  settings: unknown;
  /** Value of a key of the agent's `.env`; only keys that `ChannelPlugin.environment` names. */
  environment(key: string): string | undefined;
  /** The agent's folder, absolute. */
  folder: string;
  log: ChannelLog;
  /** Stores a message. Synchronous and durable when it returns `stored`: acknowledge to the platform only then. */
  receive(inbound: Inbound): Receipt;
  /**
   * Stores several in one go, which is a fraction of the work; a receipt for each, in order. `changes` are made in the
   * same transaction: how far the platform was read, for example. They are not made when any receipt is `unavailable`.
   */
  receiveAll(inbounds: readonly Inbound[], changes?: StateChanges): Receipt[];
  state: ChannelState;
  /** Whether messages of this sender are refused (`broca ignore`): ask before saying anything to strangers. */
  isIgnored(sender: Sender): boolean;
  /**
   * Keeps a file that came with a message, before the message is handed over with the attachment it gives. The same
   * content may be stored again and again. Never rejects. `name`: as its sender calls it.
   */
  storeAttachment(source: AttachmentSource, about?: { name?: string }): Promise<AttachmentReceipt>;
  /**
   * Says that the channel can send (again), or cannot and why. Shown in health; `up` wakes waiting parts. With `up` the
   * reason is something its owner should know all the same.
   */
  setState(state: 'up' | 'down', reason?: string): void;
};

export type Channel = {
  /**
   * Begins intake. Rejects only when it can never run as configured; being unreachable is `setState('down')`.
   * A channel that has said nothing when this resolves counts as up.
   */
  start(): Promise<void>;
  /** Ends intake and lets a running `deliver` finish. */
  stop(): Promise<void>;
  /** Something is new for it (a file in the spool's inbox): look now. */
  nudge?(): void;
  /**
   * Makes a part ready on this side, before its sending is recorded (the spool's temp file). Must be repeatable.
   * Rejects when it could not: nothing was sent, and it is asked again later.
   */
  prepare?(part: Part): Promise<void>;
  /**
   * Makes the parts of one text of a reply, before they are stored and get their keys. It must not wait, and gives the
   * same for the same text. Without it a text is split at `longestPart`; also when it throws.
   */
  compose?(text: string): readonly ComposedPart[];
  /** The agent begins to work on an answer in this chat; `over` aborts when it has ended. Must return at once. */
  working?(where: { account: string; chat: string }, over: AbortSignal): void;
  /** Hands one part over. `part.firstSentAt` is not null when it may have been handed over before. */
  deliver(part: Part, signal: AbortSignal): Promise<DeliveryOutcome>;
};

export type ChannelPlugin = {
  /** Name in settings (`plugins.<name>`), in the database and in health: lower case letters, digits, `_`. */
  name: string;
  /** The platform's name as the agent reads it: `[Username: @u, <title> ID: 1]`. */
  title: string;
  capabilities: ChannelCapabilities;
  /** Whether it runs when settings do not mention it. */
  enabledByDefault: boolean;
  /** Keys of `.env` it may read. */
  environment?: readonly string[];
  /** Any Standard Schema (valibot, zod, arktype …) for `plugins.<name>`, without `enabled`. */
  settings: StandardSchemaV1;
  create(context: ChannelContext): Channel;
  /**
   * What can be asked of it, by name. A running Broca answers; when none runs, `broca` itself does. Arguments come from a
   * socket or a command line: each parses its own. The error is for a person.
   */
  commands?: Readonly<Record<string, ChannelCommand>>;
  /** Loads what reads `broca <name> …` and `animus <name> <agent> …`. */
  commandLine?(): Promise<ChannelCommandLine>;
};

export type ChannelCommandContext = {
  /** As `create` gets them; null when they are wrong. */
  settings: unknown;
  state: ChannelState;
  environment(key: string): string | undefined;
  folder: string;
  /** What `create` made, while it runs; null when no Broca runs, or it runs without this channel. */
  channel: Channel | null;
  now(): number;
  /** Aborts when whoever asked is gone. */
  signal: AbortSignal;
};

export type ChannelCommand = (args: Record<string, unknown>, context: ChannelCommandContext) => Promise<Result<unknown, string>>;

/** Reads the words behind the plugin's name, and gives an exit code. */
export type ChannelCommandLine = (words: readonly string[], tools: ChannelCommandTools) => Promise<number>;

export type ChannelCommandTools = {
  /** The agent's folder, absolute. */
  folder: string;
  environment(key: string): string | undefined;
  /** This plugin's settings as far as they are right; the error names what is wrong. */
  settings: Result<unknown, string>;
  /** Whether settings switch it on; null when they do not say. */
  isEnabled: boolean | null;
  /** Changes `plugins.<name>.<key>` in settings.json; a running Broca applies it. */
  setSetting(key: string, value: unknown): Promise<Result<unknown, string>>;
  /** Runs one of the plugin's commands. */
  ask(command: string, args: Record<string, unknown>): Promise<Result<unknown, string>>;
  terminal: CommandTerminal;
};

export type CommandTerminal = {
  /** What was asked for, and nothing else. */
  out(text: string): void;
  /** Everything a person should know besides. Commands in it are shown as this person types them. */
  err(text: string): void;
  /** A person sits at it: they can be asked. */
  isInteractive: boolean;
  /** Asks on the terminal; null when it was closed or broken off. `isSecret`: what is typed is not shown. */
  question(prompt: string, isSecret?: boolean): Promise<string | null>;
  /** Lines of standard input, each as it comes. */
  lines(): AsyncIterable<string>;
};
