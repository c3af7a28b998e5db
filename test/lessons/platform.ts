/** The platform behind the plugin of platform.fixture.ts: what it has to say, and all that is posted to it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';

export type Platform = AsyncDisposable & {
  url: string;
  /** Every part that was posted, also those it did not take. */
  posted: { key: string; text: string }[];
  /** Fulfilled once so many parts were posted. */
  partsCame(count: number): Promise<void>;
  /** Fulfilled with the first image, whose answer waits until `answerUpload`. */
  uploadCame: Promise<void>;
  answerUpload(): void;
};

type Request = {
  messages: readonly { id: string; text: string; image?: string }[];
  /** What becomes of the first parts; the rest is taken. */
  first?: ('refused with 500' | 'connection cut')[];
};

/** Only keeps a broken test from hanging. */
const PATIENCE_MS = 20_000;

export async function startPlatform({ messages, first = [] }: Request): Promise<Platform> {
  const posted: Platform['posted'] = [];
  const came = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const faults = [...first];
  let changed = (): void => undefined;

  const takePart = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    posted.push(JSON.parse(await textOf(request)) as { key: string; text: string });
    const fault = faults.shift();
    if (fault === 'connection cut') response.destroy();
    else response.writeHead(fault === undefined ? 204 : 500).end();
    changed();
  };
  const takeUpload = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume();
    came.resolve();
    await answered.promise;
    response.end('https://images.example/1.png');
  };
  const server = createServer((request, response) => {
    if (request.url === '/messages') response.end(JSON.stringify(messages));
    else void (request.url === '/parts' ? takePart : takeUpload)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted,
    uploadCame: came.promise,
    answerUpload: () => answered.resolve(),
    async partsCame(count) {
      const late = AbortSignal.timeout(PATIENCE_MS);
      while (posted.length < count) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        changed = resolve;
        late.addEventListener('abort', () => reject(new Error(`${posted.length} parts came, ${count} were waited for`)));
        await promise;
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
