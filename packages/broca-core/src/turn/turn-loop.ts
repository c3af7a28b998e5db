/**
 * Takes turns from the queue, one at a time, in the mode in force when each begins. What was running
 * when the last process ended comes first.
 */
import { unreachable } from 'animus-protocol';
import type { Ending } from '../lifecycle/ending.ts';
import type { Turn } from '../queue/turn.ts';
import type { TurnEvents } from '../queue/turn-events.ts';
import { storageFault } from '../store/open.ts';
import { renderPrompt } from './prompt.ts';
import { askTurn, type RunTurnDependencies, recoverTurn } from './run-turn.ts';

export type TurnLoopDependencies = RunTurnDependencies & {
  channelTitle(channel: string): string;
  events: TurnEvents;
  /** Parts may have been stored for this channel. */
  onReply(channel: string): void;
  /** Why storage cannot be written; null when it can again. */
  onStorage(fault: string | null): void;
  onTurnEnd(turn: Turn): void;
};

const STORAGE_RETRY_MS = 1_000;

/** Takes no new turn once `drain` aborts, and returns when the turn in hand has ended or `stop` aborts too. */
export async function runTurnLoop(deps: TurnLoopDependencies, ending: Ending): Promise<void> {
  let isDegraded = false;
  while (!ending.drain.aborted) {
    try {
      const waitMs = await takeStep(deps, ending);
      if (isDegraded) deps.onStorage(null);
      isDegraded = false;
      await deps.alarm.sleep(waitMs, ending.drain);
    } catch (error) {
      const fault = storageFault(error);
      if (fault === null) throw error;
      // Nothing is lost: what was not recorded is found out again from the attempt, once there is room.
      isDegraded = true;
      deps.onStorage(fault);
      await deps.alarm.sleep(STORAGE_RETRY_MS, ending.drain);
    }
  }
}

/** One turn or one probe; returns how long nothing is to be done, in ms. Exported for the proof of crash points. */
export async function takeStep(deps: TurnLoopDependencies, ending: Ending): Promise<number> {
  const { queue, config, standing } = deps;
  const running = queue.running();
  if (running !== null) {
    await recoverTurn(running.turn, running.attempt, deps, ending);
    await afterTurn(running.turn, deps, ending);
    return 0;
  }
  const now = deps.clock();
  const isLive = config().mode === 'live';
  if (isLive && standing.probeAt <= now) await probe(deps, ending);
  const askableAt = isLive ? standing.askableAt() : 0;
  const turn = askableAt === null || askableAt > now ? null : queue.next(now);
  if (turn === null) return untilNext(deps, askableAt);
  await runTurn(turn, deps, ending);
  return 0;
}

async function runTurn(turn: Turn, deps: TurnLoopDependencies, ending: Ending): Promise<void> {
  const prompt = promptOf(turn, deps);
  const { mode } = deps.config();
  switch (mode) {
    case 'live':
      await askTurn(turn, prompt, deps, ending);
      break;
    case 'echo':
      deps.queue.settle({ turn, as: 'echoed', reason: null, texts: [prompt], attempt: null, newestMessageId: null });
      break;
    case 'listen':
      deps.queue.settle({ turn, as: 'stored', reason: 'mode listen', texts: [], attempt: null, newestMessageId: null });
      break;
    default:
      unreachable(mode);
  }
  await afterTurn(turn, deps, ending);
}

async function afterTurn(turn: Turn, deps: TurnLoopDependencies, ending: Ending): Promise<void> {
  deps.events.changed(turn.id);
  deps.onReply(turn.channel);
  deps.onTurnEnd(turn);
  await deps.blocks.release(ending.stop);
}

/** The check is due whether or not a turn waits: health must be true for an idle agent too. */
async function probe(deps: TurnLoopDependencies, ending: Ending): Promise<void> {
  deps.standing.probed(await deps.letta.check(ending.drain), deps.clock());
}

function untilNext(deps: TurnLoopDependencies, askableAt: number | null): number {
  const now = deps.clock();
  const wakes = [now + deps.config().queueRefreshMs];
  const dueAt = deps.queue.nextDueAt();
  if (dueAt !== null && askableAt !== null) wakes.push(Math.max(dueAt, askableAt));
  if (deps.config().mode === 'live') wakes.push(deps.standing.probeAt);
  return Math.max(Math.min(...wakes) - now, 1);
}

function promptOf(turn: Turn, deps: TurnLoopDependencies): string {
  if (turn.person === null) return turn.text;
  const { senderId, username, displayName } = turn.person;
  return renderPrompt({ channelTitle: deps.channelTitle(turn.channel), senderId, username, displayName, text: turn.text });
}
