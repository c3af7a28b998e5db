/** Why a Broca is dead that nobody asked to end: told apart once, here, then kept, counted and shown. */
import type { DeathKind } from 'animus-protocol';

/** How a process ended. A shell's 128 + n is read as signal n. */
export type Exit =
  | { kind: 'exited'; code: number }
  | { kind: 'signalled'; signal: string }
  /** V8 aborted because its heap was full, or the kernel killed it because memory was. */
  | { kind: 'out-of-memory'; by: 'heap' | 'kernel' }
  /** It is gone and nobody wrote down how: it and its shim were killed while no supervisor ran. */
  | { kind: 'unknown' };

export type Death = { kind: DeathKind; how: string };

export function deathOf(exit: Exit): Death {
  switch (exit.kind) {
    case 'exited':
      return { kind: 'code', how: `exited with code ${exit.code}` };
    case 'signalled':
      return { kind: 'signal', how: exit.signal === 'SIGABRT' ? 'aborted (SIGABRT)' : `was killed by ${exit.signal}` };
    case 'out-of-memory':
      return { kind: 'out-of-memory', how: exit.by === 'heap' ? HEAP_FULL : 'was killed when the kernel had run out of memory' };
    case 'unknown':
      return { kind: 'unseen', how: 'ended while nobody watched' };
  }
}

const HEAP_FULL = 'ran out of memory: its JavaScript heap was full (memory_megabytes in animus.config.json says how much it may have)';

/** What V8 prints before it aborts (node 24: "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"). */
const HEAP_WORDS = /^FATAL ERROR: .*(?:heap out of memory|Allocation failed|invalid array length Allocation)/m;

/**
 * @param exit  as its parent saw it
 * @param readCrash  gives what it printed last, or null when that is not known
 * @param isKernelShort  whether the kernel killed somebody for memory just now
 */
export function tellOutOfMemory(exit: Exit, readCrash: () => string | null, isKernelShort: () => boolean): Exit {
  if (exit.kind !== 'signalled') return exit;
  // 139 where Broca is the first process of its namespace: abort(3) has no default action there.
  const isAborted = exit.signal === 'SIGABRT' || exit.signal === 'SIGSEGV' || exit.signal === 'SIGTRAP' || exit.signal === 'SIGILL';
  if (isAborted && HEAP_WORDS.test(readCrash() ?? '')) return { kind: 'out-of-memory', by: 'heap' };
  if (exit.signal === 'SIGKILL' && isKernelShort()) return { kind: 'out-of-memory', by: 'kernel' };
  return exit;
}
