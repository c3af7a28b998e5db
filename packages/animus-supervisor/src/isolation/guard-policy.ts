/**
 * Node's permission model, as far as a Broca needs it: its own folder, the runtime, and the fleet's configuration.
 * It stops a plugin's accidents (a wrong path, a program started, a debugger opened), not its malice: an addon, and
 * with it SQLite's ATTACH, sockets and signals go past it (measured).
 */
export type Guarded = {
  /** Major version of the Node it runs on. */
  nodeMajor: number;
  /** Folders and files it may read. */
  reads: readonly string[];
  /** Folders it may read and write. */
  writes: readonly string[];
};

/** Node asks for the network only since this version, and refuses the option before. */
const ASKS_FOR_NETWORK = 25;

export function guardFlags({ nodeMajor, reads, writes }: Guarded): string[] {
  return [
    '--permission',
    // SQLite is one. Each start would warn of it.
    ...['--allow-addons', '--disable-warning=PERM0001'],
    ...(nodeMajor >= ASKS_FOR_NETWORK ? ['--allow-net'] : []),
    ...[...writes, ...reads].map((path) => `--allow-fs-read=${path}`),
    ...writes.map((path) => `--allow-fs-write=${path}`),
  ];
}

/** A folder and all below it, in Node's words. */
export function allBelow(folder: string): string {
  return `${folder}/*`;
}
