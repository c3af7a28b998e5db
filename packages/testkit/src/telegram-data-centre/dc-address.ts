/**
 * Where clients are told that the data centres are: addresses that are nobody's (RFC 5737), so that a client without the proxy
 * reaches nothing. The proxy knows Telegram's own addresses too, which clients have built in.
 */

export function dcHost(dcId: number): string {
  return `203.0.113.${dcId}`;
}

/** https://core.telegram.org/api/datacenter; by network, and the test data centres with them. */
const BUILT_IN: readonly (readonly [RegExp, number])[] = [
  [/^149\.154\.175\.5\d$/, 1],
  [/^149\.154\.167\.(4\d|5\d)$/, 2],
  [/^149\.154\.175\.1\d\d$/, 3],
  [/^149\.154\.167\.9\d$/, 4],
  [/^91\.108\.56\.\d+$|^149\.154\.171\.5$/, 5],
];

/** The data centre behind an address; null when it is none of Telegram's. */
export function dcAt(host: string): number | null {
  const ours = /^203\.0\.113\.(\d+)$/.exec(host);
  if (ours?.[1] !== undefined) return Number(ours[1]);
  return BUILT_IN.find(([pattern]) => pattern.test(host))?.[1] ?? null;
}
