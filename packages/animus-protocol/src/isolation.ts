/**
 * How far a Broca is shut in, weakest first. Each holds on to what the one before it does:
 *
 *     none         a clean environment, umask 077, a session and a process group of its own
 *     permission   Node's permission model besides: a guard against accidents, which an addon walks around
 *     bwrap        a bubblewrap sandbox: nothing of other agents is there, no file, no process, no socket
 *     bwrap+user   a Unix user of its own in there: the machine takes it for somebody else than you
 */
export const ISOLATIONS = ['none', 'permission', 'bwrap', 'bwrap+user'] as const;
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
