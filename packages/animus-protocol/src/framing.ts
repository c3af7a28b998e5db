/**
 * Frames on a local stream socket: one JSON value per line. Both the worker link and the commands
 * of a Broca's CLI travel this way.
 */
import { failed, ok, type Result } from './result.ts';

/** Longest frame taken, in bytes; a peer that sends more is cut off. A reply with attachments stays far below. */
export const LONGEST_FRAME: number = 16 * 1024 * 1024;

export function encodeFrame(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Puts chunks together and gives each complete frame once, not yet read. A fault is final: close the connection. */
export class LineDecoder {
  #rest: Buffer[] = [];
  #length = 0;

  /** Takes the first `length` bytes of `chunk`, whose memory may be used anew once this has returned. */
  push(chunk: Buffer, length: number = chunk.length): Result<string[], string> {
    const lines: string[] = [];
    let start = 0;
    while (start < length) {
      const end = chunk.indexOf(10, start);
      if (end === -1 || end >= length) break;
      const line = this.#take(chunk, start, end);
      start = end + 1;
      if (line !== '') lines.push(line);
    }
    if (start < length) {
      this.#rest.push(Buffer.from(chunk.subarray(start, length)));
      this.#length += length - start;
    }
    return this.#length > LONGEST_FRAME ? failed(`a frame is longer than ${LONGEST_FRAME} bytes`) : ok(lines);
  }

  #take(chunk: Buffer, start: number, end: number): string {
    if (this.#length === 0) return chunk.toString('utf8', start, end);
    const line = Buffer.concat([...this.#rest, chunk.subarray(start, end)]).toString('utf8');
    this.#rest = [];
    this.#length = 0;
    return line;
  }
}

/** The same with each frame read. */
export class FrameDecoder {
  #lines = new LineDecoder();

  push(chunk: Buffer): Result<unknown[], string> {
    const lines = this.#lines.push(chunk);
    if (!lines.ok) return lines;
    try {
      return ok(lines.value.map((line): unknown => JSON.parse(line)));
    } catch {
      return failed('a frame is not JSON');
    }
  }
}
