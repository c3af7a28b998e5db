/** Hands a channel's parts over, oldest due first. One loop a channel: a slow one holds no other. */
import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import type { Channel, ChannelCapabilities } from '../channel/channel.ts';
import type { Alarm } from '../lifecycle/alarm.ts';
import { ClockWatch } from '../lifecycle/clock-watch.ts';
import type { Ending } from '../lifecycle/ending.ts';
import type { DeliveryOutcome } from '../message.ts';
import type { InHand } from '../queue/in-hand.ts';
import { judgeCrashes } from '../queue/poison-policy.ts';
import type { TurnEvents } from '../queue/turn-events.ts';
import { storageFault } from '../store/open.ts';
import { decideDelivery, keyFault } from './deliver-policy.ts';
import type { Outbox, OutboxPart } from './sqlite-outbox.ts';

export type DeliverLoopDependencies = {
  name: string;
  capabilities: ChannelCapabilities;
  /** Its calls do not throw, save `prepare`. */
  channel: Pick<Channel, 'prepare' | 'deliver'>;
  /** When parts may be tried: `now` or earlier for at once, infinity while the channel is not up. */
  sendableAt(): number;
  wentDown(): void;
  outbox: Outbox;
  inHand: InHand;
  events: TurnEvents;
  alarm: Alarm;
  clock(): number;
  giveUpAfterMs(): number;
  onStorage(fault: string | null): void;
};

const STORAGE_RETRY_MS = 1_000;
/** A platform that takes longer for one part has stalled; what became of it is uncertain. */
const DELIVER_TIMEOUT_MS = 60_000;

/** Once `drain` aborts it hands over what is due and returns; once `stop` aborts it returns. */
export async function runDeliverLoop(deps: DeliverLoopDependencies, { drain, stop }: Ending): Promise<void> {
  let isDegraded = false;
  let isRecovered = false;
  const clock = new ClockWatch(deps.outbox.newestAt());
  while (!stop.aborted) {
    try {
      const backMs = clock.look(deps.clock());
      if (backMs > 0) deps.outbox.setBack(deps.name, backMs);
      if (!isRecovered) recoverParts(deps);
      isRecovered = true;
      const waitMs = await deliverNext(deps, stop);
      if (isDegraded) deps.onStorage(null);
      isDegraded = false;
      if (waitMs > 0 && drain.aborted) return;
      if (waitMs <= 0) await nextTurnOfLoop();
      else await deps.alarm.sleep(waitMs, drain);
    } catch (error) {
      const fault = storageFault(error);
      if (fault === null) throw error;
      isDegraded = true;
      // What was being sent is as after a restart: recovered by its key.
      isRecovered = false;
      deps.inHand.letGo();
      deps.onStorage(fault);
      if (drain.aborted) return;
      await deps.alarm.sleep(STORAGE_RETRY_MS, drain);
    }
  }
}

/** After a restart: what was being sent goes out again by its key, and what was in hand at a crash is suspected. */
export function recoverParts({ name, capabilities, outbox, inHand, clock }: DeliverLoopDependencies): void {
  outbox.recover(name, capabilities.idempotent);
  for (const id of inHand.left()) {
    const part = outbox.find(id);
    if (part === null) continue;
    const verdict = judgeCrashes(part.crashes + 1);
    if (verdict.kind === 'rest') outbox.rest(part, part.crashes + 1, clock() + verdict.restMs);
    else setAside(part, verdict.reason, outbox);
  }
  inHand.letGo();
}

/** The rest of the reply has one try left, not seven more crashes: what is wrong is likely its channel. */
function setAside(part: OutboxPart, reason: string, outbox: Outbox): void {
  outbox.together(() => {
    outbox.settle(part, { state: part.firstSentAt === null ? 'refused' : 'uncertain', platformId: null, reason });
    outbox.suspectRest(part);
  });
}

/** A part, or a few together; returns how long nothing is to be done, in ms. Exported for the proof of crash points. */
export async function deliverNext(deps: DeliverLoopDependencies, stop: AbortSignal): Promise<number> {
  const { outbox, capabilities } = deps;
  const now = deps.clock();
  const sendableAt = deps.sendableAt();
  // One at a time where a part may arrive twice: a crash then leaves one in doubt and no more.
  const most = capabilities.idempotent ? (capabilities.atOnce ?? 1) : 1;
  const parts = sendableAt > now ? [] : outbox.nextFew(deps.name, now, most);
  if (parts.length === 0) {
    const dueAt = outbox.nextDueAt(deps.name);
    const wakeAt = dueAt === null ? Number.POSITIVE_INFINITY : Math.max(dueAt, sendableAt);
    return Math.max(wakeAt - now, 1);
  }
  if (giveUpForgotten(parts, deps, now)) return 0;
  deps.inHand.take(parts.map(({ id }) => id));
  await deliver(parts, deps, stop);
  deps.inHand.letGo();
  return 0;
}

/** Ends what can neither be sent again nor be known to have arrived. */
function giveUpForgotten(parts: readonly OutboxPart[], { outbox, capabilities, events }: DeliverLoopDependencies, now: number): boolean {
  const faults = parts
    .map((part) => ({ part, reason: keyFault(part, capabilities.keysLastMs, now) }))
    .filter(({ reason }) => reason !== null);
  if (faults.length === 0) return false;
  outbox.together(() => {
    for (const { part, reason } of faults) outbox.settle(part, { state: 'uncertain', platformId: null, reason });
  });
  for (const { part } of faults) events.changed(part.turnId);
  return true;
}

/** What became of a part: null when it was not handed over because one before it was not. */
type Handed = { part: OutboxPart; outcome: DeliveryOutcome | null };

/** Two commits for all of them: before the first leaves, and when the last has come to its end. */
async function deliver(parts: readonly OutboxPart[], deps: DeliverLoopDependencies, stop: AbortSignal): Promise<void> {
  const { outbox } = deps;
  const { ready, unready } = await prepareAll(parts, deps);
  const marked = outbox.together(() => ready.map((part) => outbox.markSending(part))).filter((part) => part !== null);
  const handed = await Promise.all([...chats(marked).values()].map(async (chat) => await handOver(chat, deps, stop)));
  const all = [...handed.flat(), ...unready];
  outbox.together(() => {
    // Those that stay first: an end lets the next in line step forward, which must stand there by then.
    for (const { part, outcome } of all) if (outcome === null) outbox.standBehind(part);
    for (const { part, outcome } of all) if (outcome !== null) record(part, outcome, deps);
    if (deps.capabilities.keysLastMs === undefined) return;
    // A key ages from the first sending that may have arrived.
    const sentBefore = new Set(ready.filter(({ firstSentAt }) => firstSentAt !== null).map(({ id }) => id));
    const isUnsent = ({ part, outcome }: Handed): boolean =>
      (outcome === null || outcome.kind === 'retry' || outcome.kind === 'down') && !sentBefore.has(part.id);
    for (const each of all) if (isUnsent(each)) outbox.forgetSending(each.part);
  });
  for (const turn of new Set(all.map(({ part }) => part.turnId))) deps.events.changed(turn);
  if (all.some(({ outcome }) => outcome?.kind === 'down')) deps.wentDown();
}

/** A part that could not be made ready waits; what stands behind it is left where it is. */
async function prepareAll(
  parts: readonly OutboxPart[],
  { channel }: DeliverLoopDependencies,
): Promise<{ ready: OutboxPart[]; unready: Handed[] }> {
  if (channel.prepare === undefined) return { ready: [...parts], unready: [] };
  const faults = await Promise.all(
    parts.map(
      async (part) =>
        (await channel
          .prepare?.(part)
          .then(() => null)
          .catch((error: Error): Error => error)) ?? null,
    ),
  );
  const ready: OutboxPart[] = [];
  const unready: Handed[] = [];
  const held = new Set<number>();
  const seen = new Set<number>();
  for (const [index, part] of parts.entries()) {
    const fault = faults[index] ?? null;
    const isFront = !seen.has(part.conversationId);
    seen.add(part.conversationId);
    if (held.has(part.conversationId)) continue;
    if (fault === null) ready.push(part);
    else held.add(part.conversationId);
    if (fault !== null && isFront) unready.push({ part, outcome: { kind: 'retry', afterMs: 0, reason: fault.message } });
  }
  return { ready, unready };
}

function chats(parts: readonly OutboxPart[]): Map<number, OutboxPart[]> {
  const byConversation = new Map<number, OutboxPart[]>();
  for (const part of parts) byConversation.set(part.conversationId, [...(byConversation.get(part.conversationId) ?? []), part]);
  return byConversation;
}

/** The parts of one conversation, in order; after one that was not taken the others stay. */
async function handOver(parts: readonly OutboxPart[], deps: DeliverLoopDependencies, stop: AbortSignal): Promise<Handed[]> {
  const handed: Handed[] = [];
  let isBlocked = false;
  for (const part of parts) {
    const outcome: DeliveryOutcome | null = isBlocked || (stop.aborted && handed.length > 0) ? null : await handOverOne(part, deps, stop);
    // Also after one that was refused: until that is recorded, a crash would send it again, behind the others.
    isBlocked ||= outcome?.kind !== 'delivered';
    handed.push({ part, outcome });
  }
  return handed;
}

async function handOverOne(part: OutboxPart, { channel }: DeliverLoopDependencies, stop: AbortSignal): Promise<DeliveryOutcome> {
  const late = new AbortController();
  const end = (): void => late.abort();
  const timer = setTimeout(end, DELIVER_TIMEOUT_MS);
  stop.addEventListener('abort', end, { once: true });
  if (stop.aborted) end();
  try {
    return await channel.deliver(part, late.signal);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
  }
}

/** Inside the caller's transaction. */
function record(part: OutboxPart, outcome: DeliveryOutcome, deps: DeliverLoopDependencies): void {
  const { outbox } = deps;
  const limits = { isIdempotent: deps.capabilities.idempotent, giveUpAfterMs: deps.giveUpAfterMs() };
  const decision = decideDelivery(part, outcome, limits, deps.clock());
  switch (decision.kind) {
    case 'end':
      outbox.settle(part, decision);
      return;
    case 'wait':
      outbox.putBack(part, decision.dueAt, decision.failures, decision.reason);
      return;
    case 'channel-down':
      outbox.putBack(part, deps.clock(), part.failures, decision.reason);
      return;
  }
}
