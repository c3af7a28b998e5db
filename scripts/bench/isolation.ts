/**
 * What isolation costs: a Broca started as the supervisor starts it (shim, and what shuts it in), at each level, until
 * its first instruction and until it is ready, against the start of a bare Node; and the memory of shim and sandbox.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { DEFAULT_SUPERVISION, type Isolation, type IsolationWish } from 'animus-protocol';
import { WORKER_FLAGS } from '../../packages/animus-supervisor/src/fleet/launch.ts';
import { shareFleetConfig } from '../../packages/animus-supervisor/src/fleet/share-config.ts';
import { agentFolderPaths, homePaths } from '../../packages/animus-supervisor/src/home/paths.ts';
import { type Abilities, isolate } from '../../packages/animus-supervisor/src/isolation/isolate.ts';
import { probeMachine } from '../../packages/animus-supervisor/src/isolation/probe.ts';
import { workerEnvironment } from '../../packages/animus-supervisor/src/worker/environment-policy.ts';
import { type AgentFolder, connect, makeAgentFolder } from './broca.ts';
import { type Figure, median, ratioAtMost, shown } from './figure.ts';
import { pssMb, type Running, startBare, startProgram } from './program.ts';

const ROUNDS = 25;
const ROOT = path.dirname(path.dirname(import.meta.dirname));
const SHIM = path.join(ROOT, 'packages/animus-supervisor/shim/broca-shim.sh');
const BARE = path.join(import.meta.dirname, 'bare.mjs');
const NO_SANDBOX = { works: false, reason: 'not measured here' } as const;

type Level = { isolation: Isolation; wish: IsolationWish; abilities: Abilities; first: number; ready: number };

export async function isolation(): Promise<Figure[]> {
  // Nothing listens there: readiness does not wait for Letta.
  using agent = makeAgentFolder('http://127.0.0.1:9');
  const machine = await probeMachine(process.env, path.dirname(agent.folder));
  const without = { sandbox: NO_SANDBOX, cgroups: null, cgroupsCount: false };
  const levels: Level[] = [
    { isolation: 'none', wish: 'off', abilities: without, first: 1.2, ready: 2.3 },
    { isolation: 'permission', wish: 'auto', abilities: without, first: 1.4, ready: 2.6 },
    ...(machine.sandbox.works
      ? [
          {
            isolation: 'bwrap',
            wish: 'auto',
            abilities: { ...machine, cgroups: null, cgroupsCount: false },
            first: 1.4,
            ready: 2.6,
          } as const,
        ]
      : []),
  ];
  makeRelease(agent);
  const bare: number[] = [];
  const first = new Map(levels.map((level) => [level, [] as number[]]));
  const ready = new Map(levels.map((level) => [level, [] as number[]]));
  // The first start makes the database and compiles; each level keeps compiled code of its own.
  for (const level of levels) for (let warm = 0; warm < 3; warm += 1) await timeToReady(agent, level);
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timeToBare());
    for (const level of levels) first.get(level)?.push(await timeToFirst(agent, level));
    for (const level of levels) ready.get(level)?.push(await timeToReady(agent, level));
  }
  const floor = median(bare);
  const strongest = levels.at(-1);
  return [
    ...levels.map((level) =>
      ratioAtMost(
        { name: `start-to-first-instruction (${level.isolation})`, value: median(first.get(level) ?? []), unit: 'ms', floor },
        level.first,
      ),
    ),
    ...levels.map((level) =>
      ratioAtMost({ name: `start-to-ready (${level.isolation})`, value: median(ready.get(level) ?? []), unit: 'ms', floor }, level.ready),
    ),
    ...(strongest === undefined ? [] : [await memory(agent, strongest)]),
  ];
}

/** As deploy makes it, from the bundle of this checkout. */
function makeRelease(agent: AgentFolder): void {
  const { releases, currentRelease } = agentFolderPaths(agent.folder);
  const folder = path.join(releases, 'bench');
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of fs.readdirSync(path.join(ROOT, 'dist')).filter((each) => /^broca.*\.mjs$/.test(each)))
    fs.copyFileSync(path.join(ROOT, 'dist', name), path.join(folder, name));
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  fs.symlinkSync('bench', currentRelease);
  shareFleetConfig(homePaths(path.dirname(agent.folder)));
}

/** `readable`: what of this checkout the program needs. */
function startIsolated(agent: AgentFolder, { wish, abilities }: Level, program: readonly string[], readable: readonly string[]): Running {
  const paths = agentFolderPaths(agent.folder);
  const isolated = isolate({
    home: path.dirname(agent.folder),
    agent: paths,
    launch: {
      node: process.execPath,
      nodeMajor: Number(process.versions.node.split('.')[0]),
      flags: WORKER_FLAGS,
      program,
      readable: [...readable, fs.realpathSync(process.execPath)],
      codeCache: path.join(paths.releases, 'bench/.cache'),
    },
    supervision: { ...DEFAULT_SUPERVISION, isolation: wish },
    abilities,
  });
  if (!isolated.ok) throw new Error(isolated.error);
  const { command, args, places } = isolated.value;
  const environment = workerEnvironment({ ...process.env, ...places }, {}, 'bench');
  return startProgram('/bin/sh', [SHIM, path.join(agent.folder, 'exit'), 'bench', '', command, ...args], {
    env: environment,
    cwd: agent.folder,
    detached: true,
  });
}

async function timeToBare(): Promise<number> {
  const startedAt = performance.now();
  await using _bare = await startBare();
  return performance.now() - startedAt;
}

async function timeToFirst(agent: AgentFolder, level: Level): Promise<number> {
  const startedAt = performance.now();
  await using running = startIsolated(agent, level, [BARE], [path.dirname(BARE)]);
  if (running.child.stdout !== null) await once(running.child.stdout, 'data');
  return performance.now() - startedAt;
}

async function timeToReady(agent: AgentFolder, level: Level): Promise<number> {
  const startedAt = performance.now();
  await using _broca = startBroca(agent, level);
  using link = await connect(agent, 'cli');
  await link.next(({ type }) => type === 'ready');
  return performance.now() - startedAt;
}

function startBroca(agent: AgentFolder, level: Level): Running {
  const { program } = agentFolderPaths(agent.folder);
  return startIsolated(agent, level, [program, 'run'], [path.join(ROOT, 'node_modules/better-sqlite3')]);
}

/** All that stands between the supervisor and Broca: the shim, and bwrap twice. */
async function memory(agent: AgentFolder, level: Level): Promise<Figure> {
  await using broca = startBroca(agent, level);
  using link = await connect(agent, 'cli');
  await link.next(({ type }) => type === 'ready');
  const pids = [broca.pid];
  for (const pid of pids) {
    if (level.isolation === 'bwrap' && pids.length === 3) break;
    const [child] = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    if (level.isolation === 'bwrap' && child !== undefined && child !== '') pids.push(Number(child));
  }
  const value = pids.reduce((sum, pid) => sum + pssMb(pid), 0);
  const [bare] = [await startBare()];
  const floor = pssMb(bare.pid);
  await bare[Symbol.asyncDispose]();
  return shown({ name: `shim-and-sandbox-memory (PSS, ${level.isolation}; floor: bare node)`, value, unit: 'MB', floor });
}
