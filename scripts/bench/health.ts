/** `animus health` for fifty running agents against the start of a bare Node. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, median, ratioAtMost } from './figure.ts';
import { ANIMUS, BenchFleet } from './fleet.ts';
import { timeToEnd } from './program.ts';

const AGENTS = 50;
const ROUNDS = 15;
/** A fleet whose files were changed seconds ago is looked at more closely; what is measured is one that runs. */
const SETTLED_MS = 12_000;
const NOTHING = path.join(import.meta.dirname, 'nothing.mjs');

export async function health(): Promise<Figure[]> {
  await using fleet = await BenchFleet.make({ agents: AGENTS, isolation: 'auto' });
  await fleet.animus('up', '-d');
  await sleep(SETTLED_MS);
  return [await measure(fleet.environment)];
}

async function measure(environment: NodeJS.ProcessEnv): Promise<Figure> {
  const healths: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timeToEnd(process.execPath, [NOTHING]));
    healths.push(await timeToEnd(ANIMUS, ['health'], environment));
  }
  return ratioAtMost({ name: `animus-health (${AGENTS} agents running)`, value: median(healths), unit: 'ms', floor: median(bare) }, 3);
}
