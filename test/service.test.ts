/**
 * The service: its unit is one that systemd takes, a fleet under it outlives its supervisor, a reboot brings back what
 * ran, and nothing of it is left when it is undone. systemctl is a stand-in that really starts and ends processes.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Ran } from 'animus-testkit';
import { type Agent, FleetRig, isAlive, killHard, until } from './fleet/rig.ts';

const STAND_IN = path.join(import.meta.dirname, '../packages/testkit/src/stand-in/systemd.ts');

class Machine implements AsyncDisposable {
  readonly fleet: FleetRig;
  readonly #world: string;
  readonly environment: Record<string, string>;

  static async make(config: Record<string, unknown> = {}): Promise<Machine> {
    return new Machine(await FleetRig.make(config));
  }

  private constructor(fleet: FleetRig) {
    this.fleet = fleet;
    const { folder } = fleet.rig;
    this.#world = path.join(folder, 'systemd');
    const bin = path.join(folder, 'bin');
    for (const each of [this.#world, bin, path.join(folder, 'units')]) fs.mkdirSync(each);
    for (const name of ['systemctl', 'loginctl'])
      fs.writeFileSync(path.join(bin, name), `#!/bin/sh\nexec '${process.execPath}' '${STAND_IN}' ${name} "$@"\n`, { mode: 0o755 });
    this.environment = {
      PATH: `${bin}:${process.env.PATH}`,
      STAND_IN_SYSTEMD: this.#world,
    };
  }

  get file(): string {
    const folder = path.join(this.fleet.rig.folder, '.config/systemd/user');
    const [name = 'none'] = fs.existsSync(folder) ? fs.readdirSync(folder).filter((each) => each.endsWith('.service')) : [];
    return path.join(folder, name);
  }

  put(name: 'refuses' | 'lingers'): void {
    fs.writeFileSync(path.join(this.#world, name), '');
  }

  calls(): string[] {
    const file = path.join(this.#world, 'calls');
    const calls = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    fs.rmSync(file, { force: true });
    return calls;
  }

  async service(...words: string[]): Promise<Ran> {
    return await this.fleet.rig.animus(['service', ...words], { environment: this.environment });
  }

  async systemctl(...words: string[]): Promise<void> {
    const env = { ...process.env, ...this.environment, HOME: this.fleet.rig.folder };
    await promisify(execFile)('systemctl', ['--user', ...words], { env });
  }

  /** Everything ends at once, and the kernel that comes up is another one. */
  async reboot(): Promise<void> {
    await until('everything has ended', () => {
      const left = this.fleet.processes();
      for (const { pid } of left) killHard(pid);
      return left.length === 0 ? true : null;
    });
    const records = path.join(this.fleet.home, 'run/agents');
    for (const name of fs.readdirSync(records).filter((each) => each.endsWith('.json'))) {
      const file = path.join(records, name);
      const record = JSON.parse(fs.readFileSync(file, 'utf8'));
      // A pid of the last boot may be anybody's now: ours, for the worst case.
      if (record.run?.shim) record.run.shim = { ...record.run.shim, pid: process.pid, bootId: 'the-boot-before' };
      fs.writeFileSync(file, JSON.stringify(record));
    }
    await this.systemctl('boot');
    await this.answers();
  }

  async answers(): Promise<void> {
    await until('the supervisor answers', async () => await this.fleet.status().catch(() => null));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
  }
}

async function phases(fleet: FleetRig, agents: readonly Agent[]): Promise<string[]> {
  return await Promise.all(agents.map(async (agent) => (await fleet.statusOf(agent)).phase));
}

test('a fleet under systemd: installed, its supervisor replaced, rebooted, and undone', async () => {
  await using machine = await Machine.make({ agents: { manual: { autostart: false }, idle: { autostart: false } } });
  machine.put('lingers');
  const { fleet } = machine;
  const agents = [
    await fleet.deployed('runs'),
    await fleet.deployed('rests'),
    await fleet.deployed('manual'),
    await fleet.deployed('idle'),
  ];
  const [runs, rests, manual] = agents as [Agent, Agent, Agent, Agent];
  await fleet.done('up', '-d');
  await fleet.done('stop', rests.id);
  await fleet.done('start', manual.id);
  assert.deepEqual(await phases(fleet, agents), ['ready', 'stopped', 'ready', 'stopped']);
  const before = await fleet.brocaOf(runs);

  // Installing it hands over: another supervisor, the same Broca.
  const byHand = (await fleet.status()).supervisor.pid;
  const installed = await machine.service('install', '--user', '--now');
  assert.equal(installed.code, 0, installed.stderr + installed.stdout);
  assert.match(installed.stdout, /starts at each boot, and runs under systemd now/);
  assert.equal(isAlive(byHand), false);
  assert.equal(await fleet.brocaOf(runs), before);
  const well = await machine.service('status');
  assert.equal(well.code, 0, well.stdout);
  assert.match(well.stdout, /the fleet comes up after a reboot/);
  assert.doesNotMatch(well.stdout, /!/);

  // systemd ends and starts the supervisor alone; the Brocas notice nothing.
  const supervisor = (await fleet.status()).supervisor.pid;
  await machine.systemctl('stop', path.basename(machine.file));
  assert.equal(isAlive(before), true);
  await machine.systemctl('start', path.basename(machine.file));
  await machine.answers();
  assert.notEqual((await fleet.status()).supervisor.pid, supervisor);
  assert.equal(await fleet.brocaOf(runs), before);

  await machine.reboot();
  await fleet.brocaOf(runs);
  await fleet.brocaOf(manual);
  assert.deepEqual(await phases(fleet, agents), ['ready', 'stopped', 'ready', 'stopped']);
  // The machine went down, not an agent.
  const { deaths, lastDeath, restarts } = await fleet.statusOf(runs);
  assert.deepEqual([deaths, lastDeath, restarts], [{}, null, 0]);
  assert.match(await fleet.send(runs, 'Are you there?'), /Are you there\?/);

  // Undone: nothing left of it, and the fleet goes on, looked after.
  const after = await fleet.brocaOf(runs);
  const { file } = machine;
  const undone = await machine.service('uninstall');
  assert.equal(undone.code, 0, undone.stderr + undone.stdout);
  assert.deepEqual(
    fs.readdirSync(path.dirname(file), { recursive: true }).filter((name) => String(name).includes('animus')),
    [],
  );
  assert.equal(await fleet.brocaOf(runs), after);
  const gone = await machine.service('status');
  assert.equal(gone.code, 1);
  assert.match(gone.stdout, /it is not installed: after a reboot nothing starts/);
  assert.equal((await machine.service('uninstall')).code, 0);
});

test('without a systemd that works, the unit is written and a person is told what to type', async () => {
  await using machine = await Machine.make();
  machine.put('refuses');
  const installed = await machine.service('install', '--user', '--now');
  assert.equal(installed.code, 1);
  const unit = path.basename(machine.file);
  assert.match(unit, /^animus-home-[0-9a-f]{8}\.service$/);
  assert.match(installed.stderr, /the unit is written, but systemd does not take it here: System has not been booted/);
  assert.match(installed.stderr, /when you log out/);
  const typed = [
    'systemctl --user daemon-reload',
    `systemctl --user enable ${unit}`,
    `sudo loginctl enable-linger ${os.userInfo().username}`,
  ];
  for (const line of [...typed, `systemctl --user start ${unit}`]) assert.ok(installed.stdout.includes(`  ${line}\n`), installed.stdout);
  const status = await machine.service('status', '--json');
  assert.equal(status.code, 1);
  const { enabled, lingering, faults, warnings } = JSON.parse(status.stdout);
  assert.deepEqual([enabled, lingering], [null, false]);
  assert.match(faults.join('\n'), /it is not enabled; type: systemctl --user enable/);
  assert.match(faults.join('\n'), /enable-linger/);
  assert.match(warnings.join('\n'), /systemd cannot be asked here/);
  const undone = await machine.service('uninstall');
  assert.equal(undone.code, 1);
  assert.match(undone.stdout, /systemctl --user daemon-reload/);
  assert.equal(fs.existsSync(machine.file) && machine.file.endsWith('.service'), false);
});

test('status sees what a reboot would find: a program or Node that is gone, a unit that was changed', async () => {
  await using machine = await Machine.make();
  machine.put('lingers');
  assert.equal((await machine.service('install', '--user')).code, 0);
  const { file } = machine;
  const text = fs.readFileSync(file, 'utf8');
  const cases: [changed: string, code: number, says: RegExp][] = [
    [
      text.replace(/^ExecStart="[^"]*"/m, 'ExecStart="/opt/node-18/bin/node"'),
      1,
      /the Node it starts is gone \(\/opt\/node-18\/bin\/node\); write it anew/,
    ],
    [text.replace('supervisor.mjs', 'gone.mjs'), 1, /the program it starts is gone/],
    [text.replace(/^ExecStart=.*$/m, 'ExecStart=/bin/true'), 1, /was changed and starts no supervisor of ours/],
    [text.replace('RestartSec=5', 'RestartSec=7'), 0, /not as this animus writes it/],
  ];
  for (const [changed, code, says] of cases) {
    assert.notEqual(changed, text);
    fs.writeFileSync(file, changed);
    const status = await machine.service('status');
    assert.equal(status.code, code, status.stdout);
    assert.match(status.stdout, says);
  }
  assert.equal((await machine.service('install', '--user')).code, 0);
  assert.equal(fs.readFileSync(file, 'utf8'), text);
  // Where a service is installed, `up -d` has systemd start it; where that cannot be, it starts all the same.
  assert.equal((await machine.fleet.rig.animus(['up', '-d'], { environment: machine.environment })).code, 0);
  const byService = await machine.service('status', '--json');
  assert.deepEqual([JSON.parse(byService.stdout).active, JSON.parse(byService.stdout).warnings], [true, []]);
  await machine.fleet.done('down');
  machine.put('refuses');
  const up = await machine.fleet.rig.animus(['up', '-d'], { environment: machine.environment });
  assert.equal(up.code, 0);
  assert.match(up.stderr, /started without systemd instead/);
  machine.calls();
  assert.equal((await machine.service('install', '--user', '--print')).stdout, text);
  assert.deepEqual(machine.calls(), []);
  for (const words of [['install', '--user', '--system'], ['status', '--now'], ['remove']])
    assert.equal((await machine.service(...words)).code, 2);
});

function missing(program: string): string | false {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return `${program} is not installed`;
  }
}

test('systemd takes the units as they are written, whatever the home is called', { skip: missing('systemd-analyze') }, async () => {
  await using machine = await Machine.make();
  const { rig } = machine.fleet;
  for (const name of ['home', 'a home of 100% "quotes" $HOME and \\ more']) {
    const home = path.join(rig.folder, name);
    for (const scope of ['--user', '--system']) {
      const environment = { ...machine.environment, ANIMUS_HOME: home };
      assert.equal((await rig.animus(['init'], { environment })).code, 0);
      const printed = await rig.animus(['service', 'install', scope, '--print'], { environment });
      assert.equal(printed.code, 0, printed.stderr);
      const file = path.join(rig.folder, `units/animus${scope}.service`);
      fs.writeFileSync(file, printed.stdout);
      const words = ['verify', '--man=no', ...(scope === '--user' ? ['--user'] : []), file];
      const env = { PATH: process.env.PATH, HOME: rig.folder, XDG_RUNTIME_DIR: rig.folder };
      const { stdout, stderr } = await promisify(execFile)('systemd-analyze', words, { env });
      // It says what it ignores and ends with 0 all the same; of other units of the machine it may say what it likes.
      assert.deepEqual(
        `${stdout}${stderr}`.split('\n').filter((line) => line.includes('animus')),
        [],
      );
      assert.match(printed.stdout, /^KillMode=process$/m);
      assert.doesNotMatch(printed.stdout, /^ExecStop/m);
    }
  }
});
