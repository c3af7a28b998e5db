/**
 * `npm run chaos -- --seconds N --agents K --seed S [--json]`: a fleet under fire. Real supervisor, real
 * Brocas from real deploys, messages through the spool and a test channel, the Letta simulator; everything
 * is killed, paused, cut, refused and filled up by chance. Exit code 0 only if no message was lost, none
 * was answered twice, none out of order, and enough of them flowed.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { countWrongs, kills, type Outcome, toJson, toText } from './chaos/report.ts';
import { runChaos } from './chaos/run.ts';

/** Messages answered and Brocas killed, per second and agent: far below what two cores do, so that only a standstill fails. */
const LEAST_ANSWERED = 2;
const LEAST_KILLS = 0.1;
/** Letta's worst faults leave turns that nobody can settle; where these are many, something else is wrong. */
const MOST_PARKED = 0.05;

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

function faultOf({ verdict, drainedMs, ledger, crashes }: Outcome): string | null {
  const { lost, doubled, disordered } = countWrongs(verdict);
  const { received, answered, parked } = verdict.counts;
  const expected = Math.ceil(LEAST_ANSWERED * seconds * agents);
  const { brocas } = kills(ledger);
  if (lost + doubled + disordered > 0) return `${lost} lost, ${doubled} doubled, ${disordered} out of order`;
  if (crashes.length > 0) return `${crashes.length} crashes by a fault of our own`;
  if (drainedMs === null) return 'not everything was done in time';
  if (answered < expected) return `only ${answered} messages were answered, at least ${expected} were expected`;
  if (brocas < LEAST_KILLS * seconds * agents) return `only ${brocas} Brocas were killed`;
  if (parked > MOST_PARKED * received) return `${parked} of ${received} messages were parked`;
  return null;
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  process.stderr.write(`chaos: --${name} must be a whole number, not ${JSON.stringify(text)}\n`);
  process.exit(2);
}
