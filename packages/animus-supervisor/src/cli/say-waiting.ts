/** Who waits for something that mostly comes at once is told what they wait for when it does not. */
import type { Screen } from './render.ts';

const SAY_AFTER_MS = 1_000;

export async function sayWaiting<T>(work: Promise<T>, what: string, { complain, paint }: Pick<Screen, 'complain' | 'paint'>): Promise<T> {
  const timer = setTimeout(() => complain(paint('dim', `${what} …`)), SAY_AFTER_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
