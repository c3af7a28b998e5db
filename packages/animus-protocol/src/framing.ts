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

/** Puts chunks together and gives each complete frame once. A fault is final: close the connection. */
export class FrameDecoder {
  #rest: Buffer[] = [];
  #length = 0;

  push(chunk: Buffer): Result<unknown[], string> {
    const frames: unknown[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(start, end)]);
      this.#rest = [];
      this.#length = 0;
      start = end + 1;
      if (line.length === 0) continue;
      try {
        frames.push(JSON.parse(line.toString('utf8')));
      } catch {
        return failed('a frame is not JSON');
      }
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.subarray(start));
      this.#length += chunk.length - start;
    }
    return this.#length > LONGEST_FRAME ? failed(`a frame is longer than ${LONGEST_FRAME} bytes`) : ok(frames);
  }
}
