/** Writes the unit, has systemd start it at each boot, and, when asked to, starts it now. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, type ExitCode } from 'animus-protocol';
import { identify, isAlive } from '../../worker/proc.ts';
import type { CliContext } from '../context.ts';
import { askStatus, waitUntilAnswering } from '../supervisor.ts';
import { type Place, placeOf, wantedText } from './place.ts';
import { isLingering, systemctl } from './systemctl.ts';
import type { Scope } from './unit.ts';

export type Installed = {
  scope: Scope;
  unit: string;
  file: string;
  enabled: boolean;
  started: boolean;
  /** Null when it does not matter, or nobody can say. */
  lingering: boolean | null;
  /** What a person still has to type. */
  todo: string[];
};

const ANSWERS_WITHIN_MS = 15_000;
const LEAVES_WITHIN_MS = 10_000;

export async function install(
  scope: Scope,
  isStarted: boolean,
  context: CliContext,
): Promise<{ code: ExitCode; installed: Installed | null }> {
  const { screen } = context;
  const text = wantedText(scope, context);
  if (!text.ok) {
    screen.complain(text.error);
    return { code: EXIT.failed, installed: null };
  }
  const place = placeOf(scope, context);
  const refused = writeUnit(place, text.value);
  if (refused !== null) {
    screen.complain(refused);
    return { code: EXIT.failed, installed: null };
  }
  const todo: string[] = [];
  const enabled = await enable(place, context, todo);
  const lingering = scope === 'user' ? await isLingering(os.userInfo().username, context.environment) : null;
  if (scope === 'user' && lingering !== true) {
    screen.complain(
      lingering === false
        ? 'without lingering, the fleet starts when you log in and ends when you log out'
        : 'whether your systemd runs without you being logged in cannot be known here; this makes sure of it',
    );
    todo.push(`sudo loginctl enable-linger ${os.userInfo().username}`);
  }
  const started = isStarted && enabled && (await startUnit(place, context));
  const isDone = enabled && (!isStarted || started);
  if (isStarted && !enabled) todo.push(`${place.systemctl} start ${place.unit}`);
  return { code: isDone ? EXIT.done : EXIT.failed, installed: { ...nameOf(place), enabled, started, lingering, todo } };
}

function nameOf({ scope, unit, file }: Place): Pick<Installed, 'scope' | 'unit' | 'file'> {
  return { scope, unit, file };
}

/** Null, or why it was not written. */
function writeUnit({ scope, unit, file, systemctl: word }: Place, text: string): string | null {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    // systemd complains of a unit that others may not read; there is no secret in it.
    fs.writeFileSync(`${file}.new`, text, { mode: 0o644 });
    fs.chmodSync(`${file}.new`, 0o644);
    fs.renameSync(`${file}.new`, file);
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (scope === 'user') return `the unit could not be written: ${reason}`;
    const lines = [`animus service install --system --print | sudo tee ${file}`, `sudo systemctl daemon-reload`, `${word} enable ${unit}`];
    return `a unit of the machine is root's to write (${reason}). Type:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  }
}

async function enable(place: Place, { environment, screen }: CliContext, todo: string[]): Promise<boolean> {
  for (const words of [['daemon-reload'], ['enable', place.unit]]) {
    const done = await systemctl(place, words, environment);
    if (done.ok) continue;
    screen.complain(`the unit is written, but systemd does not take it here: ${done.error}`);
    todo.push(`${place.systemctl} daemon-reload`, `${place.systemctl} enable ${place.unit}`);
    return false;
  }
  return true;
}

/** A supervisor that was started by hand hands over: it ends, its Brocas go on, and the one systemd starts takes them over. */
export async function startUnit(place: Place, context: Pick<CliContext, 'home' | 'environment' | 'screen'>): Promise<boolean> {
  const { home, environment, screen } = context;
  const status = await askStatus(home.socket);
  const before = status.ok ? status.value.supervisor.pid : null;
  const active = await systemctl(place, ['is-active', place.unit], environment);
  if (before !== null && !active.ok) await endSupervisor(before);
  const done = await systemctl(place, ['start', place.unit], environment);
  const answered = done.ok ? await waitUntilAnswering(home.socket, AbortSignal.timeout(ANSWERS_WITHIN_MS)) : null;
  if (answered !== null) return true;
  screen.complain(done.ok ? `systemd started it, but it does not answer; look at logs/supervisor.log in the home` : done.error);
  if (before !== null) screen.complain('the agents go on without a supervisor; start one with: animus up -d');
  return false;
}

/** Ends the supervisor alone and waits for it. */
export async function endSupervisor(pid: number): Promise<void> {
  const supervisor = identify(pid);
  process.kill(pid, 'SIGTERM');
  for (let waited = 0; waited < LEAVES_WITHIN_MS && isAlive(supervisor); waited += 20) await delay(20);
}
