/**
 * `animus.config.json` of the home: the fleet's configuration. The supervisor reads it; a Broca takes
 * `defaults` and `logs` from it. A missing file, and each missing key, means the built-in value.
 */
import * as v from 'valibot';
import { type AgentId, parseAgentId } from './agent-id.ts';
import { BACKUP_KEYS, type BackupFile, type BackupSettings, backupSchema, DEFAULT_BACKUP, readBackupSettings } from './backup-settings.ts';
import type { Problem } from './problem.ts';
import {
  type FleetDefaults,
  fleetDefaultsEntries,
  IMAGE_KEYS,
  LIMIT_KEYS,
  LOG_KEYS,
  type LogLevel,
  type LogSettings,
  logsSchema,
  MESSAGE_KEYS,
  OUTBOUND_KEYS,
  RETENTION_KEYS,
  UPLOAD_KEYS,
} from './settings.ts';
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

const FILE = 'animus.config.json';

const DEFAULT: FleetConfig = {
  defaults: {},
  broca: { repository: null, ref: null },
  timezone: null,
  logs: { level: 'info', keepDays: 7 },
  backup: DEFAULT_BACKUP,
  supervisor: DEFAULT_SUPERVISION,
  agents: {},
};

const SECTION = 'write an object: { … }';

/** Git takes a word that begins with "-" for an option. */
function gitWord(allowed: string, meaning: string): v.GenericSchema<string | null> {
  return v.pipe(v.nullable(v.pipe(v.string(allowed), v.regex(/^[^\s-]\S*$/, allowed))), v.description(meaning));
}

const defaults = v.object(
  {
    message_processing: v.exactOptional(fleetDefaultsEntries.message_processing),
    limits: v.exactOptional(fleetDefaultsEntries.limits),
    retention: v.exactOptional(fleetDefaultsEntries.retention),
    images: v.exactOptional(fleetDefaultsEntries.images),
    outbound: v.exactOptional(fleetDefaultsEntries.outbound),
    plugins: v.exactOptional(fleetDefaultsEntries.plugins),
  },
  SECTION,
);
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
    defaults: v.exactOptional(
      v.pipe(defaults, v.description("What an agent's own .env and settings.json do not say, in the words of settings.json.")),
    ),
    broca: v.exactOptional(v.pipe(broca, v.description('Where deploy clones Broca from.'))),
    timezone: v.exactOptional(
      v.pipe(
        v.nullable(v.pipe(v.string(), v.check(isTimeZone, 'write a zone as in "Europe/Berlin", or null for the machine\'s own'))),
        v.description("Zone in which times are shown, as in Europe/Berlin. null: the machine's own."),
      ),
    ),
    logs: v.exactOptional(
      v.pipe(logsSchema, v.description("The supervisor's own logs, and each Broca's where its settings do not say otherwise.")),
    ),
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
  ['defaults', Object.keys(defaults.entries)],
  ['defaults.message_processing', MESSAGE_KEYS],
  ['defaults.limits', LIMIT_KEYS],
  ['defaults.retention', RETENTION_KEYS],
  ['defaults.images', IMAGE_KEYS],
  ['defaults.images.upload', UPLOAD_KEYS],
  ['defaults.outbound', OUTBOUND_KEYS],
  ['broca', Object.keys(broca.entries)],
  ['logs', LOG_KEYS],
  ['backup', BACKUP_KEYS],
  ['defaults.plugins', null],
  ['defaults.plugins.*', null],
  ['agents', null],
  ...knownSupervisionKeys('supervisor', 'agents.*'),
];

/**
 * The configuration with the built-in value wherever the file says none or a wrong one, and every problem. A caller
 * that starts something from it must first see that no problem has severity `error`. `text` null: there is no file.
 * `name` is what problems call it: a person may have several homes.
 */
export function parseFleetConfig(text: string | null, name: string = FILE): { config: FleetConfig; problems: Problem[] } {
  const { file, problems } = readFleetFile(text);
  const supervisor = refineSupervision(DEFAULT.supervisor, file.supervisor ?? {});
  const agents: FleetConfig['agents'] = {};
  for (const [name, entry] of Object.entries(file.agents ?? {})) {
    const id = parseAgentId(name);
    if (id.ok) agents[id.value] = refineSupervision(supervisor, entry);
    else problems.push({ file: FILE, key: `agents.${name}`, message: id.error, severity: 'error' });
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

/**
 * The part a Broca uses. Faults elsewhere in the file are the supervisor's to tell and stop no Broca; a file that
 * cannot be read at all does, for its defaults (a mode `listen`, say) must not be lost in silence.
 */
export function parseFleetDefaults(text: string | null): { defaults: FleetDefaults; logs: LogSettings; problems: Problem[] } {
  const { file, problems } = readFleetFile(text);
  const ours = problems.filter(({ key }) => /^(line |the whole file|(defaults|logs)\b)/.test(key));
  return { defaults: file.defaults ?? {}, logs: file.logs ?? {}, problems: ours };
}

function readFleetFile(text: string | null): { file: FleetFile; problems: Problem[] } {
  if (text === null) return { file: {}, problems: [] };
  const { value, problems } = parseJsonFile(FILE, text, fleetConfigSchema, KNOWN);
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
