/** The event stream: whoever follows it hears of everything, from an event they name or from now on, as server-sent events. */
import type { ServerResponse } from 'node:http';
import type { AgentId, ControlEvent } from 'animus-protocol';

/** Null: from now on; all agents and the supervisor itself. */
export type Followed = { after: number | null; agent: AgentId | null };

/** A follower that does not read is let go beyond this. It comes back with the number of the last event it read. */
const LONGEST_BACKLOG = 1024 * 1024;

export class Live {
  #followers = new Map<ServerResponse, AgentId | null>();
  #past: (after: number) => ControlEvent[];

  /** `past` gives what is kept of the events after a number. */
  constructor(past: (after: number) => ControlEvent[]) {
    this.#past = past;
  }

  follow(response: ServerResponse, { after, agent }: Followed): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': events follow\n\n');
    const past = after === null ? [] : this.#past(after).filter((event) => isAbout(event, agent));
    if (past.length > 0) response.write(past.map(encode).join(''));
    this.#followers.set(response, agent);
    response.once('close', () => this.#followers.delete(response));
  }

  tell(event: ControlEvent): void {
    if (this.#followers.size === 0) return;
    const text = encode(event);
    for (const [follower, agent] of this.#followers) {
      if (!isAbout(event, agent)) continue;
      // What is kept may be much at once: only what comes on top of it counts.
      if (follower.writableLength > LONGEST_BACKLOG && follower.writableNeedDrain) follower.destroy();
      else follower.write(text);
    }
  }

  close(): void {
    for (const follower of this.#followers.keys()) follower.end();
  }
}

function isAbout(event: ControlEvent, agent: AgentId | null): boolean {
  return agent === null || event.agent === agent;
}

function encode(event: ControlEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}
