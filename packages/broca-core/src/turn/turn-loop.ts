/**
 * Takes turns from the queue, one at a time, in the mode in force when each begins. What was running
 * when the last process ended comes first.
 */

import { setImmediate as nextTurnOfLoop } from 'node:timers/promises';
import { modeOf, unreachable } from 'animus-protocol';
import { attachmentLine } from '../attachments/lines-policy.ts';
import { ClockWatch } from '../lifecycle/clock-watch.ts';
import type { Ending } from '../lifecycle/ending.ts';
import { monotonicMs } from '../lifecycle/monotonic.ts';
import { judgeCrashes, restLeft } from '../queue/poison-policy.ts';
import type { SettleRequest } from '../queue/sqlite-queue.ts';
import type { Turn } from '../queue/turn.ts';
import type { TurnEvents } from '../queue/turn-events.ts';
import { storageFault } from '../store/open.ts';
import type { Reserve } from '../store/reserve.ts';
import { NOTICE } from './decide-policy.ts';
import { asksAgent, takeable } from './mode-policy.ts';
import { renderPrompt } from './prompt.ts';
import { askTurn, type RunTurnDependencies, recoverTurn } from './run-turn.ts';
import { type TurnFiles, withLines } from './turn-files.ts';

export type TurnLoopDependencies = RunTurnDependencies & {
  channelTitle(channel: string): string;
  events: TurnEvents;
  /** The agent is about to be asked; call what it gives when that is over. */
  onTurnBegin(turn: Turn): () => void;
  /** Parts may have been stored for this channel. */
  onReply(channel: string): void;
  /** Why storage cannot be written; null when it can again. */
  onStorage(fault: string | null): void;
  onTurnEnd(turn: Turn): void;
  /** The files that came with turns. */
  files: TurnFiles;
  /** What is kept for settling; new turns wait while it is spent. */
  reserve: Pick<Reserve, 'isSpent' | 'refill'>;
  /** Removes some of what is kept long enough, nothing being due; returns after how long there may be more, in ms. */
  retain(now: number): number;
};

const STORAGE_RETRY_MS = 1_000;
/** Turns that ask nobody are settled so many at a time, in one commit. */
const MOST_TOGETHER = 32;

/** Takes no new turn once `drain` aborts, and returns when the turn in hand has ended or `stop` aborts too. */
export async function runTurnLoop(deps: TurnLoopDependencies, ending: Ending): Promise<void> {
  let told: string | null = null;
  const tell = (fault: string | null): void => {
    if (fault !== told) deps.onStorage(fault);
    told = fault;
  };
  let restUntil: number | null = null;
  const clock = new ClockWatch(deps.queue.newestAt());
  while (!ending.drain.aborted) {
    try {
      const backMs = clock.look(deps.clock());
      if (backMs > 0) setBack(backMs, deps);
      restUntil ??= monotonicMs() + suspectAfterCrash(deps);
      const restMs = restUntil - monotonicMs();
      const waitMs = restMs > 0 ? restMs : await takeStep(deps, ending);
      tell(deps.reserve.isSpent ? 'the disk is full' : null);
      // The sockets and the other loops get their turn, also while a long backlog is worked off.
      if (waitMs <= 0) await nextTurnOfLoop();
      else await deps.alarm.sleep(waitMs, ending.drain);
    } catch (error) {
      const fault = storageFault(error);
      if (fault === null) throw error;
      // Nothing is lost: what was not recorded is found out again from the attempt, once there is room.
      deps.inHand.letGo();
      tell(fault);
      await deps.alarm.sleep(STORAGE_RETRY_MS, ending.drain);
    }
  }
}

function setBack(byMs: number, { queue, standing }: TurnLoopDependencies): void {
  queue.setBack(byMs);
  standing.lookNow();
}

/** Counts the crash that ended the former process against the turn it had in hand; returns for how long nothing may be taken, in ms. */
export function suspectAfterCrash({ queue, inHand, clock, events, onReply }: TurnLoopDependencies): number {
  for (const id of inHand.left()) {
    const turn = queue.find(id);
    if (turn === null) continue;
    const running = queue.running();
    const attempt = running?.turn.id === id ? running.attempt : null;
    const verdict = judgeCrashes(turn.crashes + 1);
    if (verdict.kind === 'rest') queue.rest(turn, turn.crashes + 1, clock() + verdict.restMs);
    else {
      const end = attempt === null ? null : { number: attempt.number, outcome: 'unknown', reason: verdict.reason };
      queue.park(turn, verdict.reason, [attempt === null ? NOTICE.poisoned : NOTICE.unclear], end);
      events.changed(id);
      onReply(turn.channel);
    }
  }
  inHand.letGo();
  // The agent is held while the fate of a running turn is unknown, so all rests with it.
  const running = queue.running();
  return running === null ? 0 : restLeft(running.turn, clock());
}

/** One turn, a few that ask nobody, or one probe; returns how long nothing is to be done, in ms. Exported for the proof of crash points. */
export async function takeStep(deps: TurnLoopDependencies, ending: Ending): Promise<number> {
  const { queue, config, standing, inHand } = deps;
  const running = queue.running();
  if (running !== null) {
    inHand.take([running.turn.id]);
    const over = deps.onTurnBegin(running.turn);
    await recoverTurn(running.turn, running.attempt, deps, ending).finally(over);
    inHand.letGo();
    await afterTurns([running.turn], deps, ending);
    return 0;
  }
  // What room is left is for what is under way.
  if (deps.reserve.isSpent && !deps.reserve.refill()) return STORAGE_RETRY_MS;
  const now = deps.clock();
  const isAsked = asksAgent(config());
  if (isAsked && standing.probeAt <= now) await probe(deps, ending);
  const askableAt = isAsked ? standing.askableAt() : 0;
  const turn = queue.next(now, takeable(config(), askableAt !== null && askableAt <= now));
  if (turn === null) return Math.min(untilNext(deps, askableAt), deps.retain(now));
  inHand.take([turn.id]);
  const turns = await runTurn(turn, deps, ending);
  inHand.letGo();
  await afterTurns(turns, deps, ending);
  return 0;
}

/** Gives the turns that were dealt with. */
async function runTurn(turn: Turn, deps: TurnLoopDependencies, ending: Ending): Promise<readonly Turn[]> {
  const mode = modeOf(deps.config(), turn.channel);
  switch (mode) {
    case 'live': {
      const over = deps.onTurnBegin(turn);
      await askTurn(turn, async (signal) => await deps.files.write(turn, headed(turn, deps), signal), deps, ending).finally(over);
      return [turn];
    }
    case 'echo':
    case 'listen':
      return settleFew(turn, deps);
    default:
      return unreachable(mode);
  }
}

/** Settles turns that ask nobody, `first` and those due after it, in one commit. One that a crash speaks against goes alone. */
function settleFew(first: Turn, deps: TurnLoopDependencies): Turn[] {
  const { queue, inHand, config } = deps;
  const now = deps.clock();
  return queue.together(() => {
    const settled: Turn[] = [];
    const which = takeable(config(), false);
    for (let turn: Turn | null = first; turn !== null && settled.length < MOST_TOGETHER; turn = queue.next(now, which)) {
      if (turn.crashes > 0 && turn !== first) break;
      inHand.take([turn.id]);
      queue.settle({ turn, ...endUnasked(turn, deps), attempt: null, newestMessageId: null });
      settled.push(turn);
      if (turn.crashes > 0) break;
    }
    return settled;
  });
}

/** What becomes of a turn whose channel asks nobody. */
function endUnasked(turn: Turn, deps: TurnLoopDependencies): Pick<SettleRequest, 'as' | 'reason' | 'texts'> {
  if (modeOf(deps.config(), turn.channel) === 'listen') return { as: 'stored', reason: 'mode listen', texts: [] };
  const lines = turn.attachments.map((file) => attachmentLine(file));
  return { as: 'echoed', reason: null, texts: [withLines(headed(turn, deps), lines)] };
}

async function afterTurns(turns: readonly Turn[], deps: TurnLoopDependencies, ending: Ending): Promise<void> {
  for (const turn of turns) {
    deps.events.changed(turn.id);
    deps.onReply(turn.channel);
    deps.onTurnEnd(turn);
  }
  await deps.blocks.release(ending.stop);
}

/** The check is due whether or not a turn waits: health must be true for an idle agent too. */
async function probe(deps: TurnLoopDependencies, ending: Ending): Promise<void> {
  deps.standing.probed(await deps.letta.check(ending.drain), deps.clock());
}

function untilNext(deps: TurnLoopDependencies, askableAt: number | null): number {
  const now = deps.clock();
  const wakes: number[] = [];
  const dueAt = deps.queue.nextDueAt();
  if (dueAt !== null && askableAt !== null) wakes.push(Math.max(dueAt, askableAt));
  const unaskedDueAt = deps.queue.nextDueAt(takeable(deps.config(), false));
  if (unaskedDueAt !== null) wakes.push(unaskedDueAt);
  if (asksAgent(deps.config())) wakes.push(deps.standing.probeAt);
  return Math.max(Math.min(...wakes) - now, 1);
}

function headed(turn: Turn, deps: TurnLoopDependencies): string {
  if (turn.person === null) return turn.text;
  const { senderId, username, displayName } = turn.person;
  return renderPrompt({ channelTitle: deps.channelTitle(turn.channel), senderId, username, displayName, text: turn.text });
}
