/** Runs one turn of a simulated agent: stores the user's message, plays the script's steps, ends the run and frees the lock. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { unreachable } from 'animus-protocol';
import type { Json, JsonObject } from './json.ts';
import type { ScriptStep } from './script.ts';
import { StreamLog } from './stream-log.ts';
import { DONE_FRAME, dataFrame, eventFrame, newId, type StopReason, wireError, wirePing, wireStopReason, wireUsage } from './wire.ts';
import type { Agent, Run, RunStatus, Turn, TurnOutcome, World } from './world.ts';

/** What was asked, parsed. */
export type Question = {
  messages: UserMessage[];
  /** Set when the request answers a pending approval. */
  approvals: Json[] | null;
  background: boolean;
  streaming: boolean;
  pings: boolean;
  /** Assistant messages come in pieces of one id. */
  tokens: boolean;
  route: 'agents' | 'conversations';
};

export type UserMessage = { content: Json; text: string; otid: string; senderId: string | null };

type Ending = { status: RunStatus; outcome: TurnOutcome; stopReason: StopReason };

export function createRun(world: World, agent: Agent, question: Question): Run {
  const run: Run = {
    id: newId('run'),
    agentId: agent.id,
    background: question.background,
    createdAt: world.now(),
    completedAt: null,
    status: 'created',
    stopReason: null,
    metadata: { run_type: question.streaming ? 'send_message_streaming' : 'send_message' },
    tokens: question.tokens,
    log: new StreamLog(),
    produced: [],
    usage: wireUsage(0, 0, 0),
    failure: null,
    holdsLock: false,
    abort: new AbortController(),
    ended: Promise.resolve(),
    turn: null,
  };
  world.runs.set(run.id, run);
  return run;
}

/** Ends a run that was made and never got as far as a turn; only its stream says so. */
export function refuseRun(world: World, run: Run, question: Question, message: string): void {
  writeFirstPing(world, run, question);
  run.failure = { type: 'internal_error', message, detail: message };
  endRun(world, run, { status: 'failed', outcome: 'failed', stopReason: 'error' });
}

function writeFirstPing(world: World, run: Run, question: Question): void {
  if (question.streaming && question.pings) {
    write(world, run, dataFrame(wirePing(run.id, world.now())));
  }
}

/** Starts the run; it goes on whether or not anybody listens. */
export function startRun(world: World, agent: Agent, run: Run, question: Question): void {
  run.status = 'running';
  writeFirstPing(world, run, question);
  const turn = openTurn(world, agent, run, question);
  const stepId = newId('step');
  storeQuestion(world, agent, run.id, stepId, question);
  const steps = stepsFor(world, turn, question);
  run.turn = turn;
  world.turns.push(turn);
  world.emit({ kind: 'turn-started', turn });
  run.ended = play(world, agent, run, turn, stepId, steps).then((ending) => {
    if (ending !== null) {
      endRun(world, run, ending);
    }
  });
}

function openTurn(world: World, agent: Agent, run: Run, question: Question): Turn {
  agent.turns += 1;
  const last = question.messages.at(-1);
  return {
    agentId: agent.id,
    number: agent.turns,
    kind: question.approvals === null ? 'message' : 'approval',
    otid: last?.otid ?? null,
    text: question.messages.map((message) => message.text).join('\n'),
    content: last?.content ?? null,
    senderId: last?.senderId ?? null,
    runId: run.id,
    route: question.route,
    background: question.background,
    blocks: agent.blockIds.map((id) => world.blocks.get(id)?.block.label ?? id),
    startedAt: world.now(),
    endedAt: null,
    outcome: null,
    stopReason: null,
    replies: [],
  };
}

function storeQuestion(world: World, agent: Agent, runId: string, stepId: string, question: Question): void {
  for (const { content, otid, senderId } of question.messages) {
    world.store(agent, { id: runId, stepId }, [{ body: { kind: 'user', content }, otid, senderId }]);
  }
  if (question.approvals !== null && agent.pending !== null) {
    const body = { kind: 'approval-response', approvals: question.approvals, requestId: agent.pending.messageId } as const;
    world.store(agent, { id: runId, stepId }, [{ body, otid: randomUUID(), senderId: null }]);
    agent.pending = null;
  }
}

function stepsFor(world: World, turn: Turn, question: Question): readonly ScriptStep[] {
  if (world.imagesRefusedBy === 'provider' && JSON.stringify(turn.content).includes('"type":"image"')) {
    return [{ kind: 'fail', errorType: 'llm_bad_request', message: 'The image could not be processed.' }];
  }
  const at = world.nextSteps.findIndex(({ agentId }) => agentId === null || agentId === turn.agentId);
  const planned = at === -1 ? undefined : world.nextSteps.splice(at, 1)[0];
  const steps = planned?.steps ?? world.script({ ...turn, approvals: question.approvals ?? [] });
  return world.holding.has(null) || world.holding.has(turn.agentId) ? [{ kind: 'hold' }, ...steps] : steps;
}

/** Null when the server died under the run: nothing is written any more. */
async function play(
  world: World,
  agent: Agent,
  run: Run,
  turn: Turn,
  stepId: string,
  steps: readonly ScriptStep[],
): Promise<Ending | null> {
  // A run begins after its request was taken, never inside it.
  await Promise.resolve();
  for (const step of steps) {
    const ending = await playStep(world, agent, run, turn, stepId, step);
    if (run.abort.signal.aborted) {
      return null;
    }
    if (ending !== null) {
      return ending;
    }
  }
  return { status: 'completed', outcome: 'completed', stopReason: 'end_turn' };
}

async function playStep(world: World, agent: Agent, run: Run, turn: Turn, stepId: string, step: ScriptStep): Promise<Ending | null> {
  switch (step.kind) {
    case 'hold':
      await waitForRelease(world, run, turn);
      return null;
    case 'pause':
      await pause(step.ms, undefined, { signal: run.abort.signal }).catch(() => undefined);
      return null;
    case 'stop':
      return { status: 'completed', outcome: 'completed', stopReason: step.stopReason };
    case 'fail':
      run.failure = {
        type: step.errorType ?? 'llm_error',
        message: step.message ?? 'An error occurred with the LLM request.',
        detail: step.detail ?? 'simulated failure',
      };
      return { status: 'failed', outcome: 'failed', stopReason: step.stopReason ?? 'llm_api_error' };
    case 'approval':
      askApproval(world, agent, run, stepId, step);
      return { status: 'completed', outcome: 'requires_approval', stopReason: 'requires_approval' };
    case 'assistant':
      turn.replies.push(step.text);
      say(world, agent, run, stepId, step);
      return null;
    case 'reasoning':
    case 'tool':
      say(world, agent, run, stepId, step);
      return null;
    default:
      return unreachable(step);
  }
}

function say(world: World, agent: Agent, run: Run, stepId: string, step: ScriptStep & { kind: 'assistant' | 'reasoning' | 'tool' }): void {
  const source = { id: run.id, stepId };
  const fresh = (): { otid: string; senderId: null } => ({ otid: randomUUID(), senderId: null });
  if (step.kind !== 'tool') {
    publish(world, run, world.store(agent, source, [{ body: { kind: step.kind, text: step.text }, ...fresh() }]));
    return;
  }
  const toolCallId = `call_${randomUUID().slice(0, 8)}`;
  const call = { kind: 'tool-call', name: step.name, arguments: step.arguments ?? '{}', toolCallId } as const;
  const result = { kind: 'tool-return', toolCallId, text: step.result ?? 'ok', status: step.status ?? 'success' } as const;
  publish(world, run, world.store(agent, source, [{ body: call, ...fresh() }]));
  publish(world, run, world.store(agent, source, [{ body: result, ...fresh() }]));
}

function askApproval(world: World, agent: Agent, run: Run, stepId: string, step: ScriptStep & { kind: 'approval' }): void {
  const toolCallId = step.toolCallId ?? `call_${randomUUID().slice(0, 8)}`;
  const body = { kind: 'approval-request', name: step.name, arguments: step.arguments ?? '{}', toolCallId } as const;
  const wire = world.store(agent, { id: run.id, stepId }, [{ body, otid: randomUUID(), senderId: null }]);
  const messageId = agent.rows.at(-1)?.id ?? '';
  agent.pending = { messageId, toolCallIds: [toolCallId], name: step.name };
  publish(world, run, wire);
}

function publish(world: World, run: Run, messages: ReturnType<World['store']>): void {
  for (const message of messages) {
    run.produced.push(message);
    for (const piece of run.tokens ? piecesOf(message) : [message]) {
      write(world, run, dataFrame(piece));
    }
  }
}

function piecesOf(message: JsonObject): JsonObject[] {
  const content = message.content;
  if (message.message_type !== 'assistant_message' || typeof content !== 'string') {
    return [message];
  }
  return (content.match(/\s*\S+|\s+$/g) ?? [content]).map((piece) => ({ ...message, content: piece }));
}

function waitForRelease(world: World, run: Run, turn: Turn): Promise<void> {
  return new Promise((resolve) => {
    const release = (): void => {
      const at = world.held.findIndex((held) => held.turn === turn);
      if (at !== -1) {
        world.held.splice(at, 1);
      }
      resolve();
    };
    run.abort.signal.addEventListener('abort', release, { once: true });
    world.held.push({ turn, release });
    world.emit({ kind: 'run-held', turn });
  });
}

/** Writes the last frames, then settles the run and frees the conversation, as the real one does in this order. */
export function endRun(world: World, run: Run, ending: Ending): void {
  run.usage = wireUsage(10, run.produced.length * 5, 1);
  write(world, run, dataFrame(wireStopReason(ending.stopReason)));
  if (ending.stopReason === 'cancelled') {
    endCancelled(world, run);
  } else if (run.failure !== null) {
    run.metadata = { ...run.metadata, error: wireError(run.id, run.failure) };
    // A background stream ends at its error; a foreground one still says [DONE].
    write(world, run, eventFrame('error', wireError(run.id, run.failure)), run.background);
    if (!run.background) {
      write(world, run, DONE_FRAME, true);
    }
  } else {
    write(world, run, dataFrame(run.usage));
    write(world, run, DONE_FRAME, true);
  }
  run.status = ending.status;
  run.stopReason = ending.stopReason;
  run.completedAt = world.now();
  if (run.holdsLock) {
    run.holdsLock = false;
    world.redis.unlock(run.agentId);
  }
  if (run.turn !== null) {
    run.turn.outcome = ending.outcome;
    run.turn.stopReason = ending.stopReason;
    run.turn.endedAt = world.now();
    world.emit({ kind: 'turn-ended', turn: run.turn });
  }
}

function endCancelled(world: World, run: Run): void {
  if (run.background) {
    write(world, run, DONE_FRAME, true);
  } else {
    write(world, run, eventFrame('cancelled', { message: 'Run was cancelled' }), true);
  }
}

export function cancelRun(world: World, run: Run): void {
  if (run.abort.signal.aborted) {
    // Nobody works on it any more: the record says cancelled, its stream never ends.
    run.status = 'cancelled';
    run.stopReason = 'cancelled';
    return;
  }
  run.abort.abort();
  endRun(world, run, { status: 'cancelled', outcome: 'cancelled', stopReason: 'cancelled' });
}

export function isActive(run: Run): boolean {
  return run.status === 'created' || run.status === 'running';
}

function write(world: World, run: Run, frame: string, isLast = false): void {
  if (run.background) {
    world.redis.write(run.id, frame, isLast);
  } else {
    run.log.append(frame, isLast);
  }
}
