/**
 * `animus.config.json` of the home: the fleet's configuration. The supervisor reads it; a Broca takes
 * `defaults` and `logs` from it. A missing file, and each missing key, means the built-in value.
 */
import * as v from 'valibot';
import { type AgentId, parseAgentId } from './agent-id.ts';
import { BACKUP_KEYS, type BackupFile, type BackupSettings, backupSchema, DEFAULT_BACKUP, readBackupSettings } from './backup-settings.ts';
import { brocaSections, FLEET_FILE, KNOWN_DEFAULTS, SECTION } from './fleet-defaults.ts';
import type { Problem } from './problem.ts';
import type { FleetDefaults, LogLevel, LogSettings } from './settings.ts';
import { type KnownKeys, parseJsonFile } from './settings-file.ts';
import {
  DEFAULT_SUPERVISION,
  knownSupervisionKeys,
  refineSupervision,
  type Supervision,
  type SupervisionFile,
  supervisionSchema,
} from './supervision.ts';

export type FleetConfig = {
  /** What an agent's own files do not say; in the words of settings.json. */
  defaults: FleetDefaults;
  /** Where deploy clones Broca from. `repository` null: the repository Animus runs from. `ref` null: its default branch. */
  broca: { repository: string | null; ref: string | null };
  /** IANA name; null: the machine's own zone. Times are stored in UTC and shown in it. */
  timezone: string | null;
  /** The supervisor's own logs, and each Broca's where its settings do not say otherwise. */
  logs: { level: LogLevel; keepDays: number };
  backup: BackupSettings;
  /** How agents are run that have no section of their own in `agents`. */
  supervisor: Supervision;
  agents: Record<AgentId, Supervision>;
};

const DEFAULT: FleetConfig = {
  defaults: {},
  broca: { repository: null, ref: null },
  timezone: null,
  logs: { level: 'info', keepDays: 7 },
  backup: DEFAULT_BACKUP,
  supervisor: DEFAULT_SUPERVISION,
  agents: {},
};

/** Git takes a word that begins with "-" for an option. */
function gitWord(allowed: string, meaning: string): v.GenericSchema<string | null> {
  return v.pipe(v.nullable(v.pipe(v.string(allowed), v.regex(/^[^\s-]\S*$/, allowed))), v.description(meaning));
}

const broca = v.object(
  {
    repository: v.exactOptional(
      gitWord(
        'write what `git clone` takes, in quotes, or null',
        'What `git clone` takes: an address or a path. null: the repository Animus runs from.',
      ),
    ),
    ref: v.exactOptional(gitWord('write a branch, tag or commit in quotes, or null', 'Branch, tag or commit. null: the default branch.')),
  },
  SECTION,
);
const fleet = v.object(
  {
    $schema: v.exactOptional(v.string('write a text in quotes')),
    defaults: brocaSections.defaults,
    broca: v.exactOptional(v.pipe(broca, v.description('Where deploy clones Broca from.'))),
    timezone: v.exactOptional(
      v.pipe(
        v.nullable(v.pipe(v.string(), v.check(isTimeZone, 'write a zone as in "Europe/Berlin", or null for the machine\'s own'))),
        v.description("Zone in which times are shown, as in Europe/Berlin. null: the machine's own."),
      ),
    ),
    logs: brocaSections.logs,
    backup: v.exactOptional(v.pipe(backupSchema, v.description('When the fleet is backed up by itself, and where backups go.'))),
    supervisor: v.exactOptional(v.pipe(supervisionSchema, v.description('How the supervisor runs each agent.'))),
    agents: v.exactOptional(
      v.pipe(
        v.record(v.string(), supervisionSchema, 'write an object with agent ids as keys'),
        v.description('What holds for one agent instead, by its id.'),
      ),
    ),
  },
  SECTION,
);

/** For the JSON Schema and nothing else: reading goes through `parseFleetConfig`. */
export const fleetConfigSchema: v.GenericSchema<unknown, FleetFile> = fleet;

type FleetFile = {
  $schema?: string;
  defaults?: FleetDefaults;
  broca?: { repository?: string | null; ref?: string | null };
  timezone?: string | null;
  logs?: LogSettings;
  backup?: BackupFile;
  supervisor?: SupervisionFile;
  agents?: Record<string, SupervisionFile>;
};

const KNOWN: KnownKeys = [
  ['', Object.keys(fleet.entries)],
  ...KNOWN_DEFAULTS,
  ['broca', Object.keys(broca.entries)],
  ['backup', BACKUP_KEYS],
  ['agents', null],
  ...knownSupervisionKeys('supervisor', 'agents.*'),
];

/**
 * The configuration with the built-in value wherever the file says none or a wrong one, and every problem. A caller
 * that starts something from it must first see that no problem has severity `error`. `text` null: there is no file.
 * `name` is what problems call it: a person may have several homes.
 */
export function parseFleetConfig(text: string | null, name: string = FLEET_FILE): { config: FleetConfig; problems: Problem[] } {
  const { file, problems } = readFleetFile(text);
  const supervisor = refineSupervision(DEFAULT.supervisor, file.supervisor ?? {});
  const agents: FleetConfig['agents'] = {};
  for (const [name, entry] of Object.entries(file.agents ?? {})) {
    const id = parseAgentId(name);
    if (id.ok) agents[id.value] = refineSupervision(supervisor, entry);
    else problems.push({ file: FLEET_FILE, key: `agents.${name}`, message: id.error, severity: 'error' });
  }
  const config: FleetConfig = {
    defaults: file.defaults ?? DEFAULT.defaults,
    broca: { repository: file.broca?.repository ?? DEFAULT.broca.repository, ref: file.broca?.ref ?? DEFAULT.broca.ref },
    timezone: file.timezone ?? DEFAULT.timezone,
    logs: { level: file.logs?.level ?? DEFAULT.logs.level, keepDays: file.logs?.keep_days ?? DEFAULT.logs.keepDays },
    backup: readBackupSettings(file.backup ?? {}),
    supervisor,
    agents,
  };
  return { config, problems: problems.map((problem) => ({ ...problem, file: name })) };
}

export function supervisionOf({ agents, supervisor }: FleetConfig, agent: AgentId): Supervision {
  return agents[agent] ?? supervisor;
}

function readFleetFile(text: string | null): { file: FleetFile; problems: Problem[] } {
  if (text === null) return { file: {}, problems: [] };
  const { value, problems } = parseJsonFile(FLEET_FILE, text, fleetConfigSchema, KNOWN);
  return { file: value ?? {}, problems };
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
