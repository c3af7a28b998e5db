/**
 * Judges a run from three books kept apart: what was sent and what arrived (ours), what the agent ran (the
 * simulator's), and what Broca says became of each turn. Pure.
 */
import type { Turn } from 'animus-testkit';
import type { Arrival } from './ledger.ts';
import { idsIn, type Message } from './message.ts';

/** A turn as `broca queue list` tells of it. */
export type ToldTurn = { id: number; state: string; outcome: string | null; reason: string | null; text: string };

export type Books = {
  messages: readonly Message[];
  arrivals: readonly Arrival[];
  runs: readonly Turn[];
  told: readonly { agent: string; turn: ToldTurn }[];
  /** Runs that died and that Letta says failed. */
  declaredDead: ReadonlySet<string>;
};

export type WrongKind = 'lost' | 'doubled' | 'disordered';
export type Wrong = { kind: WrongKind; message: Message | null; agent: string; turn: number | null; what: string };

export type Verdict = {
  counts: { sent: number; received: number; answered: number; silent: number; refused: number; parked: number };
  /** Parked although the agent had answered. */
  parkedAnswered: number;
  parkedFor: Map<string, number>;
  wrongs: Wrong[];
};

export function judge(books: Books): Verdict {
  const verdict: Verdict = {
    counts: { sent: books.messages.length, received: 0, answered: 0, silent: 0, refused: 0, parked: 0 },
    parkedAnswered: 0,
    parkedFor: new Map(),
    wrongs: [],
  };
  const found = index(books);
  for (const message of books.messages) judgeMessage(message, found, books.declaredDead, verdict);
  judgeOrder(books, verdict);
  judgeRuns(books, verdict);
  for (const arrival of books.arrivals) {
    if (found.messages.has(arrival.inReplyTo ?? '')) continue;
    verdict.wrongs.push({ kind: 'doubled', message: null, agent: arrival.agent, turn: arrival.turn, what: 'nobody asked for this part' });
  }
  return verdict;
}

type Found = {
  messages: Set<string>;
  told: Map<string, ToldTurn[]>;
  runs: Map<string, Turn[]>;
  /** Runs that a denied tool call started. */
  afterwards: Map<string, Turn[]>;
  arrivals: Map<string, Arrival[]>;
};

function index({ messages, told, runs, arrivals }: Books): Found {
  return {
    messages: new Set(messages.map(({ id }) => id)),
    told: collect(
      told,
      ({ turn }) => idsIn(turn.text),
      ({ turn }) => turn,
    ),
    runs: collect(
      runs.filter(({ kind }) => kind === 'message'),
      ({ text }) => idsIn(text),
      (run) => run,
    ),
    afterwards: collect(
      runs.filter(({ kind }) => kind === 'approval'),
      ({ replies }) => replies.flatMap(idsIn),
      (run) => run,
    ),
    arrivals: collect(
      inOrder(arrivals),
      ({ inReplyTo }) => (inReplyTo === null ? [] : [inReplyTo]),
      (arrival) => arrival,
    ),
  };
}

function collect<T, V>(items: readonly T[], keys: (item: T) => string[], value: (item: T) => V): Map<string, V[]> {
  const collected = new Map<string, V[]>();
  for (const item of items) {
    for (const key of new Set(keys(item))) {
      const list = collected.get(key) ?? [];
      list.push(value(item));
      collected.set(key, list);
    }
  }
  return collected;
}

/** Arrivals that cannot be told apart by time keep the order in which they were read. */
function inOrder(arrivals: readonly Arrival[]): Arrival[] {
  return [...arrivals].sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
}

function judgeMessage(message: Message, found: Found, declaredDead: ReadonlySet<string>, verdict: Verdict): void {
  const told = found.told.get(message.id) ?? [];
  const runs = found.runs.get(message.id) ?? [];
  const arrivals = found.arrivals.get(message.id) ?? [];
  const turn = told[0] ?? null;
  const wrong = (kind: WrongKind, what: string): void => {
    verdict.wrongs.push({ kind, message, agent: message.agent, turn: turn?.id ?? null, what });
  };
  if (message.takenAt !== null || turn !== null) verdict.counts.received += 1;
  if (message.refusal !== null) {
    verdict.counts.refused += 1;
    if (runs.length > 0) wrong('doubled', `it was refused (${message.refusal}) and the agent ran it`);
    return;
  }
  if (turn === null) {
    wrong('lost', message.takenAt === null ? 'Broca never took it' : 'Broca acknowledged it and has no turn of it');
    return;
  }
  if (told.length > 1) wrong('doubled', `it has ${told.length} turns: ${told.map(({ id }) => id).join(', ')}`);
  judgeAttempts(runs, declaredDead, wrong);
  const answers = runs.flatMap((run) => answerOf(run, found.afterwards.get(message.id) ?? []));
  const outcome = outcomeOf(turn);
  if (outcome === null) {
    wrong('lost', `its turn is still ${turn.state}`);
    return;
  }
  verdict.counts[outcome] += 1;
  if (outcome === 'parked') countParked(turn, answers.length > 0, verdict);
  if (outcome === 'refused' && answers.length > 0) wrong('lost', `it is refused (${turn.reason}), and the agent answered it`);
  if (outcome === 'refused' || outcome === 'parked') judgeNotice(arrivals, wrong);
  else if (answers[0] === undefined) wrong('lost', `it is ${outcome}, and the agent never finished it`);
  else judgeReply(arrivals, answers[0], wrong);
}

function countParked(turn: ToldTurn, isAnswered: boolean, verdict: Verdict): void {
  const reason = (turn.reason ?? 'no reason').replaceAll(/\d+/g, 'n').slice(0, 120);
  verdict.parkedFor.set(reason, (verdict.parkedFor.get(reason) ?? 0) + 1);
  if (isAnswered) verdict.parkedAnswered += 1;
}

/** What the agent said in the end; a run that wanted a tool approved goes on in the run that the denial started. */
function answerOf(run: Turn, afterwards: readonly Turn[]): string[][] {
  const last = run.outcome === 'requires_approval' ? afterwards.find(({ outcome }) => outcome === 'completed') : run;
  if (last?.outcome !== 'completed') return [];
  return [last === run ? run.replies : [...run.replies, ...last.replies]];
}

type Outcome = 'answered' | 'silent' | 'refused' | 'parked';

function outcomeOf({ state, outcome }: ToldTurn): Outcome | null {
  if (state === 'parked') return 'parked';
  if (state !== 'settled') return null;
  return outcome === 'answered' || outcome === 'silent' || outcome === 'refused' ? outcome : null;
}

type Say = (kind: WrongKind, what: string) => void;

/** A later run is right only where the one before it was over and Letta said that it had failed. */
function judgeAttempts(runs: readonly Turn[], declaredDead: ReadonlySet<string>, wrong: Say): void {
  for (const [at, run] of runs.entries()) {
    const before = runs[at - 1];
    if (before === undefined) continue;
    const isOver = before.endedAt !== null && before.endedAt <= run.startedAt;
    const hasFailed = before.outcome === 'failed' || before.outcome === 'cancelled' || declaredDead.has(before.runId);
    if (!isOver) wrong('doubled', `the agent was asked again (${run.otid}) while ${before.otid} was running`);
    else if (!hasFailed) wrong('doubled', `the agent was asked again (${run.otid}) after ${before.otid} was ${before.outcome}`);
  }
}

function judgeReply(arrivals: readonly Arrival[], replies: readonly string[], wrong: Say): void {
  if (!judgeParts(arrivals, wrong)) return;
  const expected = squeeze(replies.join(''));
  const actual = squeeze(arrivals.map(({ text }) => text).join(''));
  if (actual === expected) return;
  const isShorter = actual.length < expected.length;
  wrong(isShorter ? 'lost' : 'doubled', `${isShorter ? 'not all' : 'more'} of the answer arrived: ${arrivals.length} parts`);
}

/** What the sender is told when there is no answer: exactly one part. */
function judgeNotice(arrivals: readonly Arrival[], wrong: Say): void {
  if (!judgeParts(arrivals, wrong)) return;
  if (arrivals.length === 0) wrong('lost', 'its sender was told nothing');
  else if (arrivals.length > 1) wrong('doubled', `its sender was told ${arrivals.length} times`);
}

/** Each part once, and in order; false when something was said. */
function judgeParts(arrivals: readonly Arrival[], wrong: Say): boolean {
  const numbers = arrivals.map(({ number }) => number);
  const shown = `parts arrived as ${numbers.join(', ')} of ${arrivals[0]?.count ?? 0}`;
  if (new Set(numbers).size < numbers.length) wrong('doubled', shown);
  else if (numbers.some((number, at) => at > 0 && number < (numbers[at - 1] ?? 0))) wrong('disordered', shown);
  else if (arrivals.length > 0 && arrivals.length !== arrivals[0]?.count) wrong('lost', shown);
  else return true;
  return false;
}

/** White space at a cut is not kept. */
function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, '');
}

/** Within a conversation replies arrive, and the agent is asked, in the order of the messages. */
function judgeOrder({ messages, arrivals, runs }: Books, verdict: Verdict): void {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const check = (what: string, ids: readonly (string | null | undefined)[]): void => {
    const last = new Map<string, number>();
    for (const id of ids) {
      const message = byId.get(id ?? '');
      if (message === undefined) continue;
      const conversation = `${message.agent}/${message.channel}/${message.chat}`;
      const before = last.get(conversation) ?? 0;
      if (message.number < before) {
        verdict.wrongs.push({
          kind: 'disordered',
          message,
          agent: message.agent,
          turn: null,
          what: `${what} after that of number ${before}`,
        });
      }
      last.set(conversation, Math.max(before, message.number));
    }
  };
  check(
    'its reply arrived',
    inOrder(arrivals).map(({ inReplyTo }) => inReplyTo),
  );
  check(
    'the agent was asked',
    runs.map(({ text }) => idsIn(text)[0]),
  );
}

/** An agent does one thing at a time: another run beside it would see the wrong person's block. */
function judgeRuns({ runs }: Books, verdict: Verdict): void {
  const last = new Map<string, Turn>();
  for (const run of runs) {
    const before = last.get(run.agentId);
    if (before !== undefined && (before.endedAt === null || before.endedAt > run.startedAt)) {
      const what = `the agent was asked (${run.otid}) while it was busy with ${before.otid}`;
      verdict.wrongs.push({ kind: 'doubled', message: null, agent: run.agentId, turn: null, what });
    }
    last.set(run.agentId, run);
  }
}
