/**
 * `broca outbound send`. The message has a key from the start: when Broca ends before it answers, the same is
 * asked again, of the next one or of the database, and nothing is sent twice.
 */
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, type ExitCode } from 'animus-protocol';
import * as v from 'valibot';
import { askOnce } from './ask.ts';
import type { Answer } from './client.ts';
import type { OutboundInvocation } from './invocation.ts';
import { conversationOf, printable } from './render.ts';
import type { Terminal } from './terminal.ts';

const ASK_AGAIN_MS = 500;

const outboundResult = v.looseObject({
  turnId: v.nullable(v.number()),
  isRepeat: v.boolean(),
  isOver: v.boolean(),
  isNewConversation: v.boolean(),
  channel: v.string(),
  account: v.string(),
  chat: v.string(),
  parts: v.array(v.object({ number: v.number(), count: v.number(), text: v.string(), state: v.string(), reason: v.nullable(v.string()) })),
});
type Result = v.InferOutput<typeof outboundResult>;

export async function outbound(invocation: OutboundInvocation, terminal: Terminal): Promise<ExitCode> {
  const key = invocation.key ?? randomUUID();
  const deadline = performance.now() + invocation.timeoutMs;
  let answer = await ask(invocation, key, false, deadline);
  let result = read(answer);
  if (invocation.wait && result !== null && result.turnId !== null && !result.isOver) {
    const waited = await ask(invocation, key, true, deadline);
    // What was stored stays stored, whatever became of the wait.
    if (waited !== null && read(waited) !== null) answer = waited;
    result = read(answer);
  }
  if (result === null) {
    terminal.err(`broca: ${faultOf(answer)}\n`);
    return EXIT.failed;
  }
  const isRepeat = result.isRepeat && invocation.key !== null;
  terminal.out(invocation.json ? `${JSON.stringify({ ...result, isRepeat }, null, 2)}\n` : told({ ...result, isRepeat }));
  for (const { number, count, state, reason } of result.parts) {
    if (state === 'refused' || state === 'uncertain')
      terminal.err(`broca: part ${number}/${count} is ${state}: ${printable(reason ?? '')}\n`);
  }
  const isBad = result.parts.some(({ state }) => state === 'refused' || state === 'uncertain');
  const isLate = invocation.wait && result.turnId !== null && !result.isOver;
  if (isLate) terminal.err(`broca: not handed over yet; it goes on by itself: broca queue show ${result.turnId}\n`);
  return isBad || isLate ? EXIT.failed : EXIT.done;
}

/** Null when time was over before an answer came. */
async function ask({ folder, args }: OutboundInvocation, key: string, wait: boolean, deadline: number): Promise<Answer | null> {
  const late = new AbortController();
  const timer = sleep(Math.max(1, deadline - performance.now()), null, { signal: late.signal, ref: false }).catch(() => null);
  const asked = (async (): Promise<Answer> => {
    for (;;) {
      const answer = await askOnce(resolve(folder), 'outbound.send', { ...args, idempotencyKey: key, wait }, late.signal);
      if (answer.kind !== 'lost' || late.signal.aborted) return answer;
      await sleep(ASK_AGAIN_MS);
    }
  })();
  const first = await Promise.race([asked, timer]);
  late.abort();
  return first;
}

function read(answer: Answer | null): Result | null {
  const parsed = answer?.kind === 'value' ? v.safeParse(outboundResult, answer.value) : null;
  return parsed?.success === true ? parsed.output : null;
}

function faultOf(answer: Answer | null): string {
  if (answer === null || answer.kind === 'lost') {
    return 'Broca did not answer in time: whether it has the message is not known. Ask again with the same --idempotency-key, or look at broca queue list --state all';
  }
  return answer.kind === 'error' ? answer.error : 'Broca gave an answer that this CLI cannot read: restart the agent';
}

function told(result: Result): string {
  const { turnId, parts, isRepeat, isOver, isNewConversation } = result;
  const where = `${printable(conversationOf(result))}${isNewConversation ? ' (where nobody spoke yet)' : ''}`;
  const pieces = parts.length === 1 ? '1 part' : `${parts.length} parts`;
  if (turnId === null) return `Would go to ${where} in ${pieces}:\n${parts.map(({ text }) => `${printable(text)}\n`).join('---\n')}`;
  if (parts.length === 0) return `Turn ${turnId} was sent before, and is deleted by now.\n`;
  const state = isOver ? 'handed over' : 'not handed over yet';
  return `Turn ${turnId} to ${where}: ${pieces}, ${state}.${isRepeat ? ' It was stored before, and not again.' : ''}\n`;
}
