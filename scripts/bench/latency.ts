/**
 * What Broca adds to a conversation: from a message handed in at its socket to the request at Letta, and
 * from the end of Letta's reply to the part handed over (the reply on the socket). Letta is the simulator,
 * in this process, so both ends are read from one clock.
 */
import { startLettaSimulator } from 'animus-testkit';
import { connect, makeAgentFolder, sendAndWait, startBroca } from './broca.ts';
import { type Figure, median, percentile, shown, valueAtMost } from './figure.ts';
import { fsyncMs } from './fsync.ts';

const MESSAGES = 200;
/** The first turns make blocks and warm the code up. */
const WARM_UP = 30;
/** Allowed beside two syncs to the disk, in ms. */
const ALLOWED_MS = 5;

export async function latency(): Promise<Figure[]> {
  await using letta = await startLettaSimulator();
  using agent = makeAgentFolder(letta.url);
  letta.addAgent({ id: agent.id, apiKey: 'key-1-of-the-bench' });
  await using _broca = startBroca(agent);
  using link = await connect(agent, 'cli');
  await link.next(({ type }) => type === 'ready');
  const toLetta: number[] = [];
  const toHandOver: number[] = [];
  for (let number = 0; number < WARM_UP + MESSAGES; number += 1) {
    const requested = letta.waitFor((event) => event.kind === 'request' && event.request.route?.includes('messages') === true).then(now);
    const replied = letta.waitFor(({ kind }) => kind === 'turn-ended').then(now);
    const sentAt = now();
    const handedOver = sendAndWait(link, number).then(now);
    const [requestedAt, repliedAt, handedOverAt] = await Promise.all([requested, replied, handedOver]);
    if (number < WARM_UP) continue;
    toLetta.push(requestedAt - sentAt);
    toHandOver.push(handedOverAt - repliedAt);
  }
  const floor = 2 * fsyncMs(agent.folder);
  const both = { 'inbound-to-request': toLetta, 'reply-to-part': toHandOver };
  return Object.entries(both).flatMap(([name, values]) => [
    valueAtMost({ name: `${name} (median; floor 2 × fsync)`, value: median(values), unit: 'ms', floor }, ALLOWED_MS + floor),
    shown({ name: `${name} (p99)`, value: percentile(values, 99), unit: 'ms', floor }),
  ]);
}

function now(): number {
  return performance.now();
}
