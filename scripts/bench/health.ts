/** `animus health` for fifty running agents against the start of a bare Node. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startLettaSimulator } from 'animus-testkit';
import { type Figure, median, ratioAtMost } from './figure.ts';
import { startBare, timeToEnd } from './program.ts';

const AGENTS = 50;
const ROUNDS = 15;
const ANIMUS = path.join(path.dirname(path.dirname(import.meta.dirname)), 'packages/animus-supervisor/bin/animus');

export async function health(): Promise<Figure[]> {
  await using letta = await startLettaSimulator();
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  const environment = { ...process.env, ANIMUS_HOME: home };
  const animus = (...args: string[]) => execFileSync(ANIMUS, args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    for (let number = 1; number <= AGENTS; number += 1) letta.addAgent({ id: agentId(number), apiKey: 'key-of-the-bench' });
    animus('init');
    animus('deploy', agentId(1), letta.url, 'key-of-the-bench', '--no-check');
    for (let number = 2; number <= AGENTS; number += 1) copyAgent(home, number);
    animus('up', '-d');
    try {
      return [await measure(environment)];
    } finally {
      animus('down');
    }
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}

async function measure(environment: NodeJS.ProcessEnv): Promise<Figure> {
  const healths: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    await (await startBare())[Symbol.asyncDispose]();
    bare.push(performance.now() - startedAt);
    healths.push(await timeToEnd(ANIMUS, ['health'], environment));
  }
  return ratioAtMost({ name: `animus-health (${AGENTS} agents running)`, value: median(healths), unit: 'ms', floor: median(bare) }, 3);
}

function agentId(number: number): string {
  return `agent-00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** Fifty deploys would take minutes; what differs between the folders is who they are for. */
function copyAgent(home: string, number: number): void {
  const [from, to] = [path.join(home, agentId(1)), path.join(home, `.${agentId(number)}`)];
  fs.cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  const file = path.join(to, '.env');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll(agentId(1), agentId(number)), { mode: 0o600 });
  fs.renameSync(to, path.join(home, agentId(number)));
}
