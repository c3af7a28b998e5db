/**
 * 200 000 lines of one worker: what they cost the supervisor, and whether each is there, whole, when the worker is killed
 * right after the last. Ours gives workers a file to print to; pm2 reads a pipe.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Figure, shown, valueAtMost } from './figure.ts';
import { agentId, BenchFleet, until } from './fleet.ts';
import { fetchPm2, type Pm2 } from './peers.ts';
import { cpuMs } from './process-figures.ts';
import { timeToEnd } from './program.ts';

const LINES = 200_000;
const SHORT = 2_000;
const EXITS = 10;
const PRINTER = path.join(import.meta.dirname, 'printer.mjs');

export async function logLines(): Promise<Figure[]> {
  const alone = await printAlone();
  const figures = [...(await ours('off', alone)), ...(await ours('auto', alone))];
  await using pm2 = await fetchPm2();
  return pm2 === null ? figures : [...figures, ...(await ofPm2(pm2, alone))];
}

/** The same lines by a process that nobody watches, in ms. */
async function printAlone(): Promise<number> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  try {
    return await timeToEnd(process.execPath, [PRINTER], {
      ...process.env,
      BENCH_PRINTER: JSON.stringify([LINES, 'exit', path.join(folder, 'printed')]),
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function ours(isolation: 'off' | 'auto', floor: number): Promise<Figure[]> {
  await using fleet = await BenchFleet.make({ agents: 1, isolation, program: PRINTER });
  await fleet.animus('up', '-d').catch(() => undefined);
  // It was broken after its lines: printed once and not again.
  const { supervisor } = await fleet.status();
  const folder = fleet.folder(1);
  for (const name of ['printed', 'logs/output.log', 'logs/output.log.1']) fs.rmSync(path.join(folder, name), { force: true });
  const before = cpuMs(supervisor.pid);
  const last = fleet.events().at(-1)?.id ?? 0;
  await fleet.animus('start', agentId(1)).catch(() => undefined);
  await fleet.event(({ id, details }) => id > last && details['to'] === 'broken');
  const cpu = cpuMs(supervisor.pid) - before;
  const { lost, broken } = judge(
    ['logs/output.log.1', 'logs/output.log'].map((name) => path.join(folder, name)),
    LINES,
  );
  const name = (what: string): string => `${what} (isolation ${isolation})`;
  return [
    shown({ name: name(`supervisor's CPU for ${LINES} lines, two starts included (floor: printing them)`), value: cpu, unit: 'ms', floor }),
    valueAtMost({ name: name(`lines lost of ${LINES} when killed right after`), value: lost, unit: 'lines', floor: 1 }, 0),
    valueAtMost({ name: name('characters broken'), value: broken, unit: 'chars', floor: 1 }, 0),
  ];
}

async function ofPm2(peer: Pm2, floor: number): Promise<Figure[]> {
  await peer.pm2('ping');
  const printAs = async (name: string, count: number): Promise<string> => {
    const out = path.join(peer.folder, `${name}.out`);
    const app = {
      name,
      script: PRINTER,
      interpreter: process.execPath,
      autorestart: false,
      out_file: out,
      error_file: `${out}.err`,
      combine_logs: true,
    };
    const env = { BENCH_PRINTER: JSON.stringify([count, 'exit', path.join(peer.folder, `${name}.printed`)]) };
    const config = path.join(peer.folder, `${name}.config.js`);
    fs.writeFileSync(config, `module.exports = ${JSON.stringify({ apps: [{ ...app, env }] })}`);
    await peer.pm2('start', config);
    await until(() => fs.existsSync(path.join(peer.folder, `${name}.printed.all`)) || undefined);
    await settled(out);
    return out;
  };
  const before = cpuMs(peer.daemon());
  const long = judge([await printAs('long', LINES)], LINES);
  const cpu = cpuMs(peer.daemon()) - before;
  let lost = 0;
  for (let round = 0; round < EXITS; round += 1) lost += judge([await printAs(`short-${round}`, SHORT)], SHORT).lost;
  return [
    shown({ name: `pm2: its daemon's CPU for ${LINES} lines`, value: cpu, unit: 'ms', floor }),
    shown({ name: `pm2: lines lost of ${LINES} at exit`, value: long.lost, unit: 'lines', floor: 1 }),
    shown({ name: `pm2: characters broken`, value: long.broken, unit: 'chars', floor: 1 }),
    shown({ name: `pm2: lines lost in ${EXITS} exits after ${SHORT} lines`, value: lost, unit: 'lines', floor: 1 }),
  ];
}

/** Nothing was added for a while. */
async function settled(file: string): Promise<void> {
  let size = -1;
  let since = performance.now();
  await until(() => {
    const now = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (now !== size) since = performance.now();
    size = now;
    return performance.now() - since > 2_000 ? true : undefined;
  });
}

function judge(files: readonly string[], count: number): { lost: number; broken: number } {
  const text = files.map((file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '')).join('');
  const whole = new Set([...text.matchAll(/^line (\d+) – größer als 😀 und € x{20}$/gm)].map(([, number]) => number));
  return { lost: count - whole.size, broken: text.split('\uFFFD').length - 1 };
}
