/**
 * `run/agents/<id>.json`: what was wanted of an agent and who runs as its Broca. Written before each
 * spawn (intent) and again once the pid is known, so that a supervisor that starts anew doubles nobody.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import {
  type AgentId,
  DEATH_KINDS,
  type DeathKind,
  ISOLATIONS,
  type Isolation,
  type LastDeath,
  TREE_HOLDS,
  type TreeHold,
  type Wanted,
} from 'animus-protocol';
import * as v from 'valibot';
import type { Exit } from './death.ts';
import type { ProcessIdentity } from './proc.ts';
import { exitOfCode } from './process.ts';

export type RunRecord = {
  nonce: string;
  /** The shim; null between the intent and the spawn. */
  shim: ProcessIdentity | null;
  /** Wall clock, ms. */
  startedAt: number;
  /** Where in output.log its words begin; null where that is not known. */
  outputFrom: number | null;
  /** What of animus.config.json it was started with (supervision-policy.ts); null where that is not known. */
  launchedWith: string | null;
  /** The folder it was started in, as the kernel tells folders apart whatever they are called; null where that is not known. */
  folder: string | null;
  isolation: Isolation;
  tree: TreeHold;
  /** Folder of its control group; null when it has none. */
  cgroup: string | null;
};

export type AgentRecord = {
  wanted: Wanted;
  restarts: number;
  lastDeath: LastDeath | null;
  /** How often it died of what. */
  deaths: Partial<Record<DeathKind, number>>;
  /** Deaths that count for the next pause (restart-policy.ts), oldest first. Wall clock, ms: a supervisor's own clock ends with it. */
  counted: readonly number[];
  run: RunRecord | null;
};

export const NEW_AGENT: AgentRecord = { wanted: 'running', restarts: 0, lastDeath: null, deaths: {}, counted: [], run: null };

const deathKind = v.picklist(DEATH_KINDS);
const nullableNumber = v.nullable(v.number());
const agentRecord = v.object({
  wanted: v.picklist(['running', 'stopped']),
  restarts: v.number(),
  // An older supervisor wrote no more than a sentence, and none of what may be missing here.
  lastDeath: v.fallback(v.nullable(v.object({ kind: deathKind, how: v.string(), at: v.number() })), null),
  deaths: v.fallback(v.record(deathKind, v.number()), {}),
  counted: v.fallback(v.array(v.number()), []),
  run: v.nullable(
    v.object({
      nonce: v.string(),
      shim: v.nullable(
        v.object({
          pid: v.number(),
          startTicks: nullableNumber,
          bootId: v.nullable(v.string()),
          pidNamespace: v.fallback(v.nullable(v.string()), null),
        }),
      ),
      startedAt: v.number(),
      outputFrom: v.fallback(nullableNumber, null),
      launchedWith: v.fallback(v.nullable(v.string()), null),
      folder: v.fallback(v.nullable(v.string()), null),
      isolation: v.fallback(v.picklist(ISOLATIONS), 'none'),
      tree: v.fallback(v.picklist(TREE_HOLDS), 'marker'),
      cgroup: v.fallback(v.nullable(v.string()), null),
    }),
  ),
});
const exitStatus = v.object({ nonce: v.string(), code: v.number() });

export type RecordFiles = { record: string; status: string };

export function recordFiles(folder: string, id: AgentId): RecordFiles {
  return { record: path.join(folder, `${id}.json`), status: path.join(folder, `${id}.exit`) };
}

/** Null when there is none that can be read; who runs is then asked of the agent's socket alone. */
export function readRecord(files: RecordFiles): AgentRecord | null {
  const parsed = v.safeParse(agentRecord, readJson(files.record));
  return parsed.success ? parsed.output : null;
}

export function writeRecord(files: RecordFiles, record: AgentRecord): void {
  const temporary = `${files.record}.new`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(record)}\n`);
    // What somebody stopped stays stopped, through a power cut too; who runs does not outlive one.
    if (record.wanted === 'stopped') fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, files.record);
}

export function removeRecord(files: RecordFiles): void {
  rmSync(files.record, { force: true });
  rmSync(files.status, { force: true });
}

/** How the run with this nonce ended, as its shim wrote it down; null when it did not. */
export function readExitStatus(files: RecordFiles, nonce: string): Exit | null {
  const parsed = v.safeParse(exitStatus, readJson(files.status));
  return parsed.success && parsed.output.nonce === nonce ? exitOfCode(parsed.output.code) : null;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
