/** Which isolation an agent gets: what its configuration wishes for, and what this machine can do. */
import { failed, type Isolation, type IsolationWish, ok, type Result } from 'animus-protocol';
import type { System } from './sandbox-policy.ts';

/** What a try on this machine has shown. */
export type SandboxProbe =
  | {
      works: true;
      program: string;
      version: string;
      system: System;
      /** Each sandbox is a user namespace of its own, in which the kernel counts processes apart from all others. */
      countsProcesses: boolean;
    }
  | { works: false; reason: string };

export type IsolationRequest = { wish: IsolationWish; hasUser: boolean; sandbox: SandboxProbe };

/** The error is why the agent does not start, and what helps. */
export function chooseIsolation({ wish, hasUser, sandbox }: IsolationRequest): Result<Isolation, string> {
  if (hasUser && wish === 'off') return failed('a user of its own needs the sandbox, and isolation is "off": take one of the two away');
  if (wish === 'off') return ok('none');
  if (sandbox.works) return ok(hasUser ? 'bwrap+user' : 'bwrap');
  const help = 'Mend that and start the supervisor anew';
  // Without a sandbox another user cannot even enter the home.
  if (hasUser)
    return failed(`a user of its own needs a sandbox, and this machine gives none: ${sandbox.reason}. ${help}, or take "user" away`);
  if (wish === 'auto') return ok('permission');
  return failed(
    `isolation is required, and this machine gives none: ${sandbox.reason}. ${help}, or write isolation "auto" in animus.config.json`,
  );
}
