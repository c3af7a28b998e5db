/** What a worker does to the machine, apart from what it decides: its property test has it run on a machine of its own. */
import type { Result } from 'animus-protocol';
import { type LookRequest, type LookResult, lookForBroca } from './adopt.ts';
import { identify, identifyFolder, type ProcessIdentity } from './proc.ts';
import { type SpawnedShim, type SpawnRequest, spawnBroca } from './process.ts';
import { type AgentRecord, type RecordFiles, removeRecord, writeRecord } from './record.ts';
import { Run, type RunOptions } from './run.ts';

/** One life of a Broca, as whoever holds it may use it. */
export type Life = Pick<Run, 'startedAt' | 'isolation' | 'tree' | 'pid' | 'hello' | 'beat' | 'send' | 'signal' | 'close'>;

export type World = {
  look: (request: LookRequest) => Promise<LookResult>;
  spawn: (request: SpawnRequest) => Result<SpawnedShim, string>;
  identify: (pid: number) => ProcessIdentity;
  identifyFolder: (folder: string) => string | null;
  /** Speaks with what runs, and waits for its end. */
  follow: (options: RunOptions) => Life;
  /** Throws where it cannot be written. */
  write: (files: RecordFiles, record: AgentRecord) => void;
  forget: (files: RecordFiles) => void;
};

export const THE_WORLD: World = {
  look: lookForBroca,
  spawn: spawnBroca,
  identify,
  identifyFolder,
  follow: (options) => new Run(options),
  write: writeRecord,
  forget: removeRecord,
};
