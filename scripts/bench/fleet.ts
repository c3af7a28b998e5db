/** A fleet to be measured: the built programs on a throwaway home, agents deployed from this checkout, a Letta that is there. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { AgentStatus, ControlEvent, FleetStatus } from 'animus-protocol';
import { type LettaSimulator, startLettaSimulator } from 'animus-testkit';

const ROOT = path.dirname(path.dirname(import.meta.dirname));
export const ANIMUS: string = path.join(ROOT, 'packages/animus-supervisor/bin/animus');
const KEY = 'key-of-the-bench';
/** Only keeps a fleet that never stands from hanging the bench. */
const PATIENCE_MS = 120_000;

export type FleetWish = {
  agents: number;
  /** `off` or `auto`: as strong as this machine allows. */
  isolation: 'off' | 'auto';
  /** A program that every agent runs instead of Broca; it may import `./broca-itself.mjs`. */
  program?: string;
};

export class BenchFleet implements AsyncDisposable {
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #letta: LettaSimulator;

  static async make({ agents, isolation, program }: FleetWish): Promise<BenchFleet> {
    const fleet = new BenchFleet(await startLettaSimulator());
    for (let number = 1; number <= agents; number += 1) fleet.#letta.addAgent({ id: agentId(number), apiKey: KEY });
    await fleet.animus('init');
    fleet.configure({ isolation });
    await fleet.animus('deploy', agentId(1), fleet.#letta.url, KEY, '--no-check');
    if (program !== undefined) fleet.replaceProgram(1, program);
    for (let number = 2; number <= agents; number += 1) fleet.#copyAgent(number);
    return fleet;
  }

  private constructor(letta: LettaSimulator) {
    this.#letta = letta;
    this.home = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
    this.environment = { ...process.env, ANIMUS_HOME: this.home };
  }

  configure(supervisor: Pick<FleetWish, 'isolation'>): void {
    fs.writeFileSync(path.join(this.home, 'animus.config.json'), JSON.stringify({ supervisor }));
  }

  /** Not waited for in a blocking way: the simulator answers in this process. */
  async animus(...args: string[]): Promise<string> {
    return (await promisify(execFile)(ANIMUS, args, { env: this.environment })).stdout;
  }

  /** Until all are ready: on a busy machine the command gives up waiting for them before. */
  async up(): Promise<void> {
    await this.animus('up', '-d').catch(() => undefined);
    for (const since = performance.now(); performance.now() - since < PATIENCE_MS; await sleep(500)) {
      const { agents } = await this.status();
      if (agents.every(({ phase }) => phase === 'ready')) return;
    }
    throw new Error(`not all agents were ready within ${PATIENCE_MS / 1000} s`);
  }

  /** From the command to the last agent's ready, in ms. */
  async timeToUp(): Promise<number> {
    const startedAt = Date.now();
    await this.up();
    const ready = this.events().filter(({ at, kind, details }) => at >= startedAt && kind === 'agent-phase' && details['to'] === 'ready');
    return Math.max(...ready.map(({ at }) => at)) - startedAt;
  }

  async status(): Promise<FleetStatus> {
    return JSON.parse(await this.animus('status', '--json'));
  }

  async statusOf(number: number): Promise<AgentStatus> {
    const found = (await this.status()).agents.find(({ id }) => id === agentId(number));
    if (found === undefined) throw new Error(`no ${agentId(number)} in the fleet`);
    return found;
  }

  folder(number: number): string {
    return path.join(this.home, agentId(number));
  }

  events(): ControlEvent[] {
    const text = fs.readFileSync(path.join(this.home, 'logs/events.log'), 'utf8');
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  }

  /** The first event that fits, looked for until it is there. */
  async event(fits: (event: ControlEvent) => boolean): Promise<ControlEvent> {
    return await until(() => this.events().find(fits));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.animus('down').catch(() => undefined);
    await this.#letta.close();
    fs.rmSync(this.home, { recursive: true, force: true });
  }

  /** Has an agent run a program in the place of Broca, which is `./broca-itself.mjs` then. */
  replaceProgram(number: number, program: string): void {
    const release = fs.realpathSync(path.join(this.folder(number), 'releases/current'));
    const itself = path.join(release, 'broca-itself.mjs');
    if (!fs.existsSync(itself)) fs.renameSync(path.join(release, 'broca.mjs'), itself);
    fs.copyFileSync(program, path.join(release, 'broca.mjs'));
  }

  /** As many deploys would take minutes; what differs between the folders is who they are for. */
  #copyAgent(number: number): void {
    const [from, to] = [this.folder(1), path.join(this.home, `.${agentId(number)}`)];
    // What is in the clone takes most of the time, and nobody runs it.
    const clone = `${path.join(from, 'broca')}${path.sep}`;
    fs.cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: (file) => !file.startsWith(clone) });
    const file = path.join(to, '.env');
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replaceAll(agentId(1), agentId(number)), { mode: 0o600 });
    fs.renameSync(to, this.folder(number));
  }
}

export function agentId(number: number): string {
  return `agent-00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export async function until<T>(look: () => T | undefined): Promise<T> {
  for (const since = performance.now(); performance.now() - since < PATIENCE_MS; await sleep(5)) {
    const found = look();
    if (found !== undefined) return found;
  }
  throw new Error(`nothing came within ${PATIENCE_MS / 1000} s`);
}
