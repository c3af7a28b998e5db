/**
 * Unix socket paths hold at most 108 bytes (sun_path, with its closing NUL); a home may lie deeper.
 * On Linux such a path is reached through an open descriptor of its folder, /proc/self/fd/<n>/<name>.
 */
import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const LONGEST_SOCKET_PATH = 107;

/**
 * Calls `use` with a form of `path` that fits, and keeps the folder open until what `use` returns has
 * settled. The socket file itself is at `path` either way.
 */
export async function withSocketPath<T>(path: string, use: (fitting: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return await use(path);
  const folder = openSync(dirname(path), 'r');
  try {
    return await use(`/proc/self/fd/${folder}/${basename(path)}`);
  } finally {
    closeSync(folder);
  }
}
