/** Times as the original Broca wrote them. */

const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(UTC|GMT|Z|[+-]\d\d:?\d\d)?$/i;

/**
 * A time as the original wrote it (`2026-11-23T03:34:20.030503`, `2026-07-10 11:08 UTC`,
 * `2026-11-23 03:34:20`), in ms since 1970. Without a zone it is UTC. Null: not a time.
 */
export function originalTime(text: string | null): number | null {
  const match = TIME.exec(text?.trim() ?? '');
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const ms = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const local = Date.UTC(year ?? 0, (month ?? 0) - 1, day ?? 0, hour ?? 0, minute ?? 0, second ?? 0, ms);
  const date = new Date(local);
  const isReal = date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
  return isReal ? local - offsetMs(match[8]) : null;
}

function offsetMs(zone: string | undefined): number {
  const offset = /^([+-])(\d\d):?(\d\d)$/.exec(zone ?? '');
  if (offset === null) return 0;
  const minutes = Number(offset[2]) * 60 + Number(offset[3]);
  return (offset[1] === '-' ? -minutes : minutes) * 60_000;
}
