/** Broca ready (process started → lock held, recovery done, intake open) against the start of a bare Node. */
import { connect, makeAgentFolder, startBroca } from './broca.ts';
import { type Figure, median, ratioAtMost } from './figure.ts';
import { startBare } from './program.ts';

const ROUNDS = 25;

export async function brocaStart(): Promise<Figure[]> {
  // Nothing listens there: readiness does not wait for Letta.
  using agent = makeAgentFolder('http://127.0.0.1:9');
  await timeToReady(agent); // Makes the database, which an agent's first start does once.
  const broca: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timeToBare());
    broca.push(await timeToReady(agent));
  }
  return [ratioAtMost({ name: 'broca-ready (no isolation)', value: median(broca), unit: 'ms', floor: median(bare) }, 2.2)];
}

/** From the start of the process to what it says when it is ready, in ms. */
export async function timeToReady(agent: ReturnType<typeof makeAgentFolder>): Promise<number> {
  const startedAt = performance.now();
  await using _broca = startBroca(agent);
  using link = await connect(agent, 'cli');
  await link.next(({ type }) => type === 'ready');
  return performance.now() - startedAt;
}

async function timeToBare(): Promise<number> {
  const startedAt = performance.now();
  await using _bare = await startBare();
  return performance.now() - startedAt;
}
