/** Writes a reply to the socket, and spoils it on the way where a fault says so. */
import type { ServerResponse } from 'node:http';
import type { FaultDeed } from './faults.ts';
import type { Json } from './json.ts';

type Spoil = FaultDeed & { kind: 'stall' | 'cut' };

export class AnswerWriter {
  readonly #response: ServerResponse;
  readonly #spoil: Spoil | null;
  #bytes = 0;
  #frames = 0;
  #isSpoilt = false;

  constructor(response: ServerResponse, spoil: Spoil | null) {
    this.#response = response;
    this.#spoil = spoil;
  }

  /** Nothing but pings gets out any more, and the connection stays open. */
  get isStalled(): boolean {
    return this.#isSpoilt && this.#spoil?.kind === 'stall';
  }

  json(status: number, body: Json, headers: Record<string, string>): void {
    const type = headers['content-type'] ?? 'application/json';
    const text = type === 'application/json' ? JSON.stringify(body) : String(body);
    this.#head(status, { ...headers, 'content-type': type, 'content-length': String(Buffer.byteLength(text)) });
    this.#body(text);
    this.end();
  }

  streamHead(): void {
    this.#head(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  }

  frame(text: string): void {
    this.#body(text);
    this.#frames += 1;
    if (this.#spoil?.afterFrames !== undefined && this.#frames >= this.#spoil.afterFrames) {
      this.#spoilNow();
    }
  }

  /** A keepalive ping: gets through a stall that lets pings through, and is no progress. */
  ping(text: string): void {
    const isLetThrough = !this.#isSpoilt || (this.isStalled && this.#spoil?.kind === 'stall' && this.#spoil.pings === true);
    if (isLetThrough && this.#response.headersSent && !this.#response.writableEnded) {
      this.#response.write(text);
    }
  }

  end(): void {
    if (!this.#isSpoilt) {
      this.#response.end();
    }
  }

  #head(status: number, headers: Record<string, string>): void {
    const spoil = this.#spoil;
    if (spoil !== null && (spoil.afterFrames ?? 0) === 0 && (spoil.afterBytes ?? 0) === 0) {
      this.#spoilNow();
      return;
    }
    this.#response.writeHead(status, headers);
  }

  #body(text: string): void {
    if (this.#isSpoilt || this.#response.destroyed) {
      return;
    }
    const bytes = Buffer.from(text);
    const room = this.#spoil?.afterBytes === undefined ? bytes.length : this.#spoil.afterBytes - this.#bytes;
    const part = bytes.subarray(0, Math.max(0, room));
    this.#bytes += part.length;
    this.#response.write(part);
    if (this.#spoil?.afterBytes !== undefined && this.#bytes >= this.#spoil.afterBytes) {
      this.#spoilNow();
    }
  }

  #spoilNow(): void {
    if (this.#isSpoilt || this.#spoil === null) {
      return;
    }
    this.#isSpoilt = true;
    if (this.#spoil.kind === 'stall') {
      return;
    }
    const how = this.#spoil.how ?? 'close';
    if (how === 'end' && this.#response.headersSent) {
      this.#response.end();
    } else {
      this.#closeSocket(how === 'reset');
    }
  }

  #closeSocket(withReset: boolean): void {
    const { socket } = this.#response;
    const close = (): void => {
      if (withReset) {
        socket?.resetAndDestroy();
      } else {
        socket?.destroy();
      }
    };
    if (this.#response.headersSent) {
      // What was written must be on its way before the connection goes.
      this.#response.write('', close);
    } else {
      close();
    }
  }
}
