/**
 * Makes what was written lasting. By a FileHandle, since `fs.fsync` and its kin are refused to a process that
 * runs under Node's permission model (as a Broca does under a supervisor), whatever it may write; `sync` of a
 * FileHandle is not.
 */
import { open } from 'node:fs/promises';

/** Of a file its content, of a folder its names: settled when a power cut cannot take them back. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    // Nobody waits for it: what is lasting is so already.
    handle.close().catch(() => undefined);
  }
}
