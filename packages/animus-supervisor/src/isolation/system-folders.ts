/** Looks which folders of this machine hold programs, libraries and what programs need to know of the system. */
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import type { SystemFolders } from './sandbox-policy.ts';

/** Of the root: programs and libraries. Most of them are links into /usr today. */
const ROOT_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** The same on systems that keep them elsewhere, and the caches of name look-ups. */
const OTHER_FOLDERS = ['/nix/store', '/gnu/store', '/run/current-system', '/run/nscd'];

/**
 * What of /etc root's Brocas see. Everybody else sees all of it, since they cannot read there what is secret. Root
 * could, and a mount that hides a file is gone once the file is replaced.
 */
const ETC_FILES = [
  ...['gai.conf', 'group', 'host.conf', 'hosts', 'ld.so.cache', 'ld.so.conf', 'localtime', 'mime.types', 'nsswitch.conf'],
  ...['os-release', 'passwd', 'protocols', 'resolv.conf', 'services', 'ssl/openssl.cnf', 'timezone'],
];
const ETC_FOLDERS = ['alternatives', 'pki/tls/certs', 'ssl/certs', 'static'];

/** `etc`: where root's copy of /etc is kept; null for everybody else. */
export function findSystemFolders(etc: string | null): SystemFolders {
  const links: { path: string; target: string }[] = [];
  const readable: string[] = [];
  for (const folder of ROOT_FOLDERS) {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) links.push({ path: folder, target: readlinkSync(folder) });
    else if (stat?.isDirectory()) readable.push(folder);
  }
  readable.push(...OTHER_FOLDERS.filter(isThere));
  const resolver = findResolver();
  if (resolver !== null) readable.push(resolver);
  if (etc === null) return { links, readable: [...readable, '/etc'], etc: null };
  copyEtc(etc);
  const inEtc = ETC_FOLDERS.map((name) => path.join('/etc', name)).filter((folder) =>
    statSync(folder, { throwIfNoEntry: false })?.isDirectory(),
  );
  return { links, readable, etc: { copy: etc, folders: inEtc } };
}

/**
 * One folder for all root's sandboxes, so that each sees a file that was replaced since (resolv.conf, when the network
 * changed). Called at each start of a Broca; copies what is newer.
 */
export function copyEtc(copy: string): void {
  for (const name of ['', 'pki', 'pki/tls', 'ssl', ...ETC_FOLDERS]) {
    const folder = path.join(copy, name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    // Whatever the umask: an agent may run as somebody else than root.
    chmodSync(folder, 0o755);
  }
  for (const name of ETC_FILES) copyFile(path.join('/etc', name), path.join(copy, name));
}

function copyFile(from: string, to: string): void {
  const [source, target] = [from, to].map((file) => lstatSync(file, { throwIfNoEntry: false }));
  if (source === undefined) {
    rmSync(to, { force: true });
    return;
  }
  if (target !== undefined && target.mtimeMs >= source.mtimeMs) return;
  rmSync(`${to}.new`, { force: true });
  if (source.isSymbolicLink()) symlinkSync(readlinkSync(from), `${to}.new`);
  else {
    copyFileSync(from, `${to}.new`);
    chmodSync(`${to}.new`, 0o644);
  }
  renameSync(`${to}.new`, to);
}

/**
 * Where a resolv.conf that is a link leads. Below /run the folder, since the file is replaced whenever the network
 * changes. Null where it is a file of its own.
 */
function findResolver(): string | null {
  if (lstatSync('/etc/resolv.conf', { throwIfNoEntry: false })?.isSymbolicLink() !== true) return null;
  try {
    const file = realpathSync('/etc/resolv.conf');
    const folder = path.dirname(file);
    return path.dirname(folder).startsWith('/run') ? folder : file;
  } catch {
    return null;
  }
}

function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}
