/** Looks which folders of this machine hold programs, libraries and what programs need to know of the system. */
import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
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
const ETC_FOR_ROOT = [
  ...['alternatives', 'ca-certificates', 'crypto-policies', 'fonts', 'ld.so.conf.d', 'pki/ca-trust', 'pki/tls/certs', 'ssl/certs'],
  ...['gai.conf', 'group', 'host.conf', 'hosts', 'ld.so.cache', 'ld.so.conf', 'locale.alias', 'localtime', 'mime.types'],
  ...['nsswitch.conf', 'os-release', 'passwd', 'pki/tls/cert.pem', 'protocols', 'resolv.conf', 'services'],
  ...['ssl/cert.pem', 'ssl/openssl.cnf', 'static', 'timezone'],
];

export function findSystemFolders(isRoot: boolean): SystemFolders {
  const links: { path: string; target: string }[] = [];
  const readable: string[] = [];
  for (const folder of ROOT_FOLDERS) {
    const stat = lstatSync(folder, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) links.push({ path: folder, target: readlinkSync(folder) });
    else if (stat?.isDirectory()) readable.push(folder);
  }
  readable.push(...OTHER_FOLDERS.filter(isThere));
  if (!isRoot) readable.push('/etc');
  for (const name of isRoot ? ETC_FOR_ROOT : []) {
    const file = path.join('/etc', name);
    const target = linkTarget(file);
    if (target !== null) links.push({ path: file, target });
    else if (isThere(file)) readable.push(file);
  }
  const resolver = findResolver();
  if (resolver !== null) readable.push(resolver);
  return { links, readable };
}

/**
 * Where a resolv.conf that is a link leads. Below /run the folder, since the file is replaced whenever the network
 * changes. Null where it is a file of its own.
 */
function findResolver(): string | null {
  if (linkTarget('/etc/resolv.conf') === null) return null;
  try {
    const file = realpathSync('/etc/resolv.conf');
    const folder = path.dirname(file);
    return path.dirname(folder).startsWith('/run') ? folder : file;
  } catch {
    return null;
  }
}

function linkTarget(file: string): string | null {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(file) : null;
}

function isThere(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}
