/** Damaged databases that a Broca set aside. Their files are the fact itself: told until a person has moved them. */
import { readdirSync } from 'node:fs';

/** Begins the name of such a file, in the agent's folder; a time follows. */
export const SET_ASIDE = 'animus.db.damaged-';

/** Names of those that lie in an agent's folder, oldest first. */
export function findSetAside(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(SET_ASIDE) && !/-(wal|shm)$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

/** `queueList`: the command that lists turns, as this person types it. */
export function describeSetAside(name: string, queueList: string): string {
  return `a damaged database was set aside as ${name}: look at what waits for you (${queueList}), and move that file away once you are done with it`;
}
