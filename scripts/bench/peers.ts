/**
 * The supervisors that ours is measured beside: pm2 from npm and supervisord from Debian, each fetched into a throwaway
 * folder. One that cannot be had here is said to be missing and left out.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { until } from './fleet.ts';

const run = promisify(execFile);
const FETCH_MS = 180_000;

/** `folder` holds all of it, pm2's own home too. */
export type Pm2 = AsyncDisposable & {
  folder: string;
  environment: NodeJS.ProcessEnv;
  program: string;
  pm2(...args: string[]): Promise<string>;
  daemon(): number;
};

export async function fetchPm2(): Promise<Pm2 | null> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-pm2-'));
  try {
    await run('npm', ['install', '--prefix', folder, 'pm2', '--no-audit', '--no-fund', '--ignore-scripts'], {
      timeout: FETCH_MS,
      cwd: folder,
    });
  } catch {
    return missing('pm2', folder);
  }
  const program = path.join(folder, 'node_modules/pm2/bin/pm2');
  const home = path.join(folder, 'home');
  const environment = {
    ...process.env,
    PM2_HOME: home,
    PM2_DISCRETE_MODE: 'true',
    PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`,
  };
  const pm2 = async (...args: string[]): Promise<string> =>
    (await run(process.execPath, [program, ...args], { env: environment, cwd: folder, maxBuffer: 64 * 1024 * 1024 })).stdout;
  return {
    folder,
    environment,
    program,
    pm2,
    daemon: () => Number(fs.readFileSync(path.join(home, 'pm2.pid'), 'utf8')),
    async [Symbol.asyncDispose]() {
      await pm2('kill').catch(() => undefined);
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type Supervisord = AsyncDisposable & { pid: number; folder: string };

/** Runs one program, started again whenever it ends. */
export async function startSupervisord(command: string): Promise<Supervisord | null> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-supervisord-'));
  const python = await fetchSupervisord(folder);
  if (python === null) return missing('supervisord', folder);
  const config = path.join(folder, 'supervisord.conf');
  fs.writeFileSync(
    config,
    `[supervisord]\nnodaemon=true\nlogfile=${folder}/log\npidfile=${folder}/pid\n[program:worker]\ncommand=${command}\nautorestart=true\nstartsecs=0\n`,
  );
  const child: ChildProcess = spawn(python.command, ['-m', 'supervisor.supervisord', '-c', config], {
    env: python.environment,
    cwd: folder,
    stdio: 'ignore',
  });
  await until(() => (fs.existsSync(path.join(folder, 'pid')) || child.exitCode !== null ? true : undefined));
  return {
    pid: child.pid ?? 0,
    folder,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGTERM')) await ended;
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian's packages, unpacked and not installed. */
async function fetchSupervisord(folder: string): Promise<{ command: string; environment: NodeJS.ProcessEnv } | null> {
  const environment = { ...process.env, PYTHONPATH: path.join(folder, 'usr/lib/python3/dist-packages') };
  try {
    await run('apt-get', ['download', 'supervisor', 'python3-pkg-resources'], { cwd: folder, timeout: FETCH_MS });
    for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.deb')))
      await run('dpkg', ['-x', name, folder], { cwd: folder });
    await run('python3', ['-m', 'supervisor.supervisord', '--version'], { env: environment, cwd: folder });
    return { command: 'python3', environment };
  } catch {
    return null;
  }
}

function missing(name: string, folder: string): null {
  console.error(`${name} cannot be fetched here; its figures are left out`);
  fs.rmSync(folder, { recursive: true, force: true });
  return null;
}
