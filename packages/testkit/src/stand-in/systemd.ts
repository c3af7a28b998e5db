/**
 * Stands for systemctl and loginctl on a machine without systemd: `systemd.ts systemctl|loginctl <words>`. It writes down
 * each call, keeps to what the unit says (ExecStart, KillMode, WorkingDirectory), and really starts and ends processes.
 * Its world is the folder $STAND_IN_SYSTEMD: `calls`, `pid`, and `refuses` or `lingers` when a test has put them there.
 * `systemctl boot` is a test's own: it starts what is enabled, as a machine does.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const world = process.env['STAND_IN_SYSTEMD'] ?? '';
const [program, ...all] = process.argv.slice(2);
const isUser = all.includes('--user');
const words = all.filter((word) => word !== '--user');
const units = isUser
  ? path.join(process.env['HOME'] ?? '', '.config/systemd/user')
  : (process.env['SYSTEMD_UNIT_PATH'] ?? '/nowhere').split(':')[0] || '/nowhere';

fs.appendFileSync(path.join(world, 'calls'), `${[program, ...all].join(' ')}\n`);
process.exitCode = program === 'loginctl' ? lingering() : await systemctl(words);

function lingering(): number {
  process.stdout.write(has('lingers') ? 'yes\n' : 'no\n');
  return 0;
}

async function systemctl([verb, unit = '']: string[]): Promise<number> {
  if (has('refuses')) return complain("System has not been booted with systemd as init system (PID 1). Can't operate.");
  const file = path.join(units, unit);
  if (/^(enable|disable|start|stop)$/.test(verb ?? '') && !fs.existsSync(file)) return complain(`Unit ${unit} could not be found.`);
  switch (verb) {
    case 'daemon-reload':
    case 'reset-failed':
      return 0;
    case 'enable':
      fs.mkdirSync(path.dirname(wants(file)), { recursive: true });
      fs.rmSync(wants(file), { force: true });
      fs.symlinkSync(file, wants(file));
      return 0;
    case 'disable':
      fs.rmSync(wants(file), { force: true });
      return 0;
    case 'start':
      return start(file);
    case 'boot':
      for (const name of fs.readdirSync(units)) if (name.endsWith('.service') && isEnabled(name)) start(path.join(units, name));
      return 0;
    case 'stop':
      return await stop(file);
    case 'is-active':
      process.stdout.write(`${pidOf() === null ? 'inactive' : 'active'}\n`);
      return pidOf() === null ? 3 : 0;
    case 'show':
      process.stdout.write(
        `UnitFileState=${isEnabled(unit) ? 'enabled' : 'disabled'}\nActiveState=${pidOf() === null ? 'inactive' : 'active'}\nMainPID=${pidOf() ?? 0}\n`,
      );
      return 0;
    default:
      return complain(`Unknown command verb ${verb}.`);
  }
}

function start(file: string): number {
  if (pidOf() !== null) return 0;
  const text = fs.readFileSync(file, 'utf8');
  const [command = '', ...args] = [...(/^ExecStart=(.*)$/m.exec(text)?.[1] ?? '').matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) =>
    word.replaceAll('$$', '$').replaceAll('%%', '%').replaceAll(/\\(.)/g, '$1'),
  );
  const cwd = (/^WorkingDirectory=(.*)$/m.exec(text)?.[1] ?? '/').replaceAll('%%', '%');
  // systemd gives a unit next to nothing of anybody's environment.
  const env = { PATH: '/usr/bin:/bin', HOME: process.env['HOME'], ANIMUS_TEST_RUN: process.env['ANIMUS_TEST_RUN'] };
  const child = spawn(command, args, { cwd, env, detached: true, stdio: 'ignore' });
  child.unref();
  fs.writeFileSync(path.join(world, 'pid'), String(child.pid));
  return 0;
}

/** Only a KillMode of `process` leaves the others alone. */
async function stop(file: string): Promise<number> {
  const pid = pidOf();
  if (pid === null) return 0;
  process.kill(/^KillMode=process$/m.test(fs.readFileSync(file, 'utf8')) ? pid : -pid, 'SIGTERM');
  while (pidOf() !== null) await delay(10);
  return 0;
}

function pidOf(): number | null {
  const pid = has('pid') ? Number(fs.readFileSync(path.join(world, 'pid'), 'utf8')) : 0;
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return pid > 0 && !/\) [ZX] /.test(stat) ? pid : null;
  } catch {
    return null;
  }
}

function isEnabled(unit: string): boolean {
  return fs.existsSync(wants(path.join(units, unit)));
}

function wants(file: string): string {
  return path.join(path.dirname(file), isUser ? 'default.target.wants' : 'multi-user.target.wants', path.basename(file));
}

function has(name: string): boolean {
  return fs.existsSync(path.join(world, name));
}

function complain(message: string): number {
  process.stderr.write(`${message}\n`);
  return 1;
}
