/** What the figures of a run amount to: whether Animus failed, and whether too little happened to say much. */
import { countWrongs, kills, type Outcome } from './report.ts';

/** Messages answered and Brocas killed, per second and agent: far below what two cores do when they have nothing else to do. */
const LEAST_ANSWERED = 2;
const LEAST_KILLS = 0.1;
/** Letta's worst faults leave turns that nobody can settle; where these are many, something else is wrong. */
const MOST_PARKED = 0.05;

/** Why Animus did not keep its promise; null when it did. That a busy machine did little is no such reason; that nothing flowed is. */
export function faultOf({ verdict, drainedMs, crashes }: Outcome): string | null {
  const { lost, doubled, disordered } = countWrongs(verdict);
  if (lost + doubled + disordered > 0) return `${lost} lost, ${doubled} doubled, ${disordered} out of order`;
  if (crashes.length > 0) return `crashes by a fault of our own: ${crashes.length}`;
  if (drainedMs === null) return 'not everything was done in time';
  return verdict.counts.answered === 0 ? 'no message was answered' : null;
}

export function warningsOf({ verdict, ledger, seconds, agents }: Outcome): string[] {
  const { received, answered, parked } = verdict.counts;
  const expected = Math.ceil(LEAST_ANSWERED * seconds * agents);
  const { brocas } = kills(ledger);
  return [
    answered < expected ? `only ${answered} messages were answered, at least ${expected} were expected: is the machine busy?` : null,
    brocas < LEAST_KILLS * seconds * agents ? `only ${brocas} Brocas were killed: is the machine busy?` : null,
    parked > MOST_PARKED * received ? `${parked} of ${received} messages were parked` : null,
  ].filter((warning) => warning !== null);
}
