/** The example plugin of docs/channels.md, in a real Broca: from the agent's own plugins folder, as a person would put it there. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { AgentFolder, BrocaProcess, startLettaSimulator } from 'animus-testkit';

const KEY = 'sk-webhook-test-key-0001';
const TOKEN = 'a-long-random-text-0001';
const PLUGIN = path.join(import.meta.dirname, '../../templates/plugin/webhook.ts');

/** Only keeps a broken one from hanging. */
const PATIENCE_MS = 20_000;

type Reply = { key: string | undefined; body: Record<string, unknown> };

/** The program at the other end: notes what is posted to it, and answers with the statuses given, then 204. */
async function startReceiver(statuses: number[]) {
  const replies: Reply[] = [];
  let wake = (): void => undefined;
  const server = http.createServer((request, response) => {
    void text(request).then((body) => {
      replies.push({ key: request.headers['idempotency-key']?.toString(), body: JSON.parse(body) as Record<string, unknown> });
      response.writeHead(statuses.shift() ?? 204, { connection: 'close' }).end();
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    replies,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/replies`,
    async count(wanted: number): Promise<void> {
      const late = AbortSignal.timeout(PATIENCE_MS);
      while (replies.length < wanted) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        wake = resolve;
        late.addEventListener('abort', () => reject(new Error(`${replies.length} replies came, ${wanted} were waited for`)));
        await promise;
      }
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function freePort(): Promise<number> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function agentWithWebhook(endpoint: string, webhook: Record<string, unknown>, environment: Record<string, string>): AgentFolder {
  const settings = { plugins: { webhook: { enabled: true, ...webhook } } };
  const agent = new AgentFolder({ endpoint, apiKey: KEY, settings, environment });
  mkdirSync(agent.path('plugins'));
  copyFileSync(PLUGIN, agent.path('plugins', 'webhook.ts'));
  return agent;
}

async function post(port: number, token: string, message: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: JSON.stringify(message) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('the example plugin takes a message once, and its reply goes out with one key', async () => {
  await using letta = await startLettaSimulator({ agents: [{ id: 'agent-test', apiKey: KEY }] });
  await using receiver = await startReceiver([503]);
  const port = await freePort();
  using agent = agentWithWebhook(letta.url, { port, reply_url: receiver.url }, { WEBHOOK_TOKEN: TOKEN });
  await using broca = await BrocaProcess.start(agent.folder);
  await broca.beat(({ channels }) => channels.some(({ name, state }) => name === 'webhook' && state === 'up'));

  const message = { id: 'm1', chat: 'c1', sender: { id: 'ada', username: 'ada' }, text: 'Hello' };
  assert.equal((await post(port, 'wrong', message)).status, 401);
  assert.equal((await post(port, TOKEN, null)).status, 400);
  assert.equal((await post(port, TOKEN, { ...message, sender: 'ada' })).status, 422);
  assert.deepEqual(await post(port, TOKEN, message), { status: 202, body: { kind: 'stored', turnId: 1 } });
  assert.deepEqual(await post(port, TOKEN, message), { status: 200, body: { kind: 'duplicate', turnId: 1 } });

  // The first POST is answered with 503: the same part comes again, with the same key.
  await receiver.count(2);
  const [first, second] = receiver.replies;
  assert.deepEqual(first, second);
  assert.match(first?.key ?? '', /^\d+$/);
  assert.deepEqual(first?.body, {
    chat: 'c1',
    inReplyTo: 'm1',
    part: 1,
    parts: 1,
    text: 'echo: [Username: @ada, Webhook ID: ada] Hello',
  });
  assert.equal(letta.turns.length, 1);
});

test('the example plugin says what is wrong with its settings and its environment; Broca runs without it', async () => {
  await using letta = await startLettaSimulator({ agents: [{ id: 'agent-test', apiKey: KEY }] });
  const cases = [
    {
      webhook: { port: 0, reply_url: 'http://127.0.0.1:1/' },
      environment: { WEBHOOK_TOKEN: TOKEN },
      said: /plugins\.webhook\.port: write a port/,
    },
    { webhook: { port: 8700, reply_url: 'http://127.0.0.1:1/' }, environment: {}, said: /WEBHOOK_TOKEN is missing/ },
  ];
  for (const { webhook, environment, said } of cases) {
    using agent = agentWithWebhook(letta.url, webhook, environment as Record<string, string>);
    await using broca = await BrocaProcess.start(agent.folder);
    const { channels } = await broca.beat((beat) => beat.channels.some(({ name, state }) => name === 'webhook' && state === 'failed'));
    assert.match(channels.find(({ name }) => name === 'webhook')?.reason ?? '', said);
    assert.equal(channels.find(({ name }) => name === 'console')?.state, 'up');
  }
});
