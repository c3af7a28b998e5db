/**
 * What Broca adds to a live turn: from a message handed in at its console until the reply is handed over
 * there, minus what the simulator takes for such a turn, asked by a bare HTTP client with the same request.
 * The two take turns, so both meet the same machine.
 */
import { type LettaSimulator, startLettaSimulator } from 'animus-testkit';
import { connect, makeAgentFolder, sendAndWait, startBroca } from './broca.ts';
import { type Figure, median, percentile, shown, valueAtMost } from './figure.ts';
import { fsyncMs } from './fsync.ts';

const TURNS = 200;
/** The first turns make blocks and warm both ends up. */
const WARM_UP = 30;
/** Allowed beside three syncs to the disk, in ms. */
const ALLOWED_MS = 8;
/** Asked by the bare client alone: neither waits for the other's turn. */
const BARE = { id: 'agent-00000000-0000-4000-8000-00000000bare', apiKey: 'key-of-the-bare-client' };

export async function turnOverhead(): Promise<Figure[]> {
  await using letta = await startLettaSimulator();
  using agent = makeAgentFolder(letta.url);
  letta.addAgent({ id: agent.id, apiKey: 'key-1-of-the-bench' });
  letta.addAgent(BARE);
  await using _broca = startBroca(agent);
  using link = await connect(agent, 'cli');
  await link.next(({ type }) => type === 'ready');
  const bare: number[] = [];
  const whole: number[] = [];
  for (let number = 0; number < WARM_UP + TURNS; number += 1) {
    const bareMs = await timed(() => askBare(letta, number));
    const wholeMs = await timed(() => sendAndWait(link, number));
    if (number < WARM_UP) continue;
    bare.push(bareMs);
    whole.push(wholeMs);
  }
  const own = median(bare);
  const floor = 3 * fsyncMs(agent.folder);
  const name = `turn: overhead over the simulator's ${own.toPrecision(2)} ms`;
  return [
    valueAtMost({ name: `${name} (median; floor 3 × fsync)`, value: median(whole) - own, unit: 'ms', floor }, ALLOWED_MS + floor),
    shown({ name: `${name} (p99)`, value: percentile(whole, 99) - own, unit: 'ms', floor }),
  ];
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Sends a turn as Broca does and reads its stream to the end. */
async function askBare(letta: LettaSimulator, number: number): Promise<void> {
  const messages = [{ role: 'user', content: `message ${number}`, otid: `bare-${number}` }];
  const response = await fetch(`${letta.url}/v1/conversations/default/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${BARE.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ agent_id: BARE.id, messages, background: true }),
  });
  const stream = await response.text();
  if (!response.ok || !stream.includes('assistant_message')) throw new Error(`the simulator did not answer: ${stream}`);
}
