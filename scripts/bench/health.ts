/** `animus health` for fifty running agents against the start of a bare Node. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startLettaSimulator } from 'animus-testkit';
import { type Figure, median, ratioAtMost } from './figure.ts';
import { timeToEnd } from './program.ts';

const AGENTS = 50;
const ROUNDS = 15;
/** A fleet whose files were changed seconds ago is looked at more closely; what is measured is one that runs. */
const SETTLED_MS = 12_000;
const NOTHING = path.join(import.meta.dirname, 'nothing.mjs');
const ANIMUS = path.join(path.dirname(path.dirname(import.meta.dirname)), 'packages/animus-supervisor/bin/animus');

export async function health(): Promise<Figure[]> {
  await using letta = await startLettaSimulator();
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  const environment = { ...process.env, ANIMUS_HOME: home };
  // Not waited for in a blocking way: the simulator answers in this process.
  const animus = (...args: string[]) => promisify(execFile)(ANIMUS, args, { env: environment });
  try {
    for (let number = 1; number <= AGENTS; number += 1) letta.addAgent({ id: agentId(number), apiKey: 'key-of-the-bench' });
    await animus('init');
    await animus('deploy', agentId(1), letta.url, 'key-of-the-bench', '--no-check');
    for (let number = 2; number <= AGENTS; number += 1) copyAgent(home, number);
    await animus('up', '-d');
    try {
      await sleep(SETTLED_MS);
      return [await measure(environment)];
    } finally {
      await animus('down');
    }
  } finally {
    fs.rmSync(home, { recursive: true, force: true });
  }
}

async function measure(environment: NodeJS.ProcessEnv): Promise<Figure> {
  const healths: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timeToEnd(process.execPath, [NOTHING]));
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
