/** Makes commands: arguments parsed before use, a storage fault told as an error, instants as text in UTC. */

import { failed, type Result } from 'animus-protocol';
import * as v from 'valibot';
import { storageFault } from '../store/open.ts';

type Outcome = Result<unknown, string>;

/** `C` is what the command needs of its context; all of it where the store is used. */
export function command<S extends v.GenericSchema, C>(
  schema: S,
  run: (args: v.InferOutput<S>, context: C) => Outcome | Promise<Outcome>,
): (args: Record<string, unknown>, context: C) => Promise<Outcome> {
  return async (args, context) => {
    const parsed = v.safeParse(schema, args);
    if (!parsed.success) return failed(parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'arguments'}: ${issue.message}`).join('; '));
    try {
      return await run(parsed.output, context);
    } catch (error) {
      const fault = storageFault(error);
      if (fault === null) throw error;
      return failed(`nothing was changed: ${fault}`);
    }
  };
}

/** How many rows a list gives at most. */
export const limit: v.GenericSchema<number> = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000));

/** Number of a turn, user or conversation. */
export const rowId: v.GenericSchema<number> = v.pipe(
  v.number('must be a number'),
  v.integer('must be a whole number'),
  v.minValue(1, 'must be 1 or more'),
);

export function instant(ms: number): string;
export function instant(ms: number | null): string | null;
export function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
