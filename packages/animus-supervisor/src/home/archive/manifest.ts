/** What an archive says of itself: whose it is, when and of what it was taken, and the hash of each file in it. */
import { type AgentId, failed, ok, parseAgentId, type Result } from 'animus-protocol';
import * as v from 'valibot';

/** Raised when an older Animus could not read what a newer one writes. */
const FORMAT = 1;
/** The last entry of an archive: one that was cut short has none. */
export const MANIFEST = 'manifest.json';

export type ArchivedFile = { bytes: number; sha256: string };

export type ArchivedRelease = {
  commit: string;
  version: string;
  runtime: string;
  /** What the clone was on; null where it was on none, and in archives of an older Animus. */
  branch: string | null;
};

export type Manifest = {
  format: typeof FORMAT;
  agent: AgentId;
  /** When the database was copied, in ms of the epoch: what came later is not in it. */
  takenAt: number;
  /** The agent was shut down for good here when this was taken: nothing was answered after it. */
  isFinal: boolean;
  /** Version of the Animus that wrote it. */
  animus: string;
  /** What the agent ran; null where it had no release. */
  release: ArchivedRelease | null;
  /** Number of the newest migration in the database (PRAGMA user_version). */
  schema: number;
  /** Letta's address; null when `.env` names none. No secret. */
  endpoint: string | null;
  /** The secrets (`.env`, sessions of channels) are in it; only an encrypted archive has them. */
  hasSecrets: boolean;
  files: Record<string, ArchivedFile>;
};

const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const manifest = v.object({
  format: v.number(),
  agent: v.string(),
  takenAt: whole,
  isFinal: v.boolean(),
  animus: v.string(),
  release: v.nullable(
    v.object({
      commit: v.pipe(v.string(), v.regex(/^[0-9a-f]{40,64}$/)),
      version: v.string(),
      runtime: v.string(),
      branch: v.optional(v.nullable(v.string()), null),
    }),
  ),
  schema: whole,
  endpoint: v.nullable(v.string()),
  hasSecrets: v.boolean(),
  files: v.record(v.string(), v.object({ bytes: whole, sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) })),
});

export function newManifest(about: Omit<Manifest, 'format' | 'files'>): Manifest {
  return { format: FORMAT, ...about, files: {} };
}

export function parseManifest(text: string): Result<Manifest, string> {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), manifest), text);
  if (!parsed.success) return failed(`its ${MANIFEST} is not one of ours: ${v.summarize(parsed.issues)}`);
  const { format, agent, ...rest } = parsed.output;
  if (format !== FORMAT) return failed(`it has format ${format}, and this Animus reads ${FORMAT}: update Animus`);
  const id = parseAgentId(agent);
  return id.ok ? ok({ format, agent: id.value, ...rest }) : failed(`its ${MANIFEST} names no agent: ${id.error}`);
}
