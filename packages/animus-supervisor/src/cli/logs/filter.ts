/** The options with which lines of a log are chosen, as a person writes them. */
import { failed, ok, type Result } from 'animus-protocol';
import type { OptionSpec } from '../command.ts';
import { LEVELS, type LineFilter } from './line.ts';

type Flag = Extract<OptionSpec, { kind: 'flag' }>;
type Text = Extract<OptionSpec, { kind: 'text' }>;

export const FILTER_OPTIONS: { follow: Flag; since: Text; until: Text; level: Text; grep: Text } = {
  follow: { kind: 'flag', short: 'f', description: 'Go on with what is written; Ctrl-C ends it' },
  since: { kind: 'text', placeholder: '30m, 2h, 7d or a date', description: 'Only from then on' },
  until: { kind: 'text', placeholder: '30m, 2h, 7d or a date', description: 'Only before then' },
  level: { kind: 'text', placeholder: 'level', description: 'Only this level and worse', choices: LEVELS },
  grep: { kind: 'text', placeholder: 'text', description: 'Only lines that hold this, in any case of letters' },
};

type Written = { since: string | null; until: string | null; level: string | null; grep: string | null; follow: boolean };

/** `now` in ms of the epoch. `timezone` null: the machine's own. The error says what to write instead. */
export function readFilter(values: Written, now: number, timezone: string | null): Result<LineFilter, string> {
  const times: { since: number | null; until: number | null } = { since: null, until: null };
  for (const name of ['since', 'until'] as const) {
    const text = values[name];
    const at = text === null ? null : readInstant(text, now, timezone);
    if (text !== null && at === null)
      return failed(`--${name} takes a span as in 30m, 2h, 7d, or a date as in 2026-11-23T10:00, not ${JSON.stringify(text)}`);
    times[name] = at;
  }
  if (times.since !== null && times.until !== null && times.since >= times.until)
    return failed('--until is not after --since: nothing can be between them');
  if (times.until !== null && values.follow) return failed('--follow goes on with what comes; it does not go with --until');
  return ok({ ...times, level: LEVELS.find((level) => level === values.level) ?? null, grep: values.grep });
}

/**
 * `2 h`, `30m`, `7d` before now, or a date as in 2026-11-23 or 2026-11-23T10:00, in the zone in which times are shown
 * unless it names its own; ms of the epoch. Null: not understood.
 */
export function readInstant(text: string, now: number, timezone: string | null): number | null {
  const span = /^(\d+)\s*(s|m|min|h|d)$/.exec(text.trim());
  if (span !== null) {
    const unit = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }[span[2] ?? ''];
    return unit === undefined ? null : now - Number(span[1]) * unit;
  }
  const local = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?$/.exec(text.trim());
  const at = Date.parse(local === null ? text : `${local[1]}T${local[2] ?? '00:00'}${timezone === null ? '' : 'Z'}`);
  if (Number.isNaN(at)) return null;
  return local === null || timezone === null ? at : at - offsetAt(at, timezone);
}

/** How far the clocks of a zone are ahead of UTC, in ms, when they show this. `shown` is what they show, read as UTC. */
function offsetAt(shown: number, timezone: string): number {
  const guess = offset(shown, timezone);
  // Around a change of the clocks the first guess is of the wrong side.
  return offset(shown - guess, timezone);
}

function offset(at: number, timezone: string): number {
  const text = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' }).format(at);
  return Date.parse(`${text.replace(' ', 'T')}Z`) - Math.floor(at / 1_000) * 1_000;
}
