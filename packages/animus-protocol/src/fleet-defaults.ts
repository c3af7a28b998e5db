/**
 * What a Broca takes from the home's `animus.config.json`: `defaults` and `logs`. A file of its own, so that a
 * Broca does not load what the rest of that file means.
 */
import * as v from 'valibot';
import type { Problem } from './problem.ts';
import {
  type FleetDefaults,
  fleetDefaultsEntries,
  IMAGE_KEYS,
  LIMIT_KEYS,
  LOG_KEYS,
  type LogSettings,
  logsSchema,
  MESSAGE_KEYS,
  OUTBOUND_KEYS,
  RETENTION_KEYS,
  UPLOAD_KEYS,
} from './settings.ts';
import { type KnownKeys, parseJsonFile } from './settings-file.ts';

export const FLEET_FILE = 'animus.config.json';
export const SECTION = 'write an object: { … }';

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

/** The sections that a Broca reads, as entries of the whole file's schema. */
export const brocaSections: {
  defaults: v.ExactOptionalSchema<v.GenericSchema<unknown, FleetDefaults>, undefined>;
  logs: v.ExactOptionalSchema<v.GenericSchema<unknown, LogSettings>, undefined>;
} = {
  defaults: v.exactOptional(
    v.pipe(defaults, v.description("What an agent's own .env and settings.json do not say, in the words of settings.json.")),
  ),
  logs: v.exactOptional(
    v.pipe(logsSchema, v.description("The supervisor's own logs, and each Broca's where its settings do not say otherwise.")),
  ),
};
const file: v.GenericSchema<unknown, { defaults?: FleetDefaults; logs?: LogSettings }> = v.object(brocaSections, SECTION);

export const KNOWN_DEFAULTS: KnownKeys = [
  ['defaults', Object.keys(defaults.entries)],
  ['defaults.message_processing', MESSAGE_KEYS],
  ['defaults.limits', LIMIT_KEYS],
  ['defaults.retention', RETENTION_KEYS],
  ['defaults.images', IMAGE_KEYS],
  ['defaults.images.upload', UPLOAD_KEYS],
  ['defaults.outbound', OUTBOUND_KEYS],
  ['defaults.plugins', null],
  ['defaults.plugins.*', null],
  ['logs', LOG_KEYS],
];

/**
 * The part a Broca uses. Faults elsewhere in the file are the supervisor's to tell and stop no Broca; a file that
 * cannot be read at all does, for its defaults (a mode `listen`, say) must not be lost in silence.
 */
export function parseFleetDefaults(text: string | null): { defaults: FleetDefaults; logs: LogSettings; problems: Problem[] } {
  if (text === null) return { defaults: {}, logs: {}, problems: [] };
  const { value, problems } = parseJsonFile(FLEET_FILE, text, file, KNOWN_DEFAULTS);
  const ours = problems.filter(({ key }) => /^(line |the whole file|(defaults|logs)\b)/.test(key));
  return { defaults: value?.defaults ?? {}, logs: value?.logs ?? {}, problems: ours };
}
