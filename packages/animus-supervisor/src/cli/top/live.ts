/** `top` on a terminal: draws the fleet anew every few seconds, and does what keys say. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FleetStatus } from 'animus-protocol';
import type { CliContext } from '../context.ts';
import type { FullScreen } from '../render.ts';
import { pageOf, topFrame } from './draw.ts';
import { press, readKeys, type View } from './view-policy.ts';

export type LiveOptions = {
  terminal: FullScreen;
  view: View;
  everyMs: number;
  /** What to show, or the sentence that says why there is nothing. */
  ask(): Promise<FleetStatus | string>;
};

/** Until a person leaves, or nobody looks any more. */
export async function showLive(
  options: LiveOptions,
  context: Pick<CliContext, 'screen' | 'input' | 'interruption' | 'now'>,
): Promise<void> {
  const { terminal, everyMs, ask } = options;
  const { screen, now } = context;
  const input = context.input();
  let { view } = options;
  let seen: FleetStatus | string = 'asking the supervisor …';
  const leaving = new AbortController();
  const over = AbortSignal.any([leaving.signal, context.interruption(), screen.closed]);
  const draw = (): void => {
    const { rows } = terminal.size();
    terminal.draw(typeof seen === 'string' ? [seen, '', screen.paint('dim', 'q quit')] : topFrame(seen, view, now(), screen, rows));
  };
  const take = (chunk: Buffer | string): void => {
    for (const key of readKeys(chunk.toString())) {
      const count = typeof seen === 'string' ? 0 : seen.agents.length;
      const next = press(view, key, { page: pageOf(terminal.size().rows), count });
      if (next === null) {
        leaving.abort();
        return;
      }
      view = next;
    }
    draw();
  };
  terminal.onResize(draw);
  input.setRawMode(true);
  input.on('data', take);
  // The terminal went away.
  input.once('end', () => leaving.abort());
  try {
    while (!over.aborted) {
      seen = await ask();
      if (over.aborted) break;
      draw();
      await pause(everyMs, over);
    }
  } finally {
    input.off('data', take);
    input.setRawMode(false);
    input.pause();
    terminal.close();
  }
}

async function pause(ms: number, over: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: over }).catch(() => undefined);
}
