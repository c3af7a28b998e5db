/**
 * The whole program for tests: the built `animus` on a throwaway home, agents deployed from today's working tree,
 * each with a Letta of its own. Disposing ends every process that stands in the home, however the test ended.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type FleetStatus, withSocketPath } from 'animus-protocol';
import {
  type AnimusProcess,
  type LettaSimulator,
  makeRig,
  type Ran,
  type Rig,
  snapshotRepository,
  startLettaSimulator,
} from 'animus-testkit';

const ROOT = path.join(import.meta.dirname, '../..');
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 15;

export type Agent = {
  id: string;
  /** As a person types it: without `agent-`. */
  short: string;
  key: string;
  folder: string;
  letta: LettaSimulator;
};

export type Process = { pid: number; command: string; environment: string };
export type Health = {
  ok: boolean;
  agents: {
    id: string;
    ok: boolean;
    db: boolean;
    env: boolean;
    broca: boolean;
    logs: boolean;
    process: {
      phase: string;
      pid: number | null;
      uptimeMs: number | null;
      wanted: string;
      reason: string | null;
      isolation: string | null;
    };
    letta: { state: string; reason?: string } | null;
    channels: { name: string; state: string }[];
    queue: { waiting: number; parked: number } | null;
    faults: string[];
    warnings: string[];
  }[];
  runtime: { ok: boolean; supervisor: { pid: number } | null; warnings: string[]; faults: string[] };
};

type Reply = { inReplyTo: string; text: string };

export class FleetRig implements AsyncDisposable {
  readonly rig: Rig;
  readonly home: string;
  #started: AnimusProcess[] = [];
  #lettas: LettaSimulator[] = [];
  #replies = new Map<string, Reply>();

  /** `config` is the home's animus.config.json; agents are built from the working tree. */
  static async make(config: Record<string, unknown> = {}): Promise<FleetRig> {
    const fleet = new FleetRig();
    await fleet.done('init');
    fleet.configure(config);
    return fleet;
  }

  private constructor() {
    this.rig = makeRig(path.join(ROOT, 'dist/animus.mjs'));
    this.home = this.rig.home;
  }

  configure(config: Record<string, unknown>): void {
    const whole = { broca: { repository: snapshotRepository(ROOT) }, ...config };
    fs.writeFileSync(path.join(this.home, 'animus.config.json'), JSON.stringify(whole));
  }

  /** A Letta that knows one agent, and a key for it. Nothing is deployed yet. */
  async agent(short: string): Promise<Agent> {
    const id = `agent-${short}`;
    const key = `sk-let-key-of-${short}-4711`;
    const letta = await startLettaSimulator({ agents: [{ id, apiKey: key }] });
    this.#lettas.push(letta);
    return { id, short, key, folder: path.join(this.home, id), letta };
  }

  async deploy(agent: Agent, ...words: string[]): Promise<Ran> {
    return await this.rig.animus(['deploy', agent.id, agent.letta.url, ...words], { environment: { ANIMUS_AGENT_KEY: agent.key } });
  }

  async deployed(short: string, ...words: string[]): Promise<Agent> {
    const agent = await this.agent(short);
    const ran = await this.deploy(agent, ...words);
    if (ran.code !== 0) throw new Error(`deploy ended with ${ran.code}: ${ran.stderr}`);
    return agent;
  }

  /** Runs `animus` and gives its stdout; throws when it ends with anything but 0. */
  async done(...words: string[]): Promise<string> {
    const ran = await this.rig.animus(words);
    if (ran.code !== 0) throw new Error(`animus ${words.join(' ')} ended with ${ran.code ?? ran.signal}:\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  /** Says something and gives what `send` prints. A reply that never comes ends the test and not its patience. */
  async send({ id }: Agent, text: string, ...words: string[]): Promise<string> {
    return await this.done('send', id, '--timeout', String(PATIENCE_MS / 1000), ...words, text);
  }

  /** Starts `animus` and leaves it running; it ends with the test at the latest. */
  start(...words: string[]): AnimusProcess {
    const started = this.rig.start(words);
    this.#started.push(started);
    return started;
  }

  /** Waits until nothing of the agent waits or runs. */
  async isIdle(agent: Agent): Promise<void> {
    await until(`${agent.id} has done all`, async () => (await this.done('queue', agent.id, 'list', '--json')).trim() === '[]' || null);
  }

  /** Lets go of whatever a test held; for `afterEach`, so that one failure does not hold up the rest. */
  releaseAll(): void {
    for (const letta of this.#lettas) letta.release();
  }

  async status(): Promise<FleetStatus> {
    return JSON.parse(await this.get('/v1/status'));
  }

  async statusOf({ id }: Agent): Promise<FleetStatus['agents'][number]> {
    const found = (await this.status()).agents.find((agent) => agent.id === id);
    if (found === undefined) throw new Error(`the supervisor knows no ${id}`);
    return found;
  }

  /** The agent's Broca, once it is ready. */
  async brocaOf(agent: Agent): Promise<number> {
    const { pid } = await until(`${agent.id} is ready`, async () => {
      const status = await this.statusOf(agent);
      return status.phase === 'ready' && status.pid !== null ? { pid: status.pid } : null;
    });
    return pid;
  }

  async health(...words: string[]): Promise<Health> {
    return JSON.parse((await this.rig.animus(['health', '--json', ...words])).stdout);
  }

  /** What the control socket answers, as it came. */
  async get(url: string): Promise<string> {
    return await withSocketPath(path.join(this.home, 'run/animus.sock'), async (socketPath) => {
      const request = http.get({ socketPath, path: url, agent: false });
      const [response]: http.IncomingMessage[] = await once(request, 'response');
      let text = '';
      for await (const chunk of response ?? []) text += String(chunk);
      return text;
    });
  }

  /** Everything that stands in the home: supervisor, shims, Brocas, and what these started. */
  processes(): Process[] {
    return fs.readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
      try {
        const at = fs.readlinkSync(`/proc/${name}/cwd`);
        if (at !== this.home && !at.startsWith(`${this.home}/`)) return [];
        const read = (file: string): string => fs.readFileSync(`/proc/${name}/${file}`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), command: read('cmdline'), environment: read('environ') }];
      } catch {
        return [];
      }
    });
  }

  /** The same without those that hold a sandbox together, which are there only where it works. */
  ownProcesses(): Process[] {
    return this.processes().filter(({ command }) => !command.startsWith('bwrap '));
  }

  /** One message as a file, renamed in. */
  spool(agent: Agent, name: string, text: string, chat = 'files'): void {
    const file = path.join(agent.folder, `.${name}.tmp`);
    fs.writeFileSync(file, JSON.stringify({ id: name, chat, sender: { id: 'till' }, text }));
    fs.renameSync(file, path.join(agent.folder, 'inbox', `${name}.json`));
  }

  /** Texts of the replies handed over so far, by the message they answer. */
  spooled(agent: Agent): Map<string, string[]> {
    const replies = new Map<string, string[]>();
    const outbox = path.join(agent.folder, 'outbox');
    for (const name of fs.readdirSync(outbox).filter((each) => each.endsWith('.json'))) {
      const { inReplyTo, text } = this.#readReply(path.join(outbox, name));
      replies.set(inReplyTo, [...(replies.get(inReplyTo) ?? []), text]);
    }
    return replies;
  }

  /** Read once: tests look many times a second, and a reply is never written again. */
  #readReply(file: string): Reply {
    const { ino, mtimeMs } = fs.statSync(file);
    const key = `${file} ${ino} ${mtimeMs}`;
    const known = this.#replies.get(key);
    if (known !== undefined) return known;
    const reply: Reply = JSON.parse(fs.readFileSync(file, 'utf8'));
    this.#replies.set(key, reply);
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.releaseAll();
    for (const { child } of this.#started) child.kill('SIGKILL');
    if ((await this.rig.animus(['down'])).code !== 0) await this.#killAll();
    await this.#killAll();
    await this.rig[Symbol.asyncDispose]();
    for (const letta of this.#lettas) await letta.close();
  }

  async #killAll(): Promise<void> {
    await until('every process of the home has ended', () => {
      const left = this.processes();
      for (const { pid } of left) killHard(pid);
      return left.length === 0 ? true : null;
    });
  }
}

/** Looks until there is something. Says what it waited for when that never comes. */
export async function until<T>(what: string, look: () => Promise<T | null> | T | null): Promise<T> {
  for (const since = performance.now(); performance.now() - since < PATIENCE_MS; await delay(LOOK_EVERY_MS)) {
    const found = await look();
    if (found !== null) return found;
  }
  throw new Error(`waited ${PATIENCE_MS / 1000} s in vain until ${what}`);
}

export function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/**
 * Starts what `begin` gives, over and over, and kills it after a random part of `usualMs`, so that the moments spread over all of that
 * time. `meanwhile` is called every 20 ms until then, `look` after each kill. Gives how many were killed before they ended by themselves.
 */
export async function killAtMoments(
  rounds: number,
  usualMs: number,
  random: () => number,
  begin: (round: number) => AnimusProcess,
  meanwhile: () => void,
  look: (round: number) => Promise<void>,
): Promise<number> {
  let killed = 0;
  for (let round = 0; round < rounds; round += 1) {
    const started = begin(round);
    const afterMs = usualMs * ((round + random()) / rounds);
    for (const since = performance.now(); performance.now() - since < afterMs; await delay(20)) meanwhile();
    started.child.kill('SIGKILL');
    if ((await started.ended).signal !== null) killed += 1;
    await look(round);
  }
  return killed;
}

/** A zombie is dead: who reaps orphans is not ours to say. */
export function isAlive(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
