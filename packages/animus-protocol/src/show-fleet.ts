/** `config show` of the fleet: each value of animus.config.json that counts, in the file's own words, and where it came from. */
import { type AgentId, parseAgentId } from './agent-id.ts';
import { LOG_KEEP_MEGABYTES } from './broca-config.ts';
import { type FleetConfig, supervisionOf } from './fleet-config.ts';
import { parseFleetDefaults } from './fleet-defaults.ts';
import { readJson } from './json-text.ts';
import { type ShownSetting, showSetting } from './show-settings.ts';
import type { Supervision } from './supervision.ts';

/** Which part of animus.config.json says it: a section for one agent goes before `supervisor`. */
export type FleetOrigin = 'animus.config.json' | 'agents' | 'supervisor' | 'built-in';

type Shown = ShownSetting<FleetOrigin>;
type Value = readonly [key: string, value: unknown];

const MEGABYTE = 1024 * 1024;

/** `text` as `config` was read from; null: there is no file. What holds for single agents: `showSupervision`. */
export function showFleetConfig(config: FleetConfig, text: string | null): Shown[] {
  const written = readWritten(text);
  const { logs } = parseFleetDefaults(text);
  const values: Value[] = [
    ...flatten('defaults', config.defaults),
    ['broca.repository', config.broca.repository],
    ['broca.ref', config.broca.ref],
    ['timezone', config.timezone],
    ['logs.level', config.logs.level],
    ['logs.keep_days', config.logs.keepDays],
    ['logs.keep_megabytes', logs.keep_megabytes ?? LOG_KEEP_MEGABYTES],
    ['backup.schedule', config.backup.schedule],
    ['backup.encrypt', config.backup.encrypt],
    ['backup.to', config.backup.to],
    ['backup.keep', config.backup.keep],
    ...wordsOf(config.supervisor).map(([key, value]): Value => [`supervisor.${key}`, value]),
  ];
  return values.map(([key, value]) => showSetting(key, value, has(written, key.split('.')) ? 'animus.config.json' : 'built-in'));
}

/** How one agent is run, and which section says so. */
export function showSupervision(config: FleetConfig, text: string | null, agent: AgentId): Shown[] {
  const written = readWritten(text);
  const own = ownSection(written, agent);
  const common = at(written, ['supervisor']);
  return wordsOf(supervisionOf(config, agent)).map(([key, value]) => {
    const place = key.split('.');
    return showSetting(key, value, has(own, place) ? 'agents' : has(common, place) ? 'supervisor' : 'built-in');
  });
}

/** In the words and units of the file. */
function wordsOf(supervision: Supervision): Value[] {
  const { restart } = supervision;
  return [
    ['autostart', supervision.autostart],
    ['memory_megabytes', supervision.memoryBytes === null ? null : supervision.memoryBytes / MEGABYTE],
    ['memory_grace', supervision.memoryGraceMs / 1000],
    ['start_deadline', supervision.startDeadlineMs / 1000],
    ['stop_deadline', supervision.stopDeadlineMs / 1000],
    ['watchdog', supervision.watchdogMs / 1000],
    ['probation', supervision.probationMs / 1000],
    ['restart.longest_pause', restart.longestPauseMs / 1000],
    ['restart.forgiven_after', restart.forgivenAfterMs / 1000],
    ['restart.give_up_after', restart.giveUpAfter],
    ['restart.within', restart.withinMs / 1000],
    ['node_options', supervision.nodeOptions.join(' ')],
    ['isolation', supervision.isolation],
    ['user', supervision.user],
    ...flatten('environment', supervision.environment),
  ];
}

/** The last of those that name the agent counts, as for the configuration itself. */
function ownSection(written: unknown, agent: AgentId): unknown {
  const agents = at(written, ['agents']);
  if (!isObject(agents)) return undefined;
  const name = Object.keys(agents).findLast((key) => {
    const id = parseAgentId(key);
    return id.ok && id.value === agent;
  });
  return name === undefined ? undefined : agents[name];
}

function readWritten(text: string | null): unknown {
  const read = text === null ? null : readJson(text);
  return read?.ok === true ? read.value.value : undefined;
}

function flatten(place: string, value: unknown): Value[] {
  if (!isObject(value)) return [[place, value]];
  return Object.entries(value).flatMap(([key, part]) => flatten(`${place}.${key}`, part));
}

function has(value: unknown, place: readonly string[]): boolean {
  return at(value, place) !== undefined;
}

/** What stands there; a name may hold dots itself, as a plugin's setting does. */
function at(value: unknown, place: readonly string[]): unknown {
  if (place.length === 0) return value;
  if (!isObject(value)) return undefined;
  for (let length = 1; length <= place.length; length += 1) {
    const name = place.slice(0, length).join('.');
    const found = Object.hasOwn(value, name) ? at(value[name], place.slice(length)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
