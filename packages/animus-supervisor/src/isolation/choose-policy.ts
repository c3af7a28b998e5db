/** Which isolation an agent gets: what its configuration wishes for, and what this machine can do. */
import { failed, type Isolation, type IsolationWish, keepsApart, ok, type Result } from 'animus-protocol';
import type { System } from './sandbox-policy.ts';

/** What a try on this machine has shown. */
export type SandboxProbe = { works: true; program: string; version: string; system: System } | { works: false; reason: string };

export type IsolationRequest = { wish: IsolationWish; hasUser: boolean; sandbox: SandboxProbe };

/** The error is why the agent does not start, and what helps. */
export function chooseIsolation({ wish, hasUser, sandbox }: IsolationRequest): Result<Isolation, string> {
  if (wish === 'off') return ok(hasUser ? 'user' : 'none');
  const strongest = sandbox.works ? (hasUser ? 'bwrap+user' : 'bwrap') : hasUser ? 'user' : 'permission';
  if (wish === 'auto' || keepsApart(strongest)) return ok(strongest);
  const why = sandbox.works ? '' : sandbox.reason;
  return failed(
    `isolation is required, and this machine gives none: ${why}. Mend that and start the supervisor anew, give the agent a user of its own (as root), or write isolation "auto" in animus.config.json`,
  );
}
