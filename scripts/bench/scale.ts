/** How what is measured grows with the fleet: 10, 50 and 200 agents, per agent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, shown, valueAtMost } from './figure.ts';
import { BenchFleet } from './fleet.ts';
import { cpuMs, rssMb } from './process-figures.ts';
import { pssMb, startBare } from './program.ts';
import { timeToUp } from './supervision.ts';

const SIZES = [10, 50, 200];
const SETTLED_MS = 12_000;
const IDLE_MS = 10_000;

export async function scale(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const isolation of ['off', 'auto'] as const) for (const agents of SIZES) figures.push(...(await measure(agents, isolation)));
  return figures;
}

async function measure(agents: number, isolation: 'off' | 'auto'): Promise<Figure[]> {
  const startedAt = performance.now();
  const bare = await Promise.all(Array.from({ length: agents }, async () => await startBare()));
  const floorUp = (performance.now() - startedAt) / agents;
  const floorMemory = bare.reduce((sum, { pid }) => sum + pssMb(pid), 0) / agents;
  await Promise.all(bare.map(async (each) => await each[Symbol.asyncDispose]()));
  await using fleet = await BenchFleet.make({ agents, isolation });
  await fleet.animus('up', '-d');
  await fleet.animus('down');
  const up = await timeToUp(fleet);
  await sleep(SETTLED_MS);
  const { supervisor, agents: running } = await fleet.status();
  const before = cpuMs(supervisor.pid);
  await sleep(IDLE_MS);
  const idle = (cpuMs(supervisor.pid) - before) * (30_000 / IDLE_MS);
  const memory = running.reduce((sum, { pid }) => sum + (pid === null ? 0 : pssMb(pid)), 0) / agents;
  const name = (what: string): string => `${what}, ${agents} agents (${running[0]?.isolation ?? 'none'})`;
  const held = { name: name("supervisor's memory"), value: rssMb(supervisor.pid), unit: 'MB', floor: agents };
  return [
    shown({ name: name('up, per agent'), value: up / agents, unit: 'ms', floor: floorUp }),
    shown({ name: name("Broca's memory (PSS), per agent"), value: memory, unit: 'MB', floor: floorMemory }),
    agents === 200 ? valueAtMost(held, 100) : shown(held),
    shown({ name: name("supervisor's CPU in 30 s idle, per agent"), value: idle / agents, unit: 'ms', floor: 1 }),
  ];
}
