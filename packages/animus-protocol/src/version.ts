/** Version of Animus: of all its packages, as in each package.json (a test holds them together). */
export const VERSION: string = '0.1.0';

/** Whether `one` came before `other`. False where either is no version (a test's, a checkout's): nothing is known then. */
export function isOlderVersion(one: string, other: string): boolean {
  const [a, b] = [parseVersion(one), parseVersion(other)];
  if (a === null || b === null) return false;
  const index = a.findIndex((part, at) => part !== b[at]);
  return index !== -1 && (a[index] ?? 0) < (b[index] ?? 0);
}

function parseVersion(text: string): number[] | null {
  const found = /^v?(\d+)\.(\d+)\.(\d+)$/.exec(text);
  return found === null ? null : found.slice(1).map(Number);
}
