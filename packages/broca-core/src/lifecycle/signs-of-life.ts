/**
 * A start that takes long tells on Broca's socket how far it is: each beat extends the time that a supervisor gives it,
 * and health says what it is at. Nothing beats by itself here, so that one that hangs is found out.
 */
import { join } from 'node:path';
import { type BrocaBeat, type BrocaHello, EXIT, failed } from 'animus-protocol';
import { type BrocaSocket, listenOnSocket } from './socket.ts';

export type LongStart = { folder: string; mode: string; hello: BrocaHello };

/**
 * `work` lets the event loop run now and then, and may be ended at any moment: a stop ends the process at once. The
 * socket is closed again before this returns.
 */
export async function withSignsOfLife<T>(start: LongStart, work: (tell: (doing: string) => void) => Promise<T>): Promise<T> {
  let doing: string[] = [];
  let socket: BrocaSocket | null = null;
  const beat = (): BrocaBeat => ({
    type: 'beat',
    at: Date.now(),
    eventLoopDelayMs: 0,
    mode: start.mode,
    queue: { waiting: 0, running: 0, parked: 0, outbox: 0, settled: 0 },
    letta: { state: 'unchecked' },
    channels: [],
    problems: doing,
  });
  socket = await listenOnSocket(join(start.folder, 'run', 'broca.sock'), {
    hello: start.hello,
    beat,
    supervised: (isSupervised) => void (isSupervised && socket?.beat()),
    stop: () => process.exit(EXIT.done),
    // What the files say by then is read when the work is done.
    reload: () => undefined,
    nudge: () => undefined,
    command: async () => failed(`this Broca is still starting (${doing.join()}): try again later`),
  });
  try {
    return await work((words) => {
      doing = [words];
      socket.beat();
    });
  } finally {
    await socket.close();
  }
}
