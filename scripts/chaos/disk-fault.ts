/** A disk that is full for a while. */
import fs from 'node:fs';
import path from 'node:path';
import { type Actor, pause } from './actor.ts';
import type { Ledger } from './ledger.ts';

const BLOCK = Buffer.alloc(256 * 1024);

export function diskActor(folder: string, meanWaitMs: number, ledger: Ledger): Actor {
  return {
    name: 'disk',
    meanWaitMs,
    async act(random, signal) {
      const ms = random.between(100, 1_000);
      const filler = path.join(folder, 'filler');
      ledger.fault('disk full');
      fill(filler);
      await pause(ms, signal);
      fs.rmSync(filler);
    },
  };
}

function fill(file: string): void {
  const descriptor = fs.openSync(file, 'w', 0o600);
  try {
    for (let length = BLOCK.length; length >= 1; length = Math.floor(length / 8)) writeUntilFull(descriptor, length);
  } finally {
    fs.closeSync(descriptor);
  }
}

function writeUntilFull(descriptor: number, length: number): void {
  try {
    for (;;) fs.writeSync(descriptor, BLOCK, 0, length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
