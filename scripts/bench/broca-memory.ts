/** Proportional memory of an idle Broca among twenty siblings against that of a bare Node among twenty. */
import { startLettaSimulator } from 'animus-testkit';
import { type AgentFolder, connect, makeAgentFolder, startBroca } from './broca.ts';
import { type Figure, median, ratioAtMost } from './figure.ts';
import { pssMb, type Running, startBare } from './program.ts';

const SIBLINGS = 20;
/** Beats come every 5 s: by the third a Broca has asked Letta whether it is there, and rests. */
const BEATS = 3;

export async function brocaMemory(): Promise<Figure[]> {
  const bare = await bareMb();
  const broca = await brocaMb();
  return [ratioAtMost({ name: `broca-memory (PSS, idle, ${SIBLINGS} siblings)`, value: broca, unit: 'MB', floor: bare }, 2.0)];
}

async function bareMb(): Promise<number> {
  await using running = new AsyncDisposableStack();
  const all: Running[] = [];
  for (let count = 0; count < SIBLINGS; count += 1) all.push(running.use(await startBare()));
  return median(all.map(({ pid }) => pssMb(pid)));
}

async function brocaMb(): Promise<number> {
  await using letta = await startLettaSimulator();
  await using stack = new AsyncDisposableStack();
  const agents: AgentFolder[] = [];
  for (let number = 1; number <= SIBLINGS; number += 1) {
    const agent = stack.use(makeAgentFolder(letta.url, number));
    letta.addAgent({ id: agent.id, apiKey: `key-${number}-of-the-bench` });
    agents.push(agent);
  }
  const all = agents.map((agent) => stack.use(startBroca(agent)));
  await Promise.all(agents.map(rests));
  return median(all.map(({ pid }) => pssMb(pid)));
}

async function rests(agent: AgentFolder): Promise<void> {
  using link = await connect(agent, 'supervisor');
  for (let beat = 0; beat < BEATS; beat += 1) {
    const frame = await link.next(({ type }) => type === 'beat');
    if (beat === BEATS - 1 && frame.type === 'beat' && frame.letta.state !== 'reachable') {
      throw new Error(`${agent.id} did not reach the simulator: ${JSON.stringify(frame.letta)}`);
    }
  }
}
