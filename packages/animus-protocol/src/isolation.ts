/**
 * How far a Broca is shut in, weakest first. Each holds on to what the one before it does, but `bwrap` does without
 * a user of its own:
 *
 *     none         a clean environment, umask 077, a session and a process group of its own
 *     permission   Node's permission model besides: a guard against accidents, which an addon walks around
 *     user         a Unix user of its own: the kernel keeps it out of what belongs to others
 *     bwrap        a bubblewrap sandbox: nothing of other agents is there, no file, no process, no socket
 *     bwrap+user   both
 */
export const ISOLATIONS = ['none', 'permission', 'user', 'bwrap', 'bwrap+user'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** Whether the kernel keeps the agent apart, so that hostile code in it reaches no other: what `isolation: "require"` asks for. */
export function keepsApart(isolation: Isolation): boolean {
  return isolation !== 'none' && isolation !== 'permission';
}

/** The weakest of some; null of none. */
export function weakestIsolation(all: readonly Isolation[]): Isolation | null {
  return ISOLATIONS.find((each) => all.includes(each)) ?? null;
}

/**
 * How all processes that a Broca started are found when it ends: `namespace` and `cgroup` are the kernel's own and miss
 * none; `marker` looks for a variable in the environment of every process, and misses one that cleared it.
 */
export const TREE_HOLDS = ['namespace', 'cgroup', 'marker'] as const;
export type TreeHold = (typeof TREE_HOLDS)[number];
