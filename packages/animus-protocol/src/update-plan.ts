/**
 * What an update writes down in the agent's folder while a release is being tried out. The supervisor that
 * switches writes it before `releases/current`; a Broca that finds itself named as `to` is on probation: it opens
 * its database and says that it is ready, but takes nothing in and sends nothing out until the file is gone.
 *
 *     .update/plan.json   {"from":"<release>","to":"<release>",…}
 */
import * as v from 'valibot';
import { failed, ok, type Result } from './result.ts';

/** Relative to the agent's folder. */
export const UPDATE_PLAN = '.update/plan.json';

export type UpdatePlan = {
  /** Names of folders in `releases/`. */
  from: string;
  to: string;
};

/** More may be written in it; both programs read this much. */
const updatePlan: v.GenericSchema<unknown, UpdatePlan> = v.object({ from: v.string(), to: v.string() });

export function parseUpdatePlan(text: string): Result<UpdatePlan, string> {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), updatePlan), text);
  return parsed.success ? ok(parsed.output) : failed(v.summarize(parsed.issues));
}
