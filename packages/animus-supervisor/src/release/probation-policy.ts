/** Whether a release that is being tried out is as well as the one before it. */
import type { BeatReport, Phase } from 'animus-protocol';

export type Tried = {
  phase: Phase;
  reason: string | null;
  /** Deaths of it so far. */
  deaths: number;
  /** How it last died, or null. */
  lastDeath: string | null;
  /** It says that it is on probation; a Broca that knows none has opened by the time it is ready. */
  isShut: boolean;
  beat: BeatReport | null;
  /** Since it was first seen ready; null before. */
  readyMs: number | null;
  /** Of that, when the newest beat came. */
  beatMs: number | null;
};

export type Verdict = { kind: 'wait' } | { kind: 'well' } | { kind: 'ill'; reason: string };

/** A Letta that the former release reached is given this long to answer the new one. */
export const LETTA_WITHIN_MS = 20_000;

/**
 * `before`: the last beat of the former release, null where it did not run. Faults that it had too are not the new one's.
 * `probationMs`: a beat must come after it has stood this long. One that hangs sends none, and is ended by the watchdog.
 */
export function judgeProbation(tried: Tried, before: BeatReport | null, probationMs: number): Verdict {
  if (tried.deaths > 0) return ill(tried.lastDeath ?? 'it died');
  switch (tried.phase) {
    case 'ready':
      return tried.isShut ? judgeReady(tried, before, probationMs) : { kind: 'well' };
    case 'broken':
    case 'backing-off':
    case 'stopped':
      return ill(tried.reason ?? 'it did not start');
    case 'waiting':
    case 'starting':
    case 'unhealthy':
    case 'stopping':
      return { kind: 'wait' };
  }
}

function judgeReady({ beat, readyMs, beatMs }: Tried, before: BeatReport | null, probationMs: number): Verdict {
  if (beat === null || readyMs === null || beatMs === null) return { kind: 'wait' };
  const hadFailed = new Set(before?.channels.filter(({ state }) => state === 'failed').map(({ name }) => name));
  const fallen = beat.channels.find(({ name, state }) => state === 'failed' && !hadFailed.has(name));
  if (fallen !== undefined) return ill(`its channel ${fallen.name} cannot be used: ${fallen.reason ?? 'it gave no reason'}`);
  const lost = before?.channels.find(({ name }) => beat.channels.every((each) => each.name !== name));
  if (lost !== undefined) return ill(`it has no channel ${lost.name} any more`);
  if (before?.letta.state === 'reachable' && beat.letta.state !== 'reachable') {
    if (readyMs < LETTA_WITHIN_MS) return { kind: 'wait' };
    const { letta } = beat;
    return ill(`it cannot reach Letta, which the former one could${'reason' in letta ? `: ${letta.reason}` : ''}`);
  }
  return beatMs < probationMs ? { kind: 'wait' } : { kind: 'well' };
}

function ill(reason: string): Verdict {
  return { kind: 'ill', reason };
}
