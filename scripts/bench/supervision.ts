/**
 * The supervisor with fifty agents, without isolation and with the strongest this machine has: how fast the fleet comes
 * up, what the supervisor holds and uses, what a status costs, and how soon a Broca that was killed is there again.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, median, ratioAtMost, shown, valueAtMost } from './figure.ts';
import { ANIMUS, BenchFleet, type FleetWish } from './fleet.ts';
import { fetchPm2, type Pm2, startSupervisord } from './peers.ts';
import { cpuMs, nextStamp, rssMb, stamps } from './process-figures.ts';
import { start, startBare, timeToEnd } from './program.ts';

const AGENTS = 50;
const CRASHES = 15;
const STATUS_ROUNDS = 15;
const IDLE_MS = 30_000;
/** After a start, Brocas still make their first connections. */
const SETTLED_MS = 12_000;
const STAMP = path.join(import.meta.dirname, 'stamp.mjs');
const STAMPED_BROCA = path.join(import.meta.dirname, 'stamped-broca.mjs');
const NOTHING = path.join(import.meta.dirname, 'nothing.mjs');

type Floors = { first: number; startAndEnd: number; fifty: number; holdingFifty: number };

export async function supervision(): Promise<Figure[]> {
  const floors = await measureFloors();
  const figures: Figure[] = [];
  for (const isolation of ['off', 'auto'] as const) figures.push(...(await measureFleet(isolation, floors)));
  await using pm2 = await fetchPm2();
  if (pm2 !== null) figures.push(...(await measurePm2(pm2, floors)));
  figures.push(...(await measureSupervisord(floors)));
  return figures;
}

async function measureFloors(): Promise<Floors> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  const first: number[] = [];
  const startAndEnd: number[] = [];
  try {
    for (let round = 0; round < CRASHES; round += 1) {
      const file = path.join(folder, String(round));
      const since = process.hrtime.bigint();
      await using _stamped = start([STAMP, file]);
      first.push(await nextStamp(file, 0, since));
      startAndEnd.push(await timeToEnd(process.execPath, [NOTHING]));
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  const startedAt = performance.now();
  const bare = await Promise.all(Array.from({ length: AGENTS }, async () => await startBare()));
  const fifty = performance.now() - startedAt;
  await Promise.all(bare.map(async (each) => await each[Symbol.asyncDispose]()));
  return { first: median(first), startAndEnd: median(startAndEnd), fifty, holdingFifty: await holdingFifty() };
}

/** A bare Node with fifty children, in MB. */
async function holdingFifty(): Promise<number> {
  await using holder = start([path.join(import.meta.dirname, 'holder.mjs'), String(AGENTS)]);
  if (holder.child.stdout !== null) await once(holder.child.stdout, 'data');
  return rssMb(holder.pid);
}

async function measureFleet(isolation: FleetWish['isolation'], floors: Floors): Promise<Figure[]> {
  await using fleet = await BenchFleet.make({ agents: AGENTS, isolation, program: STAMPED_BROCA });
  // The first start of all compiles; what is measured is any later one.
  await fleet.animus('up', '-d');
  await fleet.animus('down');
  const up = await timeToUp(fleet);
  const { supervisor, agents } = await fleet.status();
  const level = agents[0]?.isolation ?? 'none';
  const name = (what: string): string => `${what} (${level})`;
  await sleep(SETTLED_MS);
  const before = cpuMs(supervisor.pid);
  await sleep(IDLE_MS);
  const idle = cpuMs(supervisor.pid) - before;
  const memory = rssMb(supervisor.pid);
  const status: number[] = [];
  for (let round = 0; round < STATUS_ROUNDS; round += 1) status.push(await timeToEnd(ANIMUS, ['status'], fleet.environment));
  const crashes = await crash(fleet);
  const most = level === 'none' ? { first: 1.2, ready: 2.3 } : { first: 1.4, ready: 2.6 };
  return [
    ratioAtMost({ name: name('crash to first instruction'), value: crashes.first, unit: 'ms', floor: floors.first }, most.first),
    ratioAtMost({ name: name('crash to ready'), value: crashes.ready, unit: 'ms', floor: floors.first }, most.ready),
    ratioAtMost({ name: name(`${AGENTS} agents up, all ready`), value: up, unit: 'ms', floor: floors.fifty }, 2.2),
    valueAtMost({ name: name(`supervisor's memory, ${AGENTS} agents`), value: memory, unit: 'MB', floor: floors.holdingFifty }, 80),
    valueAtMost({ name: name(`supervisor's CPU in 30 s idle, ${AGENTS} agents`), value: idle, unit: 'ms', floor: floors.startAndEnd }, 150),
    ratioAtMost({ name: name(`animus status, ${AGENTS} agents`), value: median(status), unit: 'ms', floor: floors.startAndEnd }, 3),
  ];
}

/** From the command to the last agent's ready, in ms. */
export async function timeToUp(fleet: BenchFleet): Promise<number> {
  const startedAt = Date.now();
  await fleet.animus('up', '-d');
  const ready = fleet.events().filter(({ at, kind, details }) => at >= startedAt && kind === 'agent-phase' && details['to'] === 'ready');
  return Math.max(...ready.map(({ at }) => at)) - startedAt;
}

/** Each agent is killed once: the first time is what is promised to be at once. */
async function crash(fleet: BenchFleet): Promise<{ first: number; ready: number }> {
  const first: number[] = [];
  const ready: number[] = [];
  const { agents } = await fleet.status();
  for (const [index, { id, pid }] of agents.slice(0, CRASHES).entries()) {
    const file = path.join(fleet.folder(index + 1), 'run/first-instruction');
    const before = stamps(file).length;
    const last = fleet.events().at(-1)?.id ?? 0;
    const killedAt = Date.now();
    const since = process.hrtime.bigint();
    process.kill(pid ?? 0, 'SIGKILL');
    first.push(await nextStamp(file, before, since));
    const stood = await fleet.event((event) => event.id > last && event.agent === id && event.details['to'] === 'ready');
    ready.push(stood.at - killedAt);
  }
  return { first: median(first), ready: median(ready) };
}

async function measurePm2(peer: Pm2, floors: Floors): Promise<Figure[]> {
  await peer.pm2('ping');
  const files = Array.from({ length: AGENTS }, (_, number) => path.join(peer.folder, `stamps-${number}`));
  const apps = files.map((file, number) => ({ name: `app-${number}`, script: STAMP, args: [file], interpreter: process.execPath }));
  fs.writeFileSync(path.join(peer.folder, 'apps.config.js'), `module.exports = ${JSON.stringify({ apps })}`);
  const since = process.hrtime.bigint();
  await peer.pm2('start', path.join(peer.folder, 'apps.config.js'));
  const up = Math.max(...(await Promise.all(files.map(async (file) => await nextStamp(file, 0, since)))));
  await sleep(SETTLED_MS);
  const before = cpuMs(peer.daemon());
  await sleep(IDLE_MS);
  const idle = cpuMs(peer.daemon()) - before;
  const memory = rssMb(peer.daemon());
  const lists: number[] = [];
  for (let round = 0; round < STATUS_ROUNDS; round += 1)
    lists.push(await timeToEnd(process.execPath, [peer.program, 'jlist'], peer.environment));
  const listed: { pid: number }[] = JSON.parse(await peer.pm2('jlist'));
  const first: number[] = [];
  for (const [number, { pid }] of listed.slice(0, CRASHES).entries()) {
    const killed = process.hrtime.bigint();
    process.kill(pid, 'SIGKILL');
    first.push(await nextStamp(files[number] ?? '', 1, killed));
  }
  return [
    shown({ name: 'pm2: crash to first instruction', value: median(first), unit: 'ms', floor: floors.first }),
    shown({ name: `pm2: ${AGENTS} bare scripts up`, value: up, unit: 'ms', floor: floors.fifty }),
    shown({ name: `pm2: its daemon's memory, ${AGENTS} scripts`, value: memory, unit: 'MB', floor: floors.holdingFifty }),
    shown({ name: `pm2: its daemon's CPU in 30 s idle`, value: idle, unit: 'ms', floor: floors.startAndEnd }),
    shown({ name: `pm2 jlist, ${AGENTS} scripts`, value: median(lists), unit: 'ms', floor: floors.startAndEnd }),
  ];
}

async function measureSupervisord(floors: Floors): Promise<Figure[]> {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-')), 'stamps');
  try {
    await using peer = await startSupervisord(`${process.execPath} ${STAMP} ${file}`);
    if (peer === null) return [];
    const first: number[] = [];
    await nextStamp(file, 0, 0n);
    for (let round = 1; round <= 5; round += 1) {
      const [pid = 0] = fs.readFileSync(`/proc/${peer.pid}/task/${peer.pid}/children`, 'utf8').trim().split(' ').map(Number);
      const killed = process.hrtime.bigint();
      process.kill(pid, 'SIGKILL');
      first.push(await nextStamp(file, round, killed));
    }
    return [
      shown({ name: 'supervisord: crash to first instruction', value: median(first), unit: 'ms', floor: floors.first }),
      shown({ name: 'supervisord: memory, 1 script', value: rssMb(peer.pid), unit: 'MB', floor: floors.holdingFifty }),
    ];
  } finally {
    fs.rmSync(path.dirname(file), { recursive: true, force: true });
  }
}
