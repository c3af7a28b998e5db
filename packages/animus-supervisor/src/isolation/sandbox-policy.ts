/**
 * The world that a Broca sees inside bubblewrap, as arguments of `bwrap`. What is not named here is not there: no
 * other agent, no supervisor's socket, no person's files. Programs and libraries of the system are readable.
 *
 * Inside an agent's own folder, what programs outside the sandbox run or trust cannot be changed from within: the
 * releases (`animus queue` runs them), the clone (`animus update` runs git there), the plugins (built into releases).
 */

/** Of this machine; read once (system-folders.ts). */
export type SystemFolders = {
  /** Links of the root folder, as /bin → usr/bin. */
  links: readonly { path: string; target: string }[];
  /** Readable, and nothing in them is secret. */
  readable: readonly string[];
  /** Root's /etc: a folder with copies of what is not secret, and the folders of the true one that are shown in it. */
  etc: { copy: string; folders: readonly string[] } | null;
};

export type System = {
  folders: SystemFolders;
  /** This bwrap knows `--size` (0.7.0). */
  boundsTemporary: boolean;
};

export type SandboxRequest = {
  system: System;
  home: string;
  /** What every Broca may read of the home; holds the fleet's configuration under its own name. */
  shared: string;
  fleetConfig: { path: string; inShared: string };
  /** The agent's folder: its own, to read and to write. */
  folder: string;
  /** Folders in it that it may only read. All are there. */
  readOnly: readonly string[];
  /** What Node keeps of compiled code: a folder of this agent's in the place of the one that others run from. */
  codeCache: { folder: string; place: string } | null;
  /** Folders and files elsewhere that it may read (the runtime). */
  readable: readonly string[];
  /** It becomes another user once it is inside. */
  changesUser: boolean;
};

/** For what a plugin drops into /tmp. It is memory: without a bound one agent could take half of the machine's. */
const TEMPORARY_BYTES = 256 * 1024 * 1024;

/** To enter the folder, and to become its owner; all are gone with that. */
const POWERS_TO_CHANGE_USER = ['CAP_DAC_OVERRIDE', 'CAP_SETUID', 'CAP_SETGID'].flatMap((power) => ['--cap-add', power]);

/** Namespaces, capabilities, system: the same for each sandbox, and what the probe tries. */
export function systemArguments({ folders: { links, readable, etc }, boundsTemporary }: System): string[] {
  return [
    // The first process of a pid namespace takes all others with it, and ends with bwrap, which ends with its shim.
    ...['--unshare-pid', '--die-with-parent', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    // Run by root, bwrap would leave it all of root's powers.
    ...['--cap-drop', 'ALL'],
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...(etc === null ? [] : ['--ro-bind', etc.copy, '/etc', ...etc.folders.flatMap((path) => ['--ro-bind', path, path])]),
    ...links.flatMap(({ path, target }) => ['--symlink', target, path]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...(boundsTemporary ? ['--size', String(TEMPORARY_BYTES)] : []),
    ...['--tmpfs', '/tmp'],
  ];
}

export function sandboxArguments(request: SandboxRequest): string[] {
  const { system, home, shared, fleetConfig, folder, readOnly, codeCache, readable, changesUser } = request;
  // The folder above a mount has the mode of its model outside.
  const ways = [
    ['1777', '/tmp'],
    ...[shared, ...readable.filter((file) => file.startsWith(`${home}/`))].map((file) => ['0755', file.slice(0, file.lastIndexOf('/'))]),
  ];
  return [
    ...systemArguments(system),
    // Also where the home lies below a folder that is readable.
    ...['--tmpfs', home],
    ...['--ro-bind', shared, shared, '--symlink', fleetConfig.inShared, fleetConfig.path],
    ...['--bind', folder, folder],
    ...readOnly.flatMap((path) => ['--ro-bind', path, path]),
    ...(codeCache === null ? [] : ['--bind', codeCache.folder, codeCache.place]),
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...(changesUser ? [...POWERS_TO_CHANGE_USER, ...ways.flatMap((way) => ['--chmod', ...way])] : []),
    ...['--remount-ro', home, '--remount-ro', '/'],
    ...['--chdir', folder],
  ];
}
