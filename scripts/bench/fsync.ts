/** What the disk takes to make a block durable: the floor of all that must not be lost. */
import fs from 'node:fs';
import path from 'node:path';
import { median } from './figure.ts';

const SYNCS = 200;

/** A block appended and synced on the folder's file system, in ms (median). */
export function fsyncMs(folder: string): number {
  const file = path.join(folder, '.sync');
  const descriptor = fs.openSync(file, 'w');
  const block = Buffer.alloc(4096, 1);
  const times = Array.from({ length: SYNCS }, () => {
    const startedAt = performance.now();
    fs.writeSync(descriptor, block);
    fs.fdatasyncSync(descriptor);
    return performance.now() - startedAt;
  });
  fs.closeSync(descriptor);
  return median(times);
}
