/** One fault in a file a person wrote. All faults of a file are gathered and shown together. */
import { closest, distance } from 'fastest-levenshtein';

export type Problem = {
  /** File name as the person knows it: `.env`, `settings.json`, `animus.config.json`. */
  file: string;
  /** Key, dotted where nested; for `.env` also the line when it has no key. */
  key: string;
  /** The value as written; never given for a secret. */
  value?: string;
  /** What is wrong and what is allowed instead. */
  message: string;
  /** `error`: the file cannot be used. `warning`: it can, but a person should look. */
  severity: 'error' | 'warning';
};

export function formatProblem(problem: Problem): string {
  const value = problem.value === undefined ? '' : ` = ${problem.value}`;
  return `${problem.file}: ${problem.key}${value}: ${problem.message}`;
}

const UNKNOWN_KEY = 'unknown key, ignored';

export function isUnknownKey(problem: Problem): boolean {
  return problem.message.startsWith(UNKNOWN_KEY);
}

/** Says that a key is unknown and, where one is near enough to be meant, which known one that is. */
export function unknownKeyProblem(file: string, key: string, known: readonly string[]): Problem {
  const name = key.slice(key.lastIndexOf('.') + 1);
  const path = key.slice(0, key.length - name.length);
  const near = nearestKey(name, known);
  const meant = near === null ? '' : `; did you mean ${path}${near}?`;
  return { file, key, message: `${UNKNOWN_KEY}${meant}`, severity: 'warning' };
}

/** The known key that a mistyped one is nearest to, or null when none is near enough to be meant: a third of it may be wrong. */
export function nearestKey(name: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const near = closest(name, known);
  return distance(name, near) <= Math.max(2, Math.floor(near.length / 3)) ? near : null;
}
