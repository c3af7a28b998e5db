/**
 * How what is measured grows with the fleet: 10, 50 and 200 agents, per agent, without isolation and with the strongest this
 * machine has. Fleets of all sizes idle in the same window; each comes up alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, shown, valueAtMost } from './figure.ts';
import { BenchFleet } from './fleet.ts';
import { cpuMs, rssMb } from './process-figures.ts';
import { pssMb, startBare } from './program.ts';

const SIZES = [10, 50, 200];
/** After a start, Brocas still make their first connections. */
const SETTLED_MS = 8_000;
/** One of the supervisor's samplings, as many in each half minute as in this: what is told is for 30 s. */
const IDLE_MS = 10_000;

type Fleet = { agents: number; fleet: BenchFleet };
type Up = { up: number; floorUp: number; floorMemory: number };

export async function scale(): Promise<Figure[]> {
  const fleets: Fleet[] = await Promise.all(
    SIZES.map(async (agents) => ({ agents, fleet: await BenchFleet.make({ agents, isolation: 'off' }) })),
  );
  try {
    const figures: Figure[] = [];
    for (const isolation of ['off', 'auto'] as const) figures.push(...(await measure(fleets, isolation)));
    return figures;
  } finally {
    await each(fleets, async ({ fleet }) => await fleet[Symbol.asyncDispose]());
  }
}

async function measure(fleets: readonly Fleet[], isolation: 'off' | 'auto'): Promise<Figure[]> {
  // The first start of all makes databases and compiles; what is measured is any later one.
  await each(fleets, async ({ fleet }) => {
    fleet.configure({ isolation });
    await fleet.up();
    await fleet.animus('down');
  });
  const ups: Up[] = [];
  for (const { agents, fleet } of fleets) ups.push({ ...(await measureFloor(agents)), up: (await fleet.timeToUp()) / agents });
  await sleep(SETTLED_MS);
  const statuses = await each(fleets, async ({ fleet }) => await fleet.status());
  const before = statuses.map(({ supervisor }) => cpuMs(supervisor.pid));
  await sleep(IDLE_MS);
  const used = statuses.map(({ supervisor }, index) => cpuMs(supervisor.pid) - (before[index] ?? 0));
  const figures = statuses.flatMap(({ supervisor, agents: running }, index) => {
    const agents = running.length;
    const { up, floorUp, floorMemory } = ups[index] ?? { up: 0, floorUp: 1, floorMemory: 1 };
    const idle = ((used[index] ?? 0) * 30_000) / IDLE_MS / agents;
    const memory = running.reduce((sum, { pid }) => sum + (pid === null ? 0 : pssMb(pid)), 0) / agents;
    const name = (what: string): string => `${what}, ${agents} agents (${running[0]?.isolation ?? 'none'})`;
    const held = { name: name("supervisor's memory"), value: rssMb(supervisor.pid), unit: 'MB', floor: agents };
    return [
      shown({ name: name('up, per agent'), value: up, unit: 'ms', floor: floorUp }),
      shown({ name: name("Broca's memory (PSS), per agent"), value: memory, unit: 'MB', floor: floorMemory }),
      agents === 200 ? valueAtMost(held, 100) : shown(held),
      shown({ name: name("supervisor's CPU in 30 s idle, per agent"), value: idle, unit: 'ms', floor: 1 }),
    ];
  });
  await each(fleets, async ({ fleet }) => await fleet.animus('down'));
  return figures;
}

/** As many bare Nodes: per one, how long they take to start and what each holds. */
async function measureFloor(agents: number): Promise<{ floorUp: number; floorMemory: number }> {
  const startedAt = performance.now();
  const bare = await Promise.all(Array.from({ length: agents }, async () => await startBare()));
  const floorUp = (performance.now() - startedAt) / agents;
  const floorMemory = bare.reduce((sum, { pid }) => sum + pssMb(pid), 0) / agents;
  await Promise.all(bare.map(async (one) => await one[Symbol.asyncDispose]()));
  return { floorUp, floorMemory };
}

async function each<T>(fleets: readonly Fleet[], use: (fleet: Fleet) => Promise<T>): Promise<T[]> {
  return await Promise.all(fleets.map(use));
}
