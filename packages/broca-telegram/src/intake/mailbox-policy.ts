/**
 * Whether a step of a mailbox is the next one. Telegram numbers what happens in each mailbox (pts); `count` of them
 * belong to one update. core.telegram.org/api/updates.
 */
import type { Step } from '../telegram.ts';

/** `apply` it · it is `old` · something between is missing (`gap`). */
export type StepVerdict = 'apply' | 'old' | 'gap';

/** `place`: how far the mailbox was read; null when nothing of it was ever read, so that it begins here. */
export function judgeStep(place: number | null, { pts, count }: Pick<Step, 'pts' | 'count'>): StepVerdict {
  if (place === null) return 'apply';
  const from = pts - count;
  if (from === place) return 'apply';
  return from < place ? 'old' : 'gap';
}
