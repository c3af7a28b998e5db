/**
 * Ours with fifty agents, without isolation and with the strongest this machine has, beside pm2 and supervisord with fifty
 * bare scripts: how fast all come up, what the supervisor holds and uses, what a status costs, how soon a program that was
 * killed is there again, and what becomes of the lines it printed last. All idle in the same half minute, so that
 * whatever else the machine does falls on each alike; what is timed by the clock is measured one contender after the other.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Animus } from './contenders/animus.ts';
import type { Contender } from './contenders/contender.ts';
import { fetchPm2 } from './contenders/pm2.ts';
import { judge, PRINTER, STAMP } from './contenders/programs.ts';
import { fetchSupervisord } from './contenders/supervisord.ts';
import { type Figure, median, ratioAtMost, shown, valueAtMost } from './figure.ts';
import { cpuMs, nextStamp, rssMb } from './process-figures.ts';
import { start, startBare, timeToEnd } from './program.ts';

const AGENTS = 50;
const CRASHES = 10;
const STATUS_ROUNDS = 10;
/** Two of the supervisor's samplings, as many in each half minute as in this: what is told is for 30 s. */
const IDLE_MS = 20_000;
/** After a start, Brocas still make their first connections. */
const SETTLED_MS = 8_000;
const LINES = 200_000;
const SHORT = 2_000;
const EXITS = 10;
const NOTHING = path.join(import.meta.dirname, 'nothing.mjs');

/** What the machine itself takes, for all. */
type Floors = { holdingFifty: number; printing: number };
type Idle = { idle: number; memory: number };
type Up = { up: number; fifty: number };
/** With floors measured in between, so that what else the machine does meanwhile falls on both. */
type Alone = {
  list: number;
  startAndEnd: number;
  first: number;
  floorOfFirst: number;
  ready: number | null;
  printing: number;
  lost: number;
  broken: number;
  lostShort: number;
};

export async function supervision(): Promise<Figure[]> {
  await using all = await prepare();
  const { contenders } = all;
  const floors = { holdingFifty: await holdingFifty(), printing: await printing() };
  const ups: Up[] = [];
  for (const each of contenders) ups.push({ fifty: await fiftyBare(), up: await each.up() });
  const idles = await idleTogether(contenders);
  const figures: Figure[] = [];
  for (const [index, each] of contenders.entries()) {
    const [up, idle] = [ups[index], idles[index]];
    if (up !== undefined && idle !== undefined) figures.push(...figuresOf(each, floors, { ...up, ...idle, ...(await measureAlone(each)) }));
  }
  return figures;
}

async function idleTogether(contenders: readonly Contender[]): Promise<Idle[]> {
  await sleep(SETTLED_MS);
  const before = contenders.map((each) => cpuMs(each.pid()));
  await sleep(IDLE_MS);
  const used = contenders.map((each, index) => cpuMs(each.pid()) - (before[index] ?? 0));
  return contenders.map((each, index) => ({ idle: ((used[index] ?? 0) * 30_000) / IDLE_MS, memory: rssMb(each.pid()) }));
}

/** Fetched and made at the same time: nothing of that is measured. */
async function prepare(): Promise<AsyncDisposable & { contenders: Contender[] }> {
  const made = await Promise.all([Animus.make(AGENTS, 'off'), Animus.make(AGENTS, 'auto'), fetchPm2(AGENTS), fetchSupervisord(AGENTS)]);
  const contenders = made.filter((each) => each !== null);
  return {
    contenders,
    async [Symbol.asyncDispose]() {
      await Promise.all(contenders.map(async (each) => await each[Symbol.asyncDispose]()));
    },
  };
}

/** The time to a bare Node's first instruction, in ms. */
async function bareStart(): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  try {
    const file = path.join(folder, 'stamps');
    const since = process.hrtime.bigint();
    await using _stamped = start([STAMP, file]);
    return await nextStamp(file, 0, since);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Fifty of them at the same time, until the last of them runs. */
async function fiftyBare(): Promise<number> {
  const startedAt = performance.now();
  const bare = await Promise.all(Array.from({ length: AGENTS }, async () => await startBare()));
  const took = performance.now() - startedAt;
  await Promise.all(bare.map(async (each) => await each[Symbol.asyncDispose]()));
  return took;
}

/** The lines, printed by a process that nobody watches, in ms. */
async function printing(): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  try {
    const printed = { ...process.env, BENCH_PRINTER: JSON.stringify([LINES, 'exit', path.join(folder, 'printed')]) };
    return await timeToEnd(process.execPath, [PRINTER], printed);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A bare Node with fifty children, in MB. */
async function holdingFifty(): Promise<number> {
  await using holder = start([path.join(import.meta.dirname, 'holder.mjs'), String(AGENTS)]);
  if (holder.child.stdout !== null) await once(holder.child.stdout, 'data');
  return rssMb(holder.pid);
}

/** What wants the machine for itself. */
async function measureAlone(contender: Contender): Promise<Alone> {
  const { command, args, environment } = contender.list;
  const [list, startAndEnd, floorOfFirst]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < STATUS_ROUNDS; round += 1) {
    startAndEnd.push(await timeToEnd(process.execPath, [NOTHING]));
    list.push(await timeToEnd(command, args, environment));
  }
  const crashes = await contender.crash(CRASHES, async () => void floorOfFirst.push(await bareStart()));
  const short = (await contender.print(SHORT, EXITS)).map((files) => judge(files, SHORT).lost);
  const before = cpuMs(contender.pid());
  const [files = []] = await contender.print(LINES, 1);
  return {
    list: median(list),
    startAndEnd: median(startAndEnd),
    first: median(crashes.first),
    floorOfFirst: median(floorOfFirst),
    ready: crashes.ready.length === 0 ? null : median(crashes.ready),
    printing: cpuMs(contender.pid()) - before,
    ...judge(files, LINES),
    lostShort: short.reduce((sum, lost) => sum + lost, 0),
  };
}

function figuresOf({ name, list }: Contender, floors: Floors, measured: Up & Idle & Alone): Figure[] {
  const { fifty, startAndEnd, floorOfFirst, ready } = measured;
  // Only ours has Brocas to be ready.
  const isOurs = ready !== null;
  const isBare = name.endsWith(' none');
  const named = (what: string, value: number, unit: string, floor: number) => ({ name: `${name}: ${what}`, value, unit, floor });
  const ratio = (figure: ReturnType<typeof named>, most: number): Figure => (isOurs ? ratioAtMost(figure, most) : shown(figure));
  const value = (figure: ReturnType<typeof named>, most: number): Figure => (isOurs ? valueAtMost(figure, most) : shown(figure));
  return [
    ratio(named('crash to first instruction', measured.first, 'ms', floorOfFirst), isBare ? 1.2 : 1.4),
    ...(ready === null ? [] : [ratio(named('crash to ready', ready, 'ms', floorOfFirst), isBare ? 2.3 : 2.6)]),
    ratio(named(isOurs ? `${AGENTS} agents up, all ready` : `${AGENTS} bare scripts up`, measured.up, 'ms', fifty), 2.2),
    value(named(`memory with ${AGENTS}`, measured.memory, 'MB', floors.holdingFifty), 80),
    value(named(`CPU in 30 s idle with ${AGENTS}`, measured.idle, 'ms', startAndEnd), 150),
    ratio(named(`${list.title} with ${AGENTS}`, measured.list, 'ms', startAndEnd), 3),
    shown(named(`CPU while ${LINES} lines are printed`, measured.printing, 'ms', floors.printing)),
    value(named(`lines lost of ${LINES} at the end`, measured.lost, 'lines', 1), 0),
    value(named('characters broken in them', measured.broken, 'chars', 1), 0),
    value(named(`lines lost of ${EXITS} times ${SHORT} at the end`, measured.lostShort, 'lines', 1), 0),
  ];
}
