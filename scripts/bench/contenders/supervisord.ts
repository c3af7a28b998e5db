/** supervisord from Debian's packages, unpacked into a throwaway folder and not installed. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
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
/** Debian's own, for which the package is made; another in the path may start slower. */
const PYTHON = fs.existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

export async function fetchSupervisord(programs: number): Promise<Contender | null> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-supervisord-'));
  const environment = { ...process.env, PYTHONPATH: path.join(folder, 'usr/lib/python3/dist-packages') };
  try {
    await run('apt-get', ['download', 'supervisor', 'python3-pkg-resources'], { cwd: folder, timeout: FETCH_MS });
    for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.deb')))
      await run('dpkg', ['-x', name, folder], { cwd: folder });
    await run(PYTHON, ['-m', 'supervisor.supervisord', '--version'], { env: environment, cwd: folder });
    return new Supervisord(folder, environment, programs);
  } catch {
    fs.rmSync(folder, { recursive: true, force: true });
    return missing('supervisord');
  }
}

class Supervisord implements Contender {
  readonly name = 'supervisord';
  readonly list: Contender['list'];
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #stamps: string[];
  #child: ChildProcess | null = null;
  #prints = 0;

  constructor(folder: string, environment: NodeJS.ProcessEnv, programs: number) {
    this.#folder = folder;
    this.#environment = environment;
    this.#stamps = Array.from({ length: programs }, (_, number) => path.join(folder, `stamps-${number}`));
    this.list = { command: PYTHON, args: this.#control('status'), environment, title: 'supervisorctl status' };
  }

  pid(): number {
    return this.#child?.pid ?? 0;
  }

  async up(): Promise<number> {
    const programs = this.#stamps.map((file, number) => section(`app-${number}`, `${process.execPath} ${STAMP} ${file}`));
    this.#configure(programs);
    const since = process.hrtime.bigint();
    this.#child = spawn(PYTHON, ['-m', 'supervisor.supervisord', '-c', this.#config], {
      env: this.#environment,
      cwd: this.#folder,
      stdio: 'ignore',
    });
    return Math.max(...(await Promise.all(this.#stamps.map(async (file) => await nextStamp(file, 0, since)))));
  }

  /** Its status ends with 3 when a program does not run. */
  async crash(count: number, before: () => Promise<void>): Promise<{ first: number[]; ready: number[] }> {
    const { stdout } = await run(PYTHON, this.#control('status'), { env: this.#environment });
    const killed = [...stdout.matchAll(/^app-(\d+)\s+RUNNING\s+pid (\d+)/gm)].slice(0, count);
    const named = killed.map(([, number, pid]) => ({ pid: Number(pid), stamps: this.#stamps[Number(number)] ?? '' }));
    return { first: await killEach(named, before), ready: [] };
  }

  async print(lines: number, programs: number): Promise<string[][]> {
    const round = ++this.#prints;
    const places = Array.from({ length: programs }, (_, number) => path.join(this.#folder, `printed-${round}-${number}`));
    const sections = places.map((place, number) =>
      [
        section(`print-${round}-${number}`, `${process.execPath} ${PRINTER}`, false),
        `stdout_logfile=${place}.out\nstdout_logfile_maxbytes=0`,
        `environment=BENCH_PRINTER='${JSON.stringify([lines, 'exit', place])}'\n`,
      ].join('\n'),
    );
    fs.appendFileSync(this.#config, sections.join(''));
    await run(PYTHON, this.#control('update'), { env: this.#environment });
    for (const place of places) await until(() => fs.existsSync(`${place}.all`) || undefined);
    const files = places.map((place) => [`${place}.out`]);
    await untilQuiet(files.flat());
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null) {
      const ended = once(child, 'exit');
      if (child.kill('SIGTERM')) await ended;
    }
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  get #config(): string {
    return path.join(this.#folder, 'supervisord.conf');
  }

  #configure(sections: readonly string[]): void {
    const { folder } = { folder: this.#folder };
    const own = `[supervisord]\nnodaemon=true\nlogfile=${folder}/log\npidfile=${folder}/pid\nchildlogdir=${folder}\n`;
    const control = `[unix_http_server]\nfile=${folder}/control\n[supervisorctl]\nserverurl=unix://${folder}/control\n`;
    const reached = '[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n';
    fs.writeFileSync(this.#config, [own, control, reached, ...sections].join(''));
  }

  #control(word: string): string[] {
    return ['-m', 'supervisor.supervisorctl', '-c', path.join(this.#folder, 'supervisord.conf'), word];
  }
}

function section(name: string, command: string, isKept = true): string {
  return `[program:${name}]\ncommand=${command}\nautorestart=${isKept}\nstartsecs=0\n`;
}
