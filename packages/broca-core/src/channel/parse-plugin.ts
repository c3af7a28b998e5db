/** Checks the shape of what a plugin gives us: its module once, and the outcome of each hand-over. */

import { failed, ok, type Result } from 'animus-protocol';
import * as v from 'valibot';
import type { DeliveryOutcome } from '../message.ts';
import type { Channel, ChannelPlugin, ComposedPart, StateChanges } from './channel.ts';
import { describeIssues } from './describe-issues.ts';
import { PLUGIN_NAME } from './find.ts';

const aFunction = v.custom<(...args: never[]) => unknown>((value) => typeof value === 'function', 'must be a function');

/** Some libraries (arktype) make schemas that are functions: only the standard's own property counts. */
const standardSchema = v.custom<ChannelPlugin['settings']>((value) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = Reflect.get(value, '~standard');
  if (typeof standard !== 'object' || standard === null) return false;
  return Reflect.get(standard, 'version') === 1 && typeof Reflect.get(standard, 'validate') === 'function';
}, 'must be a Standard Schema, for example one of valibot or zod');

const text = v.pipe(v.string('must be a text'), v.nonEmpty('must not be empty'));
const yesOrNo = v.boolean('must be true or false');
const anObject = 'must be an object';

function between(least: number, most: number, said: string): v.GenericSchema<number> {
  return v.pipe(v.number(said), v.integer(said), v.minValue(least, said), v.maxValue(most, said));
}

const capabilities = {
  idempotent: yesOrNo,
  longestPart: v.nullable(between(1, Number.MAX_SAFE_INTEGER, 'must be a whole number of at least 1, or null')),
  markup: v.picklist(['plain', 'markdown'], 'must be "plain" or "markdown"'),
  atOnce: v.optional(between(1, 64, 'must be a whole number from 1 to 64')),
  keysLastMs: v.optional(v.pipe(v.number('must be milliseconds'), v.minValue(0, 'must be at least 0'))),
};

const plugin = v.object(
  {
    name: v.pipe(text, v.regex(PLUGIN_NAME, 'must be lower case letters, digits and "_", at most 32, a letter first')),
    title: text,
    capabilities: v.object(capabilities, anObject),
    enabledByDefault: yesOrNo,
    environment: v.optional(v.array(text, 'must be a list of texts')),
    settings: standardSchema,
    create: aFunction,
    commands: v.optional(v.record(text, aFunction, anObject)),
    commandLine: v.optional(aFunction),
  },
  anObject,
);

/** Reads an imported module; the error names every member that is wrong. */
export function parsePlugin(module: unknown): Result<ChannelPlugin, string> {
  const exported: unknown = typeof module === 'object' && module !== null ? Reflect.get(module, 'default') : undefined;
  if (exported === undefined) return failed('it has no default export: a plugin is `export default { name, title, … }`');
  return isPlugin(exported) ? ok(exported) : failed(describeFaults(plugin, exported, 'the default export'));
}

const channel = v.object(
  {
    start: aFunction,
    stop: aFunction,
    deliver: aFunction,
    nudge: v.optional(aFunction),
    prepare: v.optional(aFunction),
    compose: v.optional(aFunction),
    working: v.optional(aFunction),
  },
  anObject,
);

/** Reads what `create` returned. */
export function parseChannel(value: unknown): Result<Channel, string> {
  return isChannel(value) ? ok(value) : failed(`create() returned no channel: ${describeFaults(channel, value, 'what it gave back')}`);
}

const reason = v.string();
const deliveryOutcome = v.variant('kind', [
  v.object({ kind: v.literal('delivered'), platformId: v.exactOptional(v.string()) }),
  v.object({ kind: v.literal('retry'), afterMs: v.pipe(v.number(), v.finite(), v.minValue(0)), reason }),
  v.object({ kind: v.literal('refused'), reason }),
  v.object({ kind: v.literal('down'), reason }),
  v.object({ kind: v.literal('uncertain'), reason }),
]);

/** Reads what `deliver` returned. */
export function parseDeliveryOutcome(value: unknown): Result<DeliveryOutcome, string> {
  const parsed = v.safeParse(deliveryOutcome, value);
  return parsed.success ? ok(parsed.output) : failed('the channel gave back no outcome');
}

/** Reads what a plugin wants remembered; a throw is the plugin's. */
export function parseChanges(value: unknown): StateChanges {
  return v.parse(changes, value);
}

const changes = v.record(v.pipe(v.string(), v.nonEmpty(), v.maxLength(512)), v.nullable(v.string()));
const composed = v.array(v.object({ text: v.string(), form: v.nullable(v.string()) }));

/** Reads what `compose` returned. */
export function parseComposed(value: unknown): Result<ComposedPart[], string> {
  const parsed = v.safeParse(composed, value);
  return parsed.success ? ok(parsed.output) : failed(`compose() returned no parts: ${v.summarize(parsed.issues)}`);
}

function isPlugin(value: unknown): value is ChannelPlugin {
  return v.is(plugin, value);
}

function isChannel(value: unknown): value is Channel {
  return v.is(channel, value);
}

function describeFaults(schema: v.GenericSchema, value: unknown, whole: string): string {
  return describeIssues(v.safeParse(schema, value).issues ?? [], whole);
}
