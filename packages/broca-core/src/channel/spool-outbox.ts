/**
 * The spool's way out. A part is written and synced under a hidden name before its sending is recorded,
 * then renamed in: the rename happens once, so a part that may have been handed over and has no hidden
 * file any more was handed over. That is the key by which a second sending is a no-op.
 */
import { closeSync, constants, lstatSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeSubfolder } from '../make-subfolder.ts';
import type { DeliveryOutcome, Part } from '../message.ts';
import { syncPath } from '../sync.ts';

/** A part whose place is taken, or whose disk is full, is tried again after this. */
const RETRY_MS = 5_000;

const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;

export type SpoolOutbox = {
  prepare(part: Part): Promise<void>;
  deliver(part: Part): Promise<DeliveryOutcome>;
};

export function createSpoolOutbox(folder: string): SpoolOutbox {
  const syncFolder = createFolderSync(folder);
  const fileOf = (part: Part): string => join(folder, `${part.turnId}-${part.number}.json`);
  const hiddenOf = (part: Part): string => join(folder, `.${part.turnId}-${part.number}.json.tmp`);

  return {
    async prepare(part) {
      // Handed over or ready: writing it again could hand it over twice.
      if (part.firstSentAt !== null) return;
      makeSubfolder(dirname(folder), basename(folder));
      const file = openSync(hiddenOf(part), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
      try {
        writeFileSync(file, render(part));
      } finally {
        closeSync(file);
      }
      // Those prepared side by side are all written before the first is synced: making a file waits for a running sync.
      await Promise.resolve();
      // The name must be as durable as the content, else a power cut looks like a hand-over.
      await Promise.all([syncPath(hiddenOf(part)), syncFolder()]);
    },

    async deliver(part) {
      try {
        if (exists(hiddenOf(part))) {
          // Ours never has this name yet: it is left from a database before this one, and nobody took it.
          if (exists(fileOf(part))) return { kind: 'retry', afterMs: RETRY_MS, reason: `${fileOf(part)} is in the way` };
          renameSync(hiddenOf(part), fileOf(part));
        }
        await syncFolder();
        return { kind: 'delivered' };
      } catch (error) {
        return { kind: 'retry', afterMs: RETRY_MS, reason: (error as Error).message };
      }
    },
  };
}

function render(part: Part): string {
  const { inReplyTo, chat, turnId, number, count, key, text } = part;
  return `${JSON.stringify({ inReplyTo, chat, turn: turnId, part: number, parts: count, key, text })}\n`;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Syncs the folder for all who ask while a sync runs at once: what a rename before the ask did is in the sync
 * that begins after it. Parts handed over side by side need one or two of them, not one each.
 */
function createFolderSync(folder: string): () => Promise<void> {
  let running: Promise<void> | null = null;
  let following: Promise<void> | null = null;
  const begin = (): Promise<void> => {
    const begun = syncPath(folder).finally(() => {
      if (running === begun) running = null;
    });
    running = begun;
    return begun;
  };
  return () => {
    if (running === null) return begin();
    following ??= running
      .catch(() => undefined)
      .then(() => {
        following = null;
        return begin();
      });
    return following;
  };
}
