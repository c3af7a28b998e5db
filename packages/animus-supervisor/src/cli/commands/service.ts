import os from 'node:os';
import { EXIT, type ExitCode } from 'animus-protocol';
import { missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { mark } from '../render.ts';
import { examineService, type ServiceStatus } from '../service/examine.ts';
import { install } from '../service/install.ts';
import { findInstalled, wantedText } from '../service/place.ts';
import { uninstall } from '../service/uninstall.ts';
import type { Scope } from '../service/unit.ts';

export const service: Command = defineCommand({
  name: 'service',
  summary: 'Have systemd start the fleet at boot: install, uninstall, status',
  arguments: { what: { count: 'one', description: 'install, uninstall or status', choices: ['install', 'uninstall', 'status'] } },
  options: {
    system: { kind: 'flag', description: "A unit of the machine's systemd; the default for root" },
    user: { kind: 'flag', description: 'A unit of your own systemd; the default for others' },
    now: { kind: 'flag', description: 'install: start it now too; a supervisor that runs hands over, its agents notice nothing' },
    print: { kind: 'flag', description: 'install: print the unit and do nothing' },
  },
  examples: [
    { line: 'animus service install --now', effect: 'the fleet comes up at each boot, and runs under systemd from now on' },
    { line: 'animus service status', effect: 'exit 1 when the fleet would not come up after a reboot, and why' },
    { line: 'animus service uninstall', effect: 'undoes it; a fleet that runs goes on' },
  ],
  run: async (values, context) => {
    const { screen, home } = context;
    const refused = refusal(values, missingHome(home.home));
    if (refused !== null) {
      screen.complain(refused.message);
      return refused.code;
    }
    const chosen: Scope | null = values.system ? 'system' : values.user ? 'user' : null;
    if (values.what === 'install') {
      const scope = chosen ?? (os.userInfo().uid === 0 ? 'system' : 'user');
      return values.print ? print(scope, context) : await runInstall(scope, values.now, values.json, context);
    }
    if (values.what === 'uninstall') return await runUninstall(chosen, values.json, context);
    return await runStatus(chosen, values.json, context);
  },
});

type Given = { what: string; system: boolean; user: boolean; now: boolean; print: boolean };

function refusal({ what, system, user, now, print: printed }: Given, missing: string | null): { code: ExitCode; message: string } | null {
  if (system && user) return { code: EXIT.usage, message: '--system and --user exclude each other' };
  if (what !== 'install' && (now || printed)) return { code: EXIT.usage, message: '--now and --print belong to install' };
  if (process.platform !== 'linux')
    return {
      code: EXIT.failed,
      message: 'service writes systemd units, which only Linux has; have your system run at login: animus up -d',
    };
  return missing === null ? null : { code: EXIT.failed, message: missing };
}

function print(scope: Scope, context: CliContext): ExitCode {
  const text = wantedText(scope, context);
  if (text.ok) context.screen.print(text.value.trimEnd());
  else context.screen.complain(text.error);
  return text.ok ? EXIT.done : EXIT.failed;
}

async function runInstall(scope: Scope, isStarted: boolean, json: boolean, context: CliContext): Promise<ExitCode> {
  const { screen } = context;
  const { code, installed } = await install(scope, isStarted, context);
  if (installed === null) return code;
  const { file, enabled, started, todo } = installed;
  if (json) screen.printJson(installed);
  else {
    screen.print(`${mark(screen, true)} ${file} is written`);
    if (enabled) screen.print(`${mark(screen, true)} the fleet starts at each boot${started ? ', and runs under systemd now' : ''}`);
    if (enabled && !isStarted) screen.print('To start it now: animus service install --now');
    if (todo.length > 0) screen.print(`Type:\n${todo.map((line) => `  ${line}`).join('\n')}`);
  }
  return code;
}

async function runUninstall(scope: Scope | null, json: boolean, context: CliContext): Promise<ExitCode> {
  const { screen } = context;
  const place = findInstalled(scope, context);
  if (place === null) {
    if (json) screen.printJson({ unit: null, file: null, todo: [] });
    else screen.print('it is not installed; there is nothing to undo');
    return EXIT.done;
  }
  const { code, uninstalled } = await uninstall(place, context);
  if (json) screen.printJson(uninstalled);
  else {
    if (code === EXIT.done) screen.print(`${mark(screen, true)} ${place.file} is removed; nothing starts at boot any more`);
    if (uninstalled.todo.length > 0) screen.print(`Type:\n${uninstalled.todo.map((line) => `  ${line}`).join('\n')}`);
  }
  return code;
}

async function runStatus(scope: Scope | null, json: boolean, context: CliContext): Promise<ExitCode> {
  const { screen } = context;
  const status = await examineService(findInstalled(scope, context), context);
  if (json) screen.printJson(status);
  else for (const line of statusLines(status, context)) screen.print(line);
  return status.faults.length === 0 ? EXIT.done : EXIT.failed;
}

function statusLines(status: ServiceStatus, { screen }: CliContext): string[] {
  const said = (value: boolean | null): string => (value === null ? 'not known' : value ? 'yes' : 'no');
  const lines: string[] = [];
  if (status.installed) {
    lines.push(`${status.unit} (${status.scope}): ${status.file}`);
    lines.push(`starts at boot: ${said(status.enabled)} · runs under systemd: ${said(status.active)}`);
    if (status.scope === 'user') lines.push(`lingering: ${said(status.lingering)}`);
    lines.push(`starts: ${status.node} ${status.program}`);
  }
  for (const fault of status.faults) lines.push(`${mark(screen, false)} ${fault}`);
  for (const warning of status.warnings) lines.push(`${screen.paint('yellow', '!')} ${warning}`);
  if (status.faults.length === 0) lines.push(`${mark(screen, true)} the fleet comes up after a reboot`);
  return lines;
}
