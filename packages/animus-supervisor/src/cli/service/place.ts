/** Where a home's unit stands, what it should say, and how to speak of it to a person. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { failed, ok, type Result } from 'animus-protocol';
import type { Installation } from '../../home/installation.ts';
import { homeFolder } from '../../home/paths.ts';
import type { CliContext } from '../context.ts';
import { readText } from '../read-text.ts';
import { type Scope, type UnitFacts, unitName, unitText } from './unit.ts';

export type Place = {
  scope: Scope;
  unit: string;
  file: string;
  /** As a person types it. */
  systemctl: string;
};

type World = Pick<CliContext, 'home' | 'environment'>;

/** $SYSTEMD_UNIT_PATH is systemd's own variable for where units are. */
export function placeOf(scope: Scope, { home, environment }: World): Place {
  const named = environment['SYSTEMD_UNIT_PATH']?.split(':').find((each) => each !== '');
  const config = environment['XDG_CONFIG_HOME'] ?? '';
  const own = path.join(config === '' ? path.join(os.homedir(), '.config') : config, 'systemd/user');
  const unit = unitName(home.home, homeFolder({}, os.homedir()));
  return {
    scope,
    unit,
    file: path.join(named ?? (scope === 'user' ? own : '/etc/systemd/system'), unit),
    systemctl: scope === 'user' ? 'systemctl --user' : os.userInfo().uid === 0 ? 'systemctl' : 'sudo systemctl',
  };
}

/** Where it stands already, or null. `scope` null looks at both. */
export function findInstalled(scope: Scope | null, world: World): Place | null {
  const scopes: Scope[] = scope === null ? ['user', 'system'] : [scope];
  return scopes.map((each) => placeOf(each, world)).find(({ file }) => fs.existsSync(file)) ?? null;
}

/** The unit as it is written today. */
export function wantedText(scope: Scope, { home, installation }: Pick<CliContext, 'home' | 'installation'>): Result<string, string> {
  const found = installation();
  if (!found.ok) return found;
  if (/[\n\r]/.test(home.home)) return failed('the path of the home holds a line break; no unit can name it');
  const { uid, username } = os.userInfo();
  const facts: UnitFacts = {
    scope,
    home: home.home,
    node: pinnedNode(found.value, home.runtimes),
    program: found.value.supervisorProgram,
    user: scope === 'system' && uid !== 0 ? username : null,
  };
  return ok(unitText(facts));
}

/**
 * The Node that the installation brought. Where it brought none, the one of a runtime in the home, which nothing changes:
 * the machine's own may be replaced or removed.
 */
function pinnedNode({ root, node, version }: Installation, runtimes: string): string {
  const isBrought = node.binary.startsWith(`${root}${path.sep}`) || node.binary.includes(`${path.sep}node_modules${path.sep}`);
  if (isBrought) return node.binary;
  const fitting = (fs.existsSync(runtimes) ? fs.readdirSync(runtimes) : [])
    .filter((name) => name.startsWith(`${version}-node${node.version}-`))
    .map((name) => path.join(runtimes, name, 'bin/node'))
    .find((file) => fs.existsSync(file));
  return fitting ?? node.binary;
}

/** Whether the unit that stands says what it should; null when it cannot be known. */
export function isUpToDate(place: Place, context: Pick<CliContext, 'home' | 'installation'>): boolean | null {
  const wanted = wantedText(place.scope, context);
  return wanted.ok ? readText(place.file) === wanted.value : null;
}
