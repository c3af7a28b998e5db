/** Which channels Broca last ran with, kept in the database: a command that sends while no Broca runs must know what they take. */
import * as v from 'valibot';
import { readFact, writeFact } from '../store/facts.ts';
import type { Store } from '../store/open.ts';
import type { LoadedChannel } from './guard.ts';

/** Name → its longest part; null when it takes any. */
export type RememberedChannels = ReadonlyMap<string, number | null>;

const fact = v.record(v.string(), v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))));

export function rememberedChannels(store: Store): RememberedChannels {
  const text = readFact(store, 'channels');
  return new Map(text === null ? [] : Object.entries(v.parse(fact, JSON.parse(text))));
}

/** A channel that failed to load keeps what was known of it: it may work again at the next start. */
export function rememberChannels(store: Store, channels: readonly LoadedChannel[]): void {
  const before = rememberedChannels(store);
  const now = channels.flatMap(({ name, capabilities }): [string, number | null][] => {
    if (capabilities !== null) return [[name, capabilities.longestPart]];
    const known = before.get(name);
    return known === undefined ? [] : [[name, known]];
  });
  const text = JSON.stringify(Object.fromEntries(now.sort(([one], [other]) => (one < other ? -1 : 1))));
  if (text !== readFact(store, 'channels')) writeFact(store, 'channels', text);
}
