/** Broca ready with a hundred thousand turns pending against with none. */
import path from 'node:path';
import { MANY, makeBacklog } from './backlog.ts';
import { makeAgentFolder } from './broca.ts';
import { timeToReady } from './broca-start.ts';
import { type Figure, median, ratioAtMost } from './figure.ts';

const ROUNDS = 11;

export async function backlogRestart(): Promise<Figure[]> {
  // Nothing listens there: the backlog stays as it is.
  using empty = makeAgentFolder('http://127.0.0.1:9');
  using full = makeAgentFolder('http://127.0.0.1:9');
  makeBacklog(path.join(full.folder, 'animus.db'), MANY);
  await timeToReady(empty); // Makes the database.
  await timeToReady(full);
  const emptyMs: number[] = [];
  const fullMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    emptyMs.push(await timeToReady(empty));
    fullMs.push(await timeToReady(full));
  }
  return [
    ratioAtMost(
      { name: `restart with ${MANY} pending (floor: with none)`, value: median(fullMs), unit: 'ms', floor: median(emptyMs) },
      1.5,
    ),
  ];
}
