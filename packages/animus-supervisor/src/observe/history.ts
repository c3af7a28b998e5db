/**
 * What the supervisor did and why, kept in `logs/events.log` whatever the log level: one ControlEvent a line, numbered
 * without a gap over restarts of the supervisor, so that whoever follows them can go on where they were.
 */
import { readFileSync } from 'node:fs';
import { type ControlEvent, parseControlEvent } from 'animus-protocol';
import { BoundedFile } from './bounded-file.ts';
import { type FleetEvent, toControlEvent } from './event.ts';

/** About 20 000 events in each of the two files. */
const LONGEST_HISTORY = 4 * 1024 * 1024;

export class History {
  readonly #path: string;
  readonly #file: BoundedFile;
  #last: number;

  /** `largest` in bytes, of each of the two files. */
  constructor(path: string, largest: number = LONGEST_HISTORY) {
    this.#path = path;
    this.#file = new BoundedFile(path, largest);
    this.#last = lastId(path) ?? lastId(`${path}.1`) ?? 0;
  }

  /** `at` in ms of the epoch. An event the disk does not take is told all the same. */
  add(event: FleetEvent, at: number): ControlEvent {
    this.#last += 1;
    const told = toControlEvent(event, this.#last, at);
    this.#file.append(`${JSON.stringify(told)}\n`);
    return told;
  }

  /** What is kept of the events after this number, oldest first. */
  after(id: number): ControlEvent[] {
    return [...readEvents(`${this.#path}.1`, id), ...readEvents(this.#path, id)];
  }

  close(): void {
    this.#file.close();
  }
}

/** Lines that are none of ours (torn by a power cut) are left out. */
function readEvents(path: string, after: number): ControlEvent[] {
  return readText(path)
    .split('\n')
    .flatMap((line) => {
      // Most lines are older than what is asked for: their number is enough.
      if (!(Number(/^\{"id":(\d+),/.exec(line)?.[1] ?? 0) > after)) return [];
      const event = parseControlEvent(parseJson(line));
      return event.ok ? [event.value] : [];
    });
}

function lastId(path: string): number | null {
  const ids = [...readText(path).matchAll(/^\{"id":(\d+),/gm)];
  const last = ids.at(-1)?.[1];
  return last === undefined ? null : Number(last);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
