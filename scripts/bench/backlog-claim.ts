/**
 * The next turn found, begun and settled while a hundred thousand are pending against while a hundred are.
 * Without syncs, which cost the same in both and would hide a difference.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createOutbox } from '../../packages/broca-core/src/outbox/sqlite-outbox.ts';
import { createQueue, type Queue } from '../../packages/broca-core/src/queue/sqlite-queue.ts';
import { FEW, MANY, makeBacklog, openUnsynced } from './backlog.ts';
import { type Figure, median, ratioAtMost } from './figure.ts';

const ROUNDS = 10;
/** So few of the hundred that most of them are still pending. */
const CLAIMS = 30;
const START = { endpoint: 'http://127.0.0.1:9', agentId: 'agent', images: [], seenMessageId: null, blockId: null };

export async function backlogClaim(): Promise<Figure[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  try {
    const [few, many] = [path.join(folder, 'few.db'), path.join(folder, 'many.db')];
    makeBacklog(few, FEW);
    makeBacklog(many, MANY);
    const fewMs: number[] = [];
    const manyMs: number[] = [];
    claims(few); // Warms the code up.
    for (let round = 0; round < ROUNDS; round += 1) {
      fewMs.push(...claims(few));
      manyMs.push(...claims(many));
    }
    return [
      ratioAtMost(
        { name: `claim with ${MANY} pending (floor: with ${FEW})`, value: median(manyMs), unit: 'ms', floor: median(fewMs) },
        1.5,
      ),
    ];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Times claims on a copy, in ms each: every round starts from the same backlog. */
function claims(file: string): number[] {
  const copy = `${file}.copy`;
  fs.copyFileSync(file, copy);
  const store = openUnsynced(copy);
  const outbox = createOutbox(store, (_channel, text) => [text], Date.now);
  const queue = createQueue(store, outbox, Date.now);
  const times = Array.from({ length: CLAIMS }, () => {
    const startedAt = performance.now();
    claim(queue);
    return performance.now() - startedAt;
  });
  store.close();
  return times;
}

function claim(queue: Queue): void {
  const turn = queue.next(Date.now());
  const attempt = turn === null ? null : queue.begin({ ...START, turn, text: turn.text });
  if (turn === null || attempt === null) throw new Error('nothing was pending');
  const end = { number: attempt.number, outcome: 'answered', reason: null };
  queue.settle({ turn, as: 'answered', reason: null, texts: ['A reply.'], attempt: end, newestMessageId: null });
}
