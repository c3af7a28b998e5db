/** Instants come in UTC and are shown in the machine's zone. */
const format = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });

/** `2026-07-08 14:03:22`; what is no instant is given back as it is. */
export function localTime(instant: string): string {
  const at = Date.parse(instant);
  return Number.isNaN(at) ? instant : format.format(at);
}
