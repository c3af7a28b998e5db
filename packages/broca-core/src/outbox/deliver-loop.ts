/** Hands a channel's parts over, one at a time, oldest due first. One loop a channel: a slow one holds no other. */
import type { Channel, ChannelCapabilities } from '../channel/channel.ts';
import type { Alarm } from '../lifecycle/alarm.ts';
import type { Ending } from '../lifecycle/ending.ts';
import type { DeliveryOutcome } from '../message.ts';
import type { TurnEvents } from '../queue/turn-events.ts';
import { storageFault } from '../store/open.ts';
import { decideDelivery } from './deliver-policy.ts';
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
  events: TurnEvents;
  alarm: Alarm;
  clock(): number;
  giveUpAfterMs(): number;
  recheckMs(): number;
  onStorage(fault: string | null): void;
};

const STORAGE_RETRY_MS = 1_000;
/** A platform that takes longer for one part has stalled; what became of it is uncertain. */
const DELIVER_TIMEOUT_MS = 60_000;

/** Once `drain` aborts it hands over what is due and returns; once `stop` aborts it returns. */
export async function runDeliverLoop(deps: DeliverLoopDependencies, { drain, stop }: Ending): Promise<void> {
  const { outbox } = deps;
  let isDegraded = false;
  let isRecovered = false;
  while (!stop.aborted) {
    try {
      if (!isRecovered) outbox.recover(deps.name, deps.capabilities.idempotent);
      isRecovered = true;
      const waitMs = await deliverNext(deps, stop);
      if (isDegraded) deps.onStorage(null);
      isDegraded = false;
      if (waitMs > 0 && drain.aborted) return;
      await deps.alarm.sleep(waitMs, drain);
    } catch (error) {
      const fault = storageFault(error);
      if (fault === null) throw error;
      isDegraded = true;
      // What was being sent is as after a restart: recovered by its key.
      isRecovered = false;
      deps.onStorage(fault);
      if (drain.aborted) return;
      await deps.alarm.sleep(STORAGE_RETRY_MS, drain);
    }
  }
}

/** One part; returns how long nothing is to be done, in ms. Exported for the proof of crash points. */
export async function deliverNext(deps: DeliverLoopDependencies, stop: AbortSignal): Promise<number> {
  const { outbox } = deps;
  const now = deps.clock();
  const sendableAt = deps.sendableAt();
  const part = sendableAt > now ? null : outbox.next(deps.name, now);
  if (part === null) {
    const dueAt = outbox.nextDueAt(deps.name);
    const wakeAt = dueAt === null ? Number.POSITIVE_INFINITY : Math.max(dueAt, sendableAt);
    return Math.max(Math.min(wakeAt - now, deps.recheckMs()), 1);
  }
  await deliver(part, deps, stop);
  return 0;
}

async function deliver(part: OutboxPart, deps: DeliverLoopDependencies, stop: AbortSignal): Promise<void> {
  const { channel, outbox } = deps;
  let handed = part;
  let outcome: DeliveryOutcome;
  try {
    await channel.prepare?.(part);
    handed = outbox.markSending(part);
    outcome = await channel.deliver(handed, AbortSignal.any([stop, AbortSignal.timeout(DELIVER_TIMEOUT_MS)]));
  } catch (error) {
    if (storageFault(error) !== null) throw error;
    outcome = { kind: handed === part ? 'retry' : 'uncertain', afterMs: 0, reason: (error as Error).message };
  }
  const limits = { isIdempotent: deps.capabilities.idempotent, giveUpAfterMs: deps.giveUpAfterMs() };
  const decision = decideDelivery(part, outcome, limits, deps.clock());
  switch (decision.kind) {
    case 'end':
      outbox.settle(handed, decision);
      deps.events.changed(part.turnId);
      return;
    case 'wait':
      outbox.putBack(handed, decision.dueAt, decision.failures, decision.reason);
      return;
    case 'channel-down':
      outbox.putBack(handed, deps.clock(), part.failures, decision.reason);
      deps.wentDown();
      return;
  }
}
