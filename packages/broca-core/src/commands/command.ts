/**
 * What a Broca's own commands are: named functions over the database. A running Broca answers them on
 * its socket; with none running, `broca <command>` takes the folder's lock and runs the same function.
 */
import type { Result } from 'animus-protocol';
import type { ComposedPart } from '../channel/channel.ts';
import type { LoadedChannel } from '../channel/guard.ts';
import type { Inbound, Receipt } from '../message.ts';
import type { TurnEvents } from '../queue/turn-events.ts';
import type { Store } from '../store/open.ts';

/** The running Broca, as its commands may use it. */
export type LiveBroca = {
  receive(inbound: Inbound): Receipt;
  events: TurnEvents;
  /** Turns or settings were changed by a command: look again now. */
  wake(): void;
  reload(): void;
  /** The disk is full: what room is left is kept for what is under way. */
  isShort(): boolean;
  /** Null when it does not run with this channel. */
  channel(name: string): LoadedChannel | null;
  /** The parts that a text becomes in this channel. */
  compose(channel: string, text: string): readonly (string | ComposedPart)[];
};

export type CommandContext = {
  store: Store;
  /** The agent's folder, absolute. */
  folder: string;
  now(): number;
  /** Null when no Broca runs. */
  live: LiveBroca | null;
  signal: AbortSignal;
};

/** `args` come from a socket or a command line: each command parses its own. The error is for a person. */
export type BrocaCommand = (args: Record<string, unknown>, context: CommandContext) => Promise<Result<unknown, string>>;
