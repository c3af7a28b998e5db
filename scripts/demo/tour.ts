/** The tour: every step is a command and what must be true after it. */
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, DemoHome } from './home.ts';
import { say, sayCommand, sayFault, sayOutput, sayStep } from './say.ts';

type Step = { title: string; run(home: DemoHome): Promise<void> };

/** How long the fleet may take to be as a step says before the step has failed. */
const PATIENCE_MS = 30_000;

/** Runs every step in order; false when one did not hold, or when it was interrupted. */
export async function tour(home: DemoHome): Promise<boolean> {
  say(`A throwaway home at ${home.folder}, and a Letta simulator at ${home.lettaUrl} that echoes.`);
  for (const step of STEPS) {
    if (home.interrupted.aborted) return false;
    sayStep(step.title);
    try {
      await step.run(home);
    } catch (error) {
      if (!home.interrupted.aborted) sayFault((error as Error).message);
      return false;
    }
  }
  return true;
}

const STEPS: readonly Step[] = [
  { title: 'Deploy three agents', run: deployAll },
  { title: 'Bring the fleet up', run: bringUp },
  { title: 'A message in, its reply out', run: talk },
  { title: 'The same through a file: the spool', run: talkByFile },
  { title: 'Kill one agent with kill -9: it is back at once', run: killOne },
  { title: 'Is everything well?', run: checkHealth },
];

async function deployAll(home: DemoHome): Promise<void> {
  await run(home, ['init']);
  for (const agent of DemoHome.agents) await run(home, ['deploy', agent, home.lettaUrl], agent);
}

async function bringUp(home: DemoHome): Promise<void> {
  await run(home, ['up', '-d']);
  await until(home, 'all three agents are ready', async () => (await agents(home)).every(({ phase }) => phase === 'ready'));
  await run(home, ['status']);
}

async function talk(home: DemoHome): Promise<void> {
  const { stdout } = await run(home, ['send', 'atlas', 'Hello, who is there?']);
  if (!stdout.includes('Hello, who is there?')) throw new Error('the reply does not answer the message');
}

async function talkByFile(home: DemoHome): Promise<void> {
  const folder = join(home.folder, 'agent-borealis');
  const message = { id: 'demo-1', chat: 'demo', sender: { id: 'you', username: 'you' }, text: 'Hello by file' };
  sayCommand(`echo '${JSON.stringify(message)}' > demo.tmp && mv demo.tmp ${join('agent-borealis', 'inbox', 'demo.json')}`);
  await writeFile(join(home.folder, 'demo.tmp'), JSON.stringify(message));
  await rename(join(home.folder, 'demo.tmp'), join(folder, 'inbox', 'demo.json'));
  let replies: string[] = [];
  await until(home, 'the reply is in the outbox', async () => {
    replies = (await readdir(join(folder, 'outbox'))).filter((name) => /^\d+-\d+\.json$/.test(name));
    return replies.length === 1;
  });
  sayCommand(`cat ${join('agent-borealis', 'outbox', replies[0] ?? '')}`);
  sayOutput(await readFile(join(folder, 'outbox', replies[0] ?? ''), 'utf8'));
}

async function killOne(home: DemoHome): Promise<void> {
  const before = (await agents(home)).find(({ id }) => id === 'agent-cosmo');
  if (before?.pid === null || before === undefined) throw new Error('agent-cosmo does not run');
  sayCommand(`kill -9 ${before.pid}`);
  process.kill(before.pid, 'SIGKILL');
  await until(home, 'agent-cosmo runs again', async () => {
    const after = (await agents(home)).find(({ id }) => id === 'agent-cosmo');
    return after?.phase === 'ready' && after.pid !== before.pid;
  });
  const { stdout } = await run(home, ['send', 'cosmo', 'Are you still there?']);
  if (!stdout.includes('Are you still there?')) throw new Error('the reply does not answer the message');
}

async function checkHealth(home: DemoHome): Promise<void> {
  await until(home, 'all three have reached Letta', async () => {
    const { stdout } = await home.animus(['health', '--json']);
    const report = JSON.parse(stdout) as { ok: boolean; agents: { letta: { state: string } | null }[] };
    return report.ok && report.agents.every(({ letta }) => letta?.state === 'reachable');
  });
  await run(home, ['health']);
}

async function run(home: DemoHome, args: string[], keyOf?: string): Promise<Answer> {
  home.interrupted.throwIfAborted();
  sayCommand(`animus ${args.map((arg) => (/^[\w.:/-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(' ')}`);
  const answer = await home.animus(args, keyOf === undefined ? {} : { keyOf });
  if (answer.stdout.trim() !== '') sayOutput(answer.stdout);
  if (answer.exitCode !== 0) throw new Error(`it ended with exit code ${answer.exitCode}: ${answer.stderr.trim()}`);
  return answer;
}

type AgentLine = { id: string; phase: string; pid: number | null };

async function agents(home: DemoHome): Promise<AgentLine[]> {
  const { stdout } = await home.animus(['status', '--json']);
  return stdout === '' ? [] : (JSON.parse(stdout) as { agents: AgentLine[] }).agents;
}

async function until(home: DemoHome, what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    home.interrupted.throwIfAborted();
    if (performance.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s until ${what}`);
    await sleep(100);
  }
}
