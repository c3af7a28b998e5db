/** Makes what was written outlive a power cut. */
import fs from 'node:fs';

/** Of a file its content, of a folder its names. */
export function syncPath(path: string): void {
  const descriptor = fs.openSync(path, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
