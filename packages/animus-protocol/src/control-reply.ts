/**
 * Reads what comes over the control surface (control.ts): every answer is parsed before use, for the other side may be
 * another version.
 */
import * as v from 'valibot';
import type { AgentId } from './agent-id.ts';
import { backupReport } from './backup-report.ts';
import { type AgentOutcome, type ControlEvent, type ControlReply, DEATH_KINDS, type DeathKind, PHASES } from './control.ts';
import { ISOLATIONS, TREE_HOLDS } from './isolation.ts';
import { failed, ok, type Result } from './result.ts';
import { beatReport } from './worker-link.ts';

const agentId = v.pipe(v.string(), v.regex(/^agent-/, 'not an agent id')) as unknown as v.GenericSchema<AgentId>;
const phase = v.picklist(PHASES);
const deathKind = v.picklist(DEATH_KINDS);
const deathCounts = v.object(
  Object.fromEntries(DEATH_KINDS.map((kind) => [kind, v.exactOptional(v.number())])) as Record<
    DeathKind,
    v.ExactOptionalSchema<v.NumberSchema<undefined>, undefined>
  >,
);
const agentStatus = v.object({
  id: agentId,
  phase,
  wanted: v.picklist(['running', 'stopped']),
  pid: v.nullable(v.number()),
  restarts: v.number(),
  // A supervisor of an older version says nothing of these: it can be asked all the same.
  deaths: v.fallback(deathCounts, {}),
  lastDeath: v.fallback(v.nullable(v.object({ kind: deathKind, how: v.string(), at: v.number() })), null),
  startedAt: v.nullable(v.number()),
  uptimeMs: v.nullable(v.number()),
  reason: v.nullable(v.string()),
  release: v.nullable(v.string()),
  version: v.fallback(v.nullable(v.string()), null),
  cpu: v.nullable(v.number()),
  memoryBytes: v.nullable(v.number()),
  beat: v.nullable(beatReport),
  isolation: v.fallback(v.nullable(v.picklist(ISOLATIONS)), null),
  tree: v.fallback(v.nullable(v.picklist(TREE_HOLDS)), null),
  startedByHand: v.boolean(),
});
const sandboxReport = v.variant('works', [
  v.object({ works: v.literal(true), version: v.string() }),
  v.object({ works: v.literal(false), reason: v.string() }),
]);
const agentOutcome = v.object({ id: agentId, ok: v.boolean(), phase, pid: v.nullable(v.number()), message: v.string() });
const fleetOutcome = v.object({ agents: v.array(agentOutcome) });

const REPLIES: { readonly [K in keyof ControlReply]: v.GenericSchema<unknown, unknown> } = {
  surface: v.object({
    api: v.number(),
    version: v.string(),
    requests: v.array(v.object({ method: v.picklist(['GET', 'POST']), path: v.string(), summary: v.string() })),
  }),
  status: v.object({
    supervisor: v.object({
      pid: v.number(),
      version: v.string(),
      startedAt: v.number(),
      sandbox: v.fallback(sandboxReport, { works: false, reason: 'the supervisor is of an older version and does not say' }),
      problems: v.fallback(v.array(v.string()), []),
      backup: v.fallback(v.nullable(backupReport), null),
    }),
    agents: v.array(agentStatus),
  }),
  start: agentOutcome,
  stop: agentOutcome,
  restart: agentOutcome,
  switch: agentOutcome,
  'start-all': fleetOutcome,
  'stop-all': fleetOutcome,
  'restart-all': fleetOutcome,
  rescan: v.object({ added: v.array(agentId), removed: v.array(agentId), agents: v.array(agentId) }),
  down: v.object({ stopped: v.array(agentId) }),
};

/** Reads the body of a 200. The error is for a supervisor of another version. */
export function parseControlReply<K extends keyof ControlReply>(kind: K, body: unknown): Result<ControlReply[K], string> {
  const parsed = v.safeParse(REPLIES[kind], body);
  if (parsed.success) return ok(parsed.output as ControlReply[K]);
  return failed(`the supervisor answered in a form this animus does not know (is it another version?): ${v.summarize(parsed.issues)}`);
}

/** Reads what a pause answers, once its first line is there. */
export function parsePaused(body: unknown): Result<AgentOutcome, string> {
  const parsed = v.safeParse(agentOutcome, body);
  return parsed.success ? ok(parsed.output) : failed(v.summarize(parsed.issues));
}

/** The message of a refusal's body, or null when it has none. */
export function parseControlError(body: unknown): string | null {
  const parsed = v.safeParse(v.object({ error: v.object({ message: v.string() }) }), body);
  return parsed.success ? parsed.output.error.message : null;
}

const controlEvent = v.object({
  id: v.number(),
  at: v.number(),
  kind: v.string(),
  level: v.picklist(['info', 'warn', 'error']),
  agent: v.nullable(agentId),
  message: v.string(),
  details: v.record(v.string(), v.unknown()),
});

/** Reads the `data:` of one server-sent event. */
export function parseControlEvent(value: unknown): Result<ControlEvent, string> {
  const parsed = v.safeParse(controlEvent, value);
  return parsed.success ? ok(parsed.output) : failed(v.summarize(parsed.issues));
}

/** Every answer, an event and a refusal, for the JSON Schema and nothing else. */
export const controlSchemas: Readonly<Record<string, v.GenericSchema<unknown, unknown>>> = {
  ...REPLIES,
  event: controlEvent,
  error: v.object({ error: v.object({ message: v.string() }) }),
};
