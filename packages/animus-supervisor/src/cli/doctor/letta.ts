/** Does Letta take the agent's key, and does its clock agree with ours. One question for both. */
import { parseEnvironment } from 'animus-protocol';
import { askLetta, type LettaAnswer } from '../../home/letta-check.ts';
import { readText } from '../read-text.ts';
import { type AgentSubject, type Check, type Finding, fault } from './check.ts';
import { judgeClock } from './machine-policy.ts';

const asked = new WeakMap<AgentSubject, Promise<LettaAnswer | null>>();

export const lettaKey: Check<AgentSubject> = {
  name: 'letta',
  row: 'start',
  look: async (subject) => {
    const answer = await askOnce(subject);
    if (answer === null) return { said: 'not asked: .env lacks its address or its key', findings: [] };
    const findings: Finding[] = answer.fault === null ? [] : [fault(answer.fault, remedyOf(subject.id))];
    return { said: 'Letta takes its key and knows it', findings };
  },
};

export const clock: Check<AgentSubject> = {
  name: 'clock',
  row: 'resources',
  look: async (subject) => {
    const told = (await askOnce(subject))?.clock ?? null;
    if (told === null) return { said: 'not compared: Letta did not tell the time', findings: [] };
    const offsetMs = told.ours - told.theirs;
    return { said: `at most ${Math.ceil(Math.abs(offsetMs) / 1000)} s from Letta's`, findings: judgeClock(offsetMs) };
  },
};

function remedyOf(id: string): string {
  return `a new key: animus rotate-key ${id}; another address: animus set-endpoint ${id} <endpoint>; a Letta that is away: messages wait for it`;
}

async function askOnce(subject: AgentSubject): Promise<LettaAnswer | null> {
  const known = asked.get(subject) ?? ask(subject);
  asked.set(subject, known);
  return await known;
}

async function ask({ agent, id, context }: AgentSubject): Promise<LettaAnswer | null> {
  const text = readText(agent.environment);
  const { AGENT_ENDPOINT: endpoint, AGENT_API_KEY: key } = text === null ? {} : parseEnvironment(text).environment;
  if (endpoint === undefined || key === undefined) return null;
  return await askLetta({ endpoint, id, key, signal: context.interruption() }, context.now);
}
