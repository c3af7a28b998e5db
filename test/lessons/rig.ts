/** One Broca as a process of its own, its folder and the Letta simulator: what the tests of this folder begin with. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentFolder, type AgentFolderRequest, BrocaProcess, type LettaSimulator, startLettaSimulator } from 'animus-testkit';

export const KEY = 'sk-very-secret-key-4711';
export const AGENT_ID = 'agent-test';
/** The route on which a turn is asked. */
export const ASK = 'conversations.messages.create';

export type Reply = { turnId: number; isOver: boolean; state: string; outcome: string | null; parts: { text: string; state: string }[] };

export type Rig = AsyncDisposable & {
  letta: LettaSimulator;
  agent: AgentFolder;
  /** Starts a Broca in the folder and waits until it is ready; all of them end with the rig. */
  start(): Promise<BrocaProcess>;
};

export async function openRig(request: Partial<AgentFolderRequest> = {}): Promise<Rig> {
  const letta = await startLettaSimulator({ agents: [{ id: AGENT_ID, apiKey: KEY }] });
  const agent = new AgentFolder({ endpoint: letta.url, apiKey: KEY, agentId: AGENT_ID, ...request });
  const brocas: BrocaProcess[] = [];
  return {
    letta,
    agent,
    async start() {
      const broca = await BrocaProcess.start(agent.folder);
      brocas.push(broca);
      return broca;
    },
    async [Symbol.asyncDispose]() {
      for (const broca of brocas) await broca[Symbol.asyncDispose]();
      agent[Symbol.dispose]();
      await letta.close();
    },
  };
}

export type Said = { id: string; text?: string; sender?: string; chat?: string; wait?: boolean };

/** Says something as a person at the console, and waits for the whole reply unless `wait` is false. */
export async function say(broca: BrocaProcess, { id, text = 'hello', sender = 'ann', chat = sender, wait = true }: Said): Promise<Reply> {
  return (await broca.ask('console.send', { externalId: id, text, chat, sender: { id: sender, username: sender }, wait })) as Reply;
}

export function textsOf(reply: Reply): string[] {
  return reply.parts.map(({ text }) => text);
}

/** The otids of everything that was sent to be run, in order: also of what never became a turn. */
export function otidsAsked(letta: LettaSimulator): (string | undefined)[] {
  return letta.requests.filter(({ route }) => route === ASK).map(({ body }) => /"otid":"([^"]+)"/.exec(JSON.stringify(body))?.[1]);
}

/** Puts the plugin of platform.fixture.ts where a person would. */
export function addPlatformPlugin(agent: AgentFolder): void {
  mkdirSync(agent.path('plugins'));
  copyFileSync(join(import.meta.dirname, 'platform.fixture.ts'), agent.path('plugins', 'platform.ts'));
}

/** All that Broca wrote into its logs. */
export function logOf(agent: AgentFolder): string {
  return readdirSync(agent.path('logs'))
    .map((name) => readFileSync(agent.path('logs', name), 'utf8'))
    .join('');
}
