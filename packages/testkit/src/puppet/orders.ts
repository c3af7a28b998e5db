/** What a stage tells a puppet and hears from it, one JSON value a line (animus-protocol's framing). */
import type { ClientFrame } from 'animus-protocol';
import * as v from 'valibot';

/** How far a child gets away from its parent. */
export const STRAYING = ['not', 'session', 'cleared'] as const;
export type Straying = (typeof STRAYING)[number];

export type PuppetOrder =
  | { do: 'ready' }
  | { do: 'beat' }
  | { do: 'exit'; code: number }
  /** Ends by SIGABRT, as an exhausted heap does. */
  | { do: 'abort' }
  /** Takes memory outside the heap and keeps it. */
  | { do: 'hold'; megabytes: number }
  /** Fills the JavaScript heap until V8 gives up. */
  | { do: 'fill-heap' }
  /** Blocks the event loop for good. */
  | { do: 'hang' }
  /** Hears a stop, but does not act on it. */
  | { do: 'ignore-stop' }
  | { do: 'ignore-sigterm' }
  /** Starts a child that ignores SIGTERM: in the same group, in a session of its own, or there without anything in its environment. */
  | { do: 'grandchild'; strays: Straying }
  | { do: 'print'; text: string }
  /** Says that it stops by itself, and does. */
  | { do: 'leave'; reason: string };

export type PuppetSaying =
  | { say: 'up'; agent: string; pid: number; nonce: string | null }
  | { say: 'heard'; frame: ClientFrame }
  | { say: 'grandchild'; pid: number }
  /** An order that leaves it alive was carried out. */
  | { say: 'done'; order: PuppetOrder['do'] };

/** `puppet.json` in the agent's folder. */
export type PuppetSettings = {
  /** The stage's socket. */
  stage: string;
  /** Whether it is ready by itself. */
  isReady: boolean;
  /** Version of the worker link that it says it speaks, and its own with it; ours when left out. */
  protocol?: number;
};

const order = v.variant('do', [
  v.object({ do: v.picklist(['ready', 'beat', 'abort', 'fill-heap', 'hang', 'ignore-stop', 'ignore-sigterm']) }),
  v.object({ do: v.literal('grandchild'), strays: v.picklist(STRAYING) }),
  v.object({ do: v.literal('exit'), code: v.number() }),
  v.object({ do: v.literal('hold'), megabytes: v.number() }),
  v.object({ do: v.literal('print'), text: v.string() }),
  v.object({ do: v.literal('leave'), reason: v.string() }),
]);
const saying = v.variant('say', [
  v.object({ say: v.literal('up'), agent: v.string(), pid: v.number(), nonce: v.nullable(v.string()) }),
  v.object({
    say: v.literal('heard'),
    frame: v.custom<ClientFrame>((value) => typeof value === 'object' && value !== null && 'type' in value),
  }),
  v.object({ say: v.literal('grandchild'), pid: v.number() }),
  v.object({ say: v.literal('done'), order: v.custom<PuppetOrder['do']>((value) => typeof value === 'string') }),
]);
const settings = v.object({ stage: v.string(), isReady: v.boolean(), protocol: v.exactOptional(v.number()) });

/** Both sides are ours and of one version: a frame that does not parse is a bug, and thrown. */
export const parseOrder = (value: unknown): PuppetOrder => v.parse(order, value);
export const parseSaying = (value: unknown): PuppetSaying => v.parse(saying, value);
export const parseSettings = (text: string): PuppetSettings => v.parse(settings, JSON.parse(text));
