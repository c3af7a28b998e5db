import fs from 'node:fs';
import { type AgentId, EXIT, type ExitCode, failed, findAgentId, ok, parseAgentId, parseEndpoint, type Result } from 'animus-protocol';
import { checkKey, type Deployed, type DeployRequest, deployAgent } from '../../home/deploy.ts';
import { initHome } from '../../home/init.ts';
import { agentPaths } from '../../home/paths.ts';
import { scanAgents } from '../../home/scan.ts';
import { type TakenOver, takeOverAgent } from '../../home/take-over.ts';
import { NEW_AGENT, readRecord, recordFiles, removeRecord, writeRecord } from '../../worker/record.ts';
import { readAgentKey } from '../agent-key.ts';
import { ask, describeFailure } from '../client.ts';
import { type Command, defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { readFleetConfig } from '../fleet-config.ts';
import type { Screen } from '../render.ts';
import { whyFallen } from '../settle.ts';

export const deploy: Command = defineCommand({
  name: 'deploy',
  summary: 'Add an agent: its folder, its own clone of Broca, its configuration; all or nothing',
  arguments: {
    id: { count: 'one', description: 'The id Letta shows, with or without agent-' },
    endpoint: { count: 'maybe', description: "Letta's address, as in https://api.letta.com; needed unless --take-over finds it in .env" },
    key: { count: 'maybe', description: 'Its key; safer: leave it out and be asked, or use --key-stdin or ANIMUS_AGENT_KEY' },
  },
  options: {
    'key-stdin': { kind: 'flag', description: 'Read the key from standard input' },
    'no-check': { kind: 'flag', description: 'Do not ask Letta whether agent, endpoint and key fit' },
    'no-start': { kind: 'flag', description: 'Leave the agent stopped although a supervisor runs' },
    'take-over': { kind: 'flag', description: 'Take over a folder made by hand for the Python Broca: .env, settings and database stay' },
  },
  examples: [
    { line: 'animus deploy 721679f6-c8af-4e01-8677-dc042dc80368 https://api.letta.com', effect: 'asks for the key' },
    { line: 'animus deploy my-agent http://localhost:8283 --key-stdin < key.txt', effect: 'a Letta of your own' },
    { line: 'animus deploy my-agent --take-over', effect: "goes on where my-agent's Python Broca was, which must be stopped" },
  ],
  run: async (values, context) => {
    const { screen, home } = context;
    const question = readQuestion(values, home.home);
    const key = question.ok ? await readKey(values, context) : question;
    const usable = key.ok && key.value !== null ? checkKey(key.value) : key;
    if (!question.ok || !key.ok || !usable.ok) return complain(screen, usable, EXIT.usage);
    const installation = context.installation();
    if (!installation.ok) return complain(screen, installation, EXIT.failed);
    initHome(home.home, installation.value);
    const config = readFleetConfig(home);
    if (!config.ok) return complain(screen, config, EXIT.configuration);
    const { id } = question.value;
    const deployed = await deployInto(context, {
      ...question.value,
      key: key.value,
      installation: installation.value,
      source: config.value.broca,
      isChecked: !values['no-check'],
      isStopped: values['no-start'],
    });
    if (!deployed.ok) return complain(screen, deployed, EXIT.failed);
    if ('aside' in deployed.value) screen.complain(describeTakenOver(deployed.value));
    const isUp = (await ask(home.socket, { kind: 'rescan' }, { timeoutMs: 10_000 })).ok;
    if (!isUp || values['no-start']) {
      const next = isUp ? `animus start ${id}` : 'animus up -d';
      if (values.json) screen.printJson({ id, ...deployed.value, phase: 'stopped' });
      else screen.print(`${id} is deployed. Start it with: ${next}`);
      return EXIT.done;
    }
    return await awaitReady(id, deployed.value, context, values.json);
  },
});

type Question = { id: AgentId; endpoint: string | null; takesOver: boolean };

type SaidQuestion = { id: string; endpoint: string | null; 'take-over': boolean };

function readQuestion(said: SaidQuestion, home: string): Result<Question, string> {
  const takesOver = said['take-over'];
  // Of a folder that is there, as of every agent, the first letters will do.
  const id = takesOver ? findAgentId(said.id, scanAgents(home)) : parseAgentId(said.id);
  const endpoint = said.endpoint === null ? missingEndpoint(takesOver) : parseEndpoint(said.endpoint);
  if (id.ok && endpoint.ok) return ok({ id: id.value, endpoint: endpoint.value, takesOver });
  return failed([id, endpoint].flatMap((part) => (part.ok ? [] : [part.error])).join('\n'));
}

function missingEndpoint(takesOver: boolean): Result<string | null, string> {
  return takesOver
    ? ok(null)
    : failed("<endpoint> is missing: write Letta's address after the id, as in: animus deploy my-agent https://api.letta.com");
}

function complain(screen: Screen, outcome: Result<unknown, string>, code: ExitCode): ExitCode {
  if (!outcome.ok) screen.complain(outcome.error);
  return code;
}

type Order = Question & Pick<DeployRequest, 'installation' | 'source' | 'isChecked'> & { key: string | null; isStopped: boolean };

async function deployInto(context: CliContext, order: Order): Promise<Result<Deployed | TakenOver, string>> {
  const { home, screen } = context;
  // Before the folder can run: a supervisor that sees it must know at once what is wanted of it.
  const record = recordFiles(home.runAgents, order.id);
  const isNew = order.takesOver || !fs.existsSync(agentPaths(home.home, order.id).folder);
  const before = isNew ? readRecord(record) : null;
  const isStale = before?.wanted === 'stopped' && !order.isStopped;
  if (isNew && order.isStopped) writeRecord(record, { ...NEW_AGENT, wanted: 'stopped' });
  // Of an agent of this id that somebody stopped, whose folder was then deleted by hand.
  else if (before !== null && isStale) writeRecord(record, { ...before, wanted: 'running' });
  const request = {
    ...order,
    home: home.home,
    now: new Date(context.now()),
    signal: context.interruption(),
    report: (step: string) => screen.complain(screen.paint('dim', `${step} …`)),
  };
  const deployed = order.takesOver
    ? await takeOverAgent({ ...request, fallbackKey: context.agentKey })
    : await deployAgent({ ...request, endpoint: order.endpoint ?? '', key: order.key ?? '' });
  if (!deployed.ok && isNew && order.isStopped) removeRecord(record);
  return deployed;
}

function describeTakenOver({ aside, found, folder }: TakenOver): string {
  const clone = aside === null ? [] : [`its Python Broca is kept in ${aside}`];
  const database =
    found === null
      ? ['it has no database of a Python Broca; a new one is made']
      : [`its first start takes over ${found.users} users and ${found.messages} messages, ${found.turns['waiting'] ?? 0} of them waiting`];
  return `${folder} is taken over: ${[...clone, ...database].join('; ')}`;
}

async function awaitReady(agent: AgentId, deployed: Deployed, { screen, home }: CliContext, json: boolean): Promise<ExitCode> {
  screen.complain(screen.paint('dim', 'starting it …'));
  const started = await ask(home.socket, { kind: 'start', agent }, { timeoutMs: null });
  const fallen = started.ok ? await whyFallen(agent, home.socket) : { phase: 'unknown', message: describeFailure(started.error) };
  const isReady = fallen === null;
  if (json) screen.printJson({ id: agent, ...deployed, phase: fallen?.phase ?? 'ready' });
  else if (isReady) screen.print(`${agent} is deployed and ready. Talk to it with: animus chat ${agent}`);
  if (!isReady) screen.complain(`${agent} is deployed, but not ready: ${fallen.message}\nLook at: animus health ${agent}`);
  return isReady ? EXIT.done : EXIT.failed;
}

type KeyWords = { key: string | null; 'key-stdin': boolean; 'take-over': boolean };

/** Null: none was said, and a folder that is taken over has one in its `.env`. */
async function readKey(
  { key: word, 'key-stdin': fromStdin, 'take-over': takesOver }: KeyWords,
  context: CliContext,
): Promise<Result<string | null, string>> {
  if (takesOver && word === null && !fromStdin) return ok(null);
  const key = await readAgentKey({ word, fromStdin, usage: 'animus deploy …' }, context);
  if (!key.ok || key.value !== null) return key;
  return failed('a key is missing: write it after the endpoint, pipe it in with --key-stdin, or set ANIMUS_AGENT_KEY');
}
