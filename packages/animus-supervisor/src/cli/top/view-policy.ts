/** What a person has asked `top` for: the order, its direction, how far down they look; and what each key changes. */
import type { AgentStatus } from 'animus-protocol';

export const SORT_KEYS = ['cpu', 'memory', 'queue', 'turns', 'restarts', 'death', 'name', 'phase'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export type View = {
  sort: SortKey;
  /** The other way round than is usual for the key. */
  isReversed: boolean;
  /** How many agents are above the first one shown. */
  from: number;
};

/** What one presses for each order. */
export const SORT_LETTERS: Readonly<Record<SortKey, string>> = {
  cpu: 'c',
  memory: 'm',
  queue: 'u',
  turns: 't',
  restarts: 'r',
  death: 'd',
  name: 'n',
  phase: 'p',
};

/** The worst phase first. */
const PHASE_ORDER = ['broken', 'unhealthy', 'backing-off', 'waiting', 'starting', 'stopping', 'ready', 'stopped'];

/** The keys in what a terminal sent at once. */
export function readKeys(text: string): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal sends arrows as control sequences
  return text.match(/\u001b\[[\d;]*[A-Za-z~]|\u001bO[A-Z]|[\s\S]/gu) ?? [];
}

/** Null: the person wants to go. `page` is how many agents fit on the screen, `count` how many there are. */
export function press(view: View, key: string, { page, count }: { page: number; count: number }): View | null {
  const sort = SORT_KEYS.find((each) => SORT_LETTERS[each] === key);
  if (sort !== undefined) return { sort, isReversed: sort === view.sort && !view.isReversed, from: 0 };
  const to = (from: number): View => ({ ...view, from: Math.max(0, Math.min(from, count - page)) });
  switch (key) {
    case 'q':
    case 'Q':
    case '\u001b':
    case '\u0003':
    case '\u0004':
      return null;
    case 'j':
    case '\u001b[B':
    case '\u001bOB':
      return to(view.from + 1);
    case 'k':
    case '\u001b[A':
    case '\u001bOA':
      return to(view.from - 1);
    case ' ':
    case '\u001b[6~':
      return to(view.from + page);
    case '\u001b[5~':
      return to(view.from - page);
    default:
      return view;
  }
}

/** The most of it first, names from A; those it is not known of at the end either way. */
export function sortAgents(agents: readonly AgentStatus[], { sort, isReversed }: Pick<View, 'sort' | 'isReversed'>): AgentStatus[] {
  const sign = isReversed ? -1 : 1;
  return agents.toSorted((a, b) => {
    const [left, right] = [weigh(a, sort), weigh(b, sort)];
    if (left === null || right === null) return Number(left === null) - Number(right === null) || byName(a, b);
    return sign * (right - left) || (sort === 'name' ? sign : 1) * byName(a, b);
  });
}

function byName(a: AgentStatus, b: AgentStatus): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function weigh(agent: AgentStatus, sort: SortKey): number | null {
  switch (sort) {
    case 'cpu':
      return agent.cpu;
    case 'memory':
      return agent.memoryBytes;
    case 'queue':
      return agent.beat === null ? null : agent.beat.queue.waiting + agent.beat.queue.running;
    case 'turns':
      return agent.beat === null ? null : agent.beat.queue.settled;
    case 'restarts':
      return agent.restarts;
    case 'death':
      return agent.lastDeath?.at ?? null;
    case 'name':
      return 0;
    case 'phase':
      return -PHASE_ORDER.indexOf(agent.phase);
  }
}
