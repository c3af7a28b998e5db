/** Is the service as it should be: does its unit lead to what is there, and will it start at the next boot? */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { CliContext } from '../context.ts';
import { readText } from '../read-text.ts';
import { askStatus } from '../supervisor.ts';
import { isUpToDate, type Place } from './place.ts';
import { isLingering, readState } from './systemctl.ts';
import { readUnit, type Scope } from './unit.ts';

export type ServiceStatus = {
  installed: boolean;
  scope: Scope | null;
  unit: string | null;
  file: string | null;
  /** Starts at boot; null when systemd cannot be asked. */
  enabled: boolean | null;
  /** Runs now, started by systemd. */
  active: boolean | null;
  lingering: boolean | null;
  node: string | null;
  program: string | null;
  /** Why the fleet would not come up after a reboot. */
  faults: string[];
  /** What a person should know although it works. */
  warnings: string[];
};

const NOT_INSTALLED: ServiceStatus = {
  installed: false,
  scope: null,
  unit: null,
  file: null,
  enabled: null,
  active: null,
  lingering: null,
  node: null,
  program: null,
  faults: ['it is not installed: after a reboot nothing starts. Install it with: animus service install --now'],
  warnings: [],
};

export async function examineService(place: Place | null, context: CliContext): Promise<ServiceStatus> {
  if (place === null) return NOT_INSTALLED;
  const { environment, home } = context;
  const pinned = readUnit(readText(place.file) ?? '');
  const [state, lingering, status] = await Promise.all([
    readState(place, environment),
    place.scope === 'user' ? isLingering(os.userInfo().username, environment) : null,
    askStatus(home.socket),
  ]);
  const faults = unitFaults(place, pinned, context);
  const warnings: string[] = [];
  if (!state.ok) warnings.push(`systemd cannot be asked here: ${state.error}`);
  if (!(state.ok ? state.value.enabled : hasLink(place))) faults.push(`it is not enabled; type: ${place.systemctl} enable ${place.unit}`);
  if (lingering === false)
    faults.push(`your systemd ends when you log out, and the fleet with it; type: sudo loginctl enable-linger ${os.userInfo().username}`);
  const supervisor = status.ok ? status.value.supervisor.pid : null;
  if (supervisor !== null && state.ok && state.value.mainPid !== supervisor)
    warnings.push(`the supervisor that runs (pid ${supervisor}) was not started by systemd; hand over with: animus service install --now`);
  if (supervisor === null && state.ok && !state.value.active)
    warnings.push(`it does not run now; start it with: ${place.systemctl} start ${place.unit}`);
  if (faults.length === 0 && isUpToDate(place, context) === false)
    warnings.push('its unit is not as this animus writes it; write it anew with: animus service install');
  return {
    installed: true,
    scope: place.scope,
    unit: place.unit,
    file: place.file,
    enabled: state.ok ? state.value.enabled : null,
    active: state.ok ? state.value.active : null,
    lingering,
    node: pinned?.node ?? null,
    program: pinned?.program ?? null,
    faults,
    warnings,
  };
}

/** What `systemctl enable` makes. */
function hasLink({ scope, file, unit }: Place): boolean {
  return fs.existsSync(path.join(path.dirname(file), `${scope === 'user' ? 'default' : 'multi-user'}.target.wants`, unit));
}

/** What a unit starts must be there at the next boot: an upgrade, or a Node that was removed, may have taken it away. */
function unitFaults(place: Place, pinned: ReturnType<typeof readUnit>, { home }: CliContext): string[] {
  const anew = 'write it anew with: animus service install';
  if (pinned === null) return [`${place.file} was changed and starts no supervisor of ours; ${anew}`];
  const faults: string[] = [];
  for (const [what, file] of [
    ['Node', pinned.node],
    ['program', pinned.program],
  ] as const) {
    if (!fs.existsSync(file)) faults.push(`the ${what} it starts is gone (${file}); ${anew}`);
  }
  if (pinned.home !== home.home) faults.push(`it starts the supervisor of another home (${pinned.home}); ${anew}`);
  return faults;
}
