/** The event stream: whoever follows it hears of everything from then on, as server-sent events. */
import type { ServerResponse } from 'node:http';
import type { ControlEvent } from 'animus-protocol';

/** A follower that does not read is let go beyond this. */
const LONGEST_BACKLOG = 1024 * 1024;

export class Live {
  #followers = new Set<ServerResponse>();

  follow(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': events follow\n\n');
    this.#followers.add(response);
    response.once('close', () => this.#followers.delete(response));
  }

  tell(event: ControlEvent): void {
    if (this.#followers.size === 0) return;
    const text = `data: ${JSON.stringify(event)}\n\n`;
    for (const follower of this.#followers) {
      follower.write(text);
      if (follower.writableLength > LONGEST_BACKLOG) follower.destroy();
    }
  }

  close(): void {
    for (const follower of this.#followers) follower.end();
  }
}
