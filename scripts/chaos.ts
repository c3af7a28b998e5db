/**
 * `npm run chaos -- --seconds N --agents K --seed S [--json]`: a fleet under fire. Real supervisor, real
 * Brocas from real deploys, messages through the spool and a test channel, the Letta simulator; everything
 * is killed, paused, cut, refused and filled up by chance. Exit code 0 only if no message was lost, none
 * was answered twice, none out of order, no program fell, and all was done in the end.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { faultOf, warningsOf } from './chaos/conclude.ts';
import { toJson, toText } from './chaos/report.ts';
import { runChaos } from './chaos/run.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    agents: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    json: { type: 'boolean', default: false },
  },
});
const seconds = wholeNumber('seconds', values.seconds);
const agents = wholeNumber('agents', values.agents);

const interruption = new AbortController();
// The terminal and npm both tell of one Ctrl-C; what is being cleaned up is cleaned up once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-chaos-'));
// Whatever else is made on the way (the snapshot of the sources) lies in here too.
process.env['TMPDIR'] = folder;
let isKept = false;
try {
  const say = (line: string): void => void process.stderr.write(`chaos: ${line}\n`);
  const result = await runChaos({ seconds, agents, seed: values.seed, folder, signal: interruption.signal, say });
  if (result === null) process.exitCode = 130;
  else {
    process.stdout.write(`${values.json ? JSON.stringify(toJson(result.outcome), null, 2) : toText(result.outcome)}\n`);
    for (const warning of warningsOf(result.outcome)) say(`warning: ${warning}`);
    const fault = faultOf(result.outcome);
    isKept = fault !== null;
    if (fault !== null) {
      process.exitCode = 1;
      say(`${fault}; the home is kept at ${path.join(folder)}`);
      process.stderr.write(`${result.excerpt}\n`);
    }
  }
} finally {
  if (!isKept) fs.rmSync(folder, { recursive: true, force: true });
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  process.stderr.write(`chaos: --${name} must be a whole number, not ${JSON.stringify(text)}\n`);
  process.exit(2);
}
