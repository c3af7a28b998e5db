/** pm2 as npm has it, in a throwaway folder that is its home too. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { until } from '../fleet.ts';
import { nextStamp } from '../process-figures.ts';
import { type Contender, missing } from './contender.ts';
import { killEach, PRINTER, STAMP, untilQuiet } from './programs.ts';

const run = promisify(execFile);
const FETCH_MS = 60_000;

type App = { name: string; script: string; args?: string[]; env?: Record<string, string>; out_file?: string };

export async function fetchPm2(programs: number): Promise<Contender | null> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-pm2-'));
  const words = ['install', '--prefix', folder, 'pm2', '--no-audit', '--no-fund', '--ignore-scripts'];
  try {
    await run('npm', words, { timeout: FETCH_MS, cwd: folder });
    return new Pm2(folder, programs);
  } catch {
    fs.rmSync(folder, { recursive: true, force: true });
    return missing('pm2');
  }
}

class Pm2 implements Contender {
  readonly name = 'pm2';
  readonly list: Contender['list'];
  readonly #folder: string;
  readonly #program: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #stamps: string[];
  #prints = 0;

  constructor(folder: string, programs: number) {
    this.#folder = folder;
    this.#program = path.join(folder, 'node_modules/pm2/bin/pm2');
    const PATH = `${path.dirname(process.execPath)}:${process.env.PATH}`;
    this.#environment = { ...process.env, PM2_HOME: path.join(folder, 'home'), PM2_DISCRETE_MODE: 'true', PATH };
    this.#stamps = Array.from({ length: programs }, (_, number) => path.join(folder, `stamps-${number}`));
    this.list = { command: process.execPath, args: [this.#program, 'jlist'], environment: this.#environment, title: 'pm2 jlist' };
  }

  pid(): number {
    return Number(fs.readFileSync(path.join(this.#folder, 'home/pm2.pid'), 'utf8'));
  }

  async up(): Promise<number> {
    await this.#pm2('ping');
    const since = process.hrtime.bigint();
    await this.#start(
      'all',
      this.#stamps.map((file, number) => ({ name: `app-${number}`, script: STAMP, args: [file] })),
    );
    return Math.max(...(await Promise.all(this.#stamps.map(async (file) => await nextStamp(file, 0, since)))));
  }

  async crash(count: number, before: () => Promise<void>): Promise<{ first: number[]; ready: number[] }> {
    const listed: { pid: number; name: string }[] = JSON.parse(await this.#pm2('jlist'));
    const named = listed.filter(({ name }) => name.startsWith('app-')).slice(0, count);
    const killed = named.map(({ pid, name }) => ({ pid, stamps: this.#stamps[Number(name.slice('app-'.length))] ?? '' }));
    return { first: await killEach(killed, before), ready: [] };
  }

  async print(lines: number, programs: number): Promise<string[][]> {
    const round = ++this.#prints;
    const places = Array.from({ length: programs }, (_, number) => path.join(this.#folder, `printed-${round}-${number}`));
    await this.#start(
      `print-${round}`,
      places.map((place, number) => ({
        name: `print-${round}-${number}`,
        script: PRINTER,
        autorestart: false,
        out_file: `${place}.out`,
        error_file: `${place}.err`,
        combine_logs: true,
        env: { BENCH_PRINTER: JSON.stringify([lines, 'exit', place]) },
      })),
    );
    for (const place of places) await until(() => fs.existsSync(`${place}.all`) || undefined);
    const files = places.map((place) => [`${place}.out`]);
    await untilQuiet(files.flat());
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pm2('kill').catch(() => undefined);
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(name: string, apps: (App & Record<string, unknown>)[]): Promise<void> {
    const config = path.join(this.#folder, `${name}.config.js`);
    fs.writeFileSync(
      config,
      `module.exports = ${JSON.stringify({ apps: apps.map((app) => ({ interpreter: process.execPath, ...app })) })}`,
    );
    await this.#pm2('start', config);
  }

  async #pm2(...args: string[]): Promise<string> {
    const options = { env: this.#environment, cwd: this.#folder, maxBuffer: 64 * 1024 * 1024 };
    return (await run(process.execPath, [this.#program, ...args], options)).stdout;
  }
}
