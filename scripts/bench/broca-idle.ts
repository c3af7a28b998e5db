/**
 * Twenty idle Brocas: proportional memory of one against that of a bare Node among twenty, and how often one
 * wakes. Both need Brocas that have come to rest, so they are measured on the same ones.
 */
import { startLettaSimulator } from 'animus-testkit';
import { type AgentFolder, connect, type Link, makeAgentFolder, startBroca } from './broca.ts';
import { type Figure, median, ratioAtMost } from './figure.ts';
import { idleWakes } from './idle-wakes.ts';
import { pssMb, type Running, startBare } from './program.ts';

export const SIBLINGS = 20;
/** Beats come every 5 s: by the fifth a Broca has asked Letta whether it is there, V8 has tidied up after the start, and it rests. */
const BEATS = 5;

export async function brocaIdle(): Promise<Figure[]> {
  const floor = await bareMb();
  await using letta = await startLettaSimulator();
  await using stack = new AsyncDisposableStack();
  const agents: AgentFolder[] = [];
  for (let number = 1; number <= SIBLINGS; number += 1) {
    const agent = stack.use(makeAgentFolder(letta.url, number));
    letta.addAgent({ id: agent.id, apiKey: `key-${number}-of-the-bench` });
    agents.push(agent);
  }
  const pids = agents.map((agent) => stack.use(startBroca(agent)).pid);
  // Each listens to the end, as a supervisor does.
  const links = await Promise.all(agents.map(async (agent) => stack.use(await connect(agent, 'supervisor'))));
  await Promise.all(links.map(rests));
  const value = median(pids.map(pssMb));
  return [
    ratioAtMost({ name: `broca-memory (PSS, idle, ${SIBLINGS} siblings)`, value, unit: 'MB', floor }, 2.0),
    await idleWakes(pids, () => Promise.all(links.map((link) => link.next(isBeat)))),
  ];
}

export async function bareMb(): Promise<number> {
  await using running = new AsyncDisposableStack();
  const all: Running[] = [];
  for (let count = 0; count < SIBLINGS; count += 1) all.push(running.use(await startBare()));
  return median(all.map(({ pid }) => pssMb(pid)));
}

async function rests(link: Link): Promise<void> {
  for (let beat = 0; beat < BEATS; beat += 1) {
    const frame = await link.next(isBeat);
    if (beat === BEATS - 1 && frame.type === 'beat' && frame.letta.state !== 'reachable') {
      throw new Error(`a Broca did not reach the simulator: ${JSON.stringify(frame.letta)}`);
    }
  }
}

function isBeat({ type }: { type: string }): boolean {
  return type === 'beat';
}
