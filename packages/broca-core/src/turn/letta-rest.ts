/**
 * Letta over REST (Letta Cloud and self-hosted V1 servers): the adapter of the port in letta.ts. Each
 * of its files does one thing: policy (what an answer means), transport, follow (a stream), ask,
 * settle, people. The client library is loaded with the first request.
 */
import type { Attempt, AttemptOutcome, Letta, LettaCheck, LettaReply } from './letta.ts';
import { askAttempt } from './letta-rest-ask.ts';
import { LettaPeople, notOkay, okay } from './letta-rest-people.ts';
import { textIn } from './letta-rest-policy.ts';
import { settleAttempt } from './letta-rest-settle.ts';
import { type LettaRestSettings, LettaWire, reasonOf, type Tell } from './letta-rest-wire.ts';

export type { LettaRestSettings } from './letta-rest-wire.ts';

export function createLettaRest(settings: LettaRestSettings): Letta {
  const wire = new LettaWire(settings);
  const people = new LettaPeople(wire);
  return {
    check: (signal) => check(wire, signal),
    newestMessageId: (signal) => newestMessageId(wire, signal),
    ask: (attempt, tell, signal) => ask(wire, attempt, tell, signal),
    askAgain: (attempt, tell, signal) => askAgain(wire, attempt, tell, signal),
    settle: (attempt, tell, signal) => settleAttempt(wire, attempt, tell, signal),
    cancel: (runId, signal) => cancel(wire, runId, signal),
    findOrMakePerson: (person, signal) => people.findOrMake(person, signal),
    attachBlock: (blockId, signal) => people.attach(blockId, signal),
    detachBlock: (blockId, signal) => people.detach(blockId, signal),
    attachedBlocks: (signal) => people.attachedBlocks(signal),
    close: async () => wire.close(),
  };
}

async function check(wire: LettaWire, signal: AbortSignal): Promise<LettaCheck> {
  const agent = await wire.ask((client, until) => client.agents.retrieve(wire.agentId, {}, { signal: until }), signal);
  if (agent.ok) return { kind: 'reachable', agentName: agent.value.name ?? wire.agentId };
  const verdict = agent.error;
  // Letta answered, and what it said is not for an agent's server to say: a wrong address, most likely.
  if (verdict.kind === 'missing' || verdict.kind === 'rejected')
    return { kind: 'held', reason: `this endpoint knows no agents: ${verdict.reason}` };
  return verdict.kind === 'held' ? verdict : { kind: 'unreachable', reason: reasonOf(verdict) };
}

async function newestMessageId(wire: LettaWire, signal: AbortSignal): Promise<LettaReply<string | null>> {
  const rows = await wire.newestMessages(1, signal);
  if (!rows.ok) return notOkay(rows.error);
  return okay(textIn(rows.value[0] ?? {}, 'id'));
}

async function ask(wire: LettaWire, attempt: Attempt, tell: Tell, signal: AbortSignal): Promise<AttemptOutcome> {
  const asked = await askAttempt(wire, attempt, tell, signal, 'any-route');
  if (asked.kind !== 'doubtful') return asked;
  // A 5xx does not tell whether a run began; Letta's memory may.
  const found = await settleAttempt(wire, attempt, tell, signal);
  if (found.kind === 'over') return found.outcome;
  const isTraceless = found.kind === 'resend' || (found.kind === 'undecidable' && !found.hasTrace);
  // In Letta's own words it gave up before a run began. What a gateway says means nothing: the request may still arrive.
  if (asked.saidByLetta && isTraceless) return { kind: 'unavailable', reason: asked.reason, afterMs: null };
  return { kind: 'unknown', reason: asked.reason };
}

async function askAgain(wire: LettaWire, attempt: Attempt, tell: Tell, signal: AbortSignal): Promise<AttemptOutcome> {
  const asked = await askAttempt(wire, attempt, tell, signal, 'deduplicating');
  return asked.kind === 'doubtful' ? { kind: 'unknown', reason: asked.reason } : asked;
}

async function cancel(wire: LettaWire, runId: string | null, signal: AbortSignal): Promise<void> {
  if (runId === null) return;
  await wire.ask((client, until) => client.agents.messages.cancel(wire.agentId, { run_ids: [runId] }, { signal: until }), signal);
}
