/** What a change of animus.config.json means for a Broca that runs: applied to it as it is, or by a new process. Pure. */
import { DEFAULT_SUPERVISION, fingerprint, type Supervision } from 'animus-protocol';

/** What a process is started with and cannot change later, by the key a person knows. */
function launchPart({ environment, nodeOptions, isolation, user, processes }: Supervision): Record<string, string | undefined> {
  const variables = Object.entries(environment).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    environment: JSON.stringify(variables),
    node_options: nodeOptions.join(' '),
    isolation,
    user: JSON.stringify(user),
    // Left out where it is as ever: an older supervisor's mark, which knows nothing of it, must stay the same.
    processes: processes === DEFAULT_SUPERVISION.processes ? undefined : JSON.stringify(processes),
  };
}

/** By this it is known later whether a process was started with the same; it shows nothing of the values. */
export function launchMark(supervision: Supervision): string {
  return fingerprint(JSON.stringify(launchPart(supervision)));
}

/** The keys that need a new process. */
export function changedLaunchKeys(before: Supervision, after: Supervision): string[] {
  const [old, now] = [launchPart(before), launchPart(after)];
  return Object.keys(now).filter((key) => old[key] !== now[key]);
}
