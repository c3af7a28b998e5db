/** The throwaway home of a chaos run: real deploys of the working tree, the control socket, and an end that leaves nothing. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FleetStatus, parseAgentId, type Result, withSocketPath } from 'animus-protocol';
import { BrocaLink, commitAll, makeRig, type Rig, runGit, snapshotRepository } from 'animus-testkit';
import { type AskFailure, ask } from '../../packages/animus-supervisor/src/cli/client.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PLUGIN_FILES = ['wire.ts'];
/** A turn that Letta lost holds its agent this long before it is set aside, in seconds. */
const TURN_TIMEOUT = 8;
/** Room that an agent on a small disk has beside what was deployed. */
const SMALL_DISK_MB = 48;
const CONTROL_TIMEOUT_MS = 20_000;

export class ChaosHome implements AsyncDisposable {
  readonly folder: string;
  readonly agents: readonly string[];
  readonly rig: Rig;
  /** Where the test channel's platform listens. */
  wirePort = 0;
  /** What a small disk holds is kept after it is gone. */
  isKept = false;
  readonly #mounts: string[] = [];

  constructor(folder: string, count: number) {
    this.folder = folder;
    this.rig = makeRig(path.join(ROOT, 'dist/animus.mjs'));
    this.agents = Array.from({ length: count }, (_, at) => `agent-${at + 1}`);
  }

  agentFolder(agent: string): string {
    return path.join(this.rig.home, agent);
  }

  get #controlSocket(): string {
    return path.join(this.rig.home, 'run/animus.sock');
  }

  /** Deploys all agents from the working tree, with the test channel in their clones. */
  async prepare(lettaUrl: string, keyOf: (agent: string) => string): Promise<void> {
    await this.#run(['init']);
    const repository = path.join(this.folder, 'source');
    runGit(this.folder, ['clone', '--quiet', snapshotRepository(ROOT), repository]);
    fs.mkdirSync(path.join(repository, 'plugins'), { recursive: true });
    for (const name of PLUGIN_FILES) fs.copyFileSync(path.join(import.meta.dirname, name), path.join(repository, 'plugins', name));
    commitAll(repository, 'Test channel');
    fs.writeFileSync(path.join(this.rig.home, 'animus.config.json'), JSON.stringify({ broca: { repository } }));
    const [first = '', ...others] = this.agents;
    const deploy = async (agent: string): Promise<void> => {
      await this.#run(['deploy', agent, lettaUrl, '--no-check'], { ANIMUS_AGENT_KEY: keyOf(agent) });
      fs.appendFileSync(
        path.join(this.agentFolder(agent), '.env'),
        `LONG_TASK_MAX_WAIT=${TURN_TIMEOUT}\nMESSAGE_PROCESS_TIMEOUT_BUFFER=0\n`,
      );
      this.writeSettings(agent, {});
    };
    await deploy(first);
    await Promise.all(others.map(deploy));
  }

  /** False when the disk is full; the old settings stay. */
  writeSettings(agent: string, messageProcessing: Record<string, unknown>): boolean {
    const settings = {
      // A second instead of five before another try: what waits is not in danger.
      message_processing: { mode: 'live', queue_refresh: 2, retry_first: 1, retry_longest: 4, ...messageProcessing },
      logs: { level: 'debug' },
      plugins: { wire: { enabled: true, port: this.wirePort, agent } },
    };
    const file = path.join(this.agentFolder(agent), 'settings.json');
    return replaceFile(`${file}.new`, file, JSON.stringify(settings));
  }

  /** Puts an agent's folder on a disk of its own that can be filled. False where this machine does not let us. */
  putOnSmallDisk(agent: string): boolean {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
    const folder = this.agentFolder(agent);
    const aside = path.join(this.folder, `${agent}-aside`);
    const usedMb = Number(execFileSync('du', ['-sm', folder], { encoding: 'utf8' }).split('\t')[0]);
    fs.renameSync(folder, aside);
    fs.mkdirSync(folder, { mode: 0o700 });
    try {
      const options = `size=${usedMb + SMALL_DISK_MB}m,mode=700`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      fs.rmdirSync(folder);
      fs.renameSync(aside, folder);
      return false;
    }
    this.#mounts.push(folder);
    fs.cpSync(aside, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    fs.rmSync(aside, { recursive: true });
    return true;
  }

  async status(): Promise<Result<FleetStatus, AskFailure>> {
    return await ask(this.#controlSocket, { kind: 'status' }, { timeoutMs: CONTROL_TIMEOUT_MS });
  }

  /** Whether it could be done is seen in the status. */
  async steer(kind: 'start' | 'stop' | 'restart', agent: string): Promise<void> {
    const id = parseAgentId(agent);
    if (id.ok) await ask(this.#controlSocket, { kind, agent: id.value }, { timeoutMs: CONTROL_TIMEOUT_MS });
  }

  /** Asks an agent's Broca a command as the CLI does; null when it does not answer. */
  async askBroca(agent: string, command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    try {
      await using link = await withSocketPath(path.join(this.agentFolder(agent), 'run/broca.sock'), async (fitting) => {
        const socket = connect(fitting);
        await once(socket, 'connect');
        return new BrocaLink(socket);
      });
      link.send({ type: 'hello', protocol: 1, client: 'cli', version: 'chaos' });
      link.send({ type: 'request', id: 1, command, args });
      const answer = await link.next((frame) => frame.type === 'response');
      return answer.type === 'response' && answer.ok ? answer.value : null;
    } catch {
      return null;
    }
  }

  /** Ends everything that runs in this home, by asking first. */
  async end(): Promise<void> {
    for (const pid of this.#processes()) signal(pid, 'SIGCONT');
    if (fs.existsSync(this.#controlSocket)) await this.rig.animus(['down']);
    for (let round = 0; this.#processes().length > 0 && round < 50; round += 1) {
      for (const pid of this.#processes()) signal(pid, 'SIGKILL');
      await sleep(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    for (const folder of this.#mounts) {
      const aside = `${folder}-aside`;
      if (this.isKept) fs.cpSync(folder, aside, { recursive: true, verbatimSymlinks: true });
      // Lazily: whatever still looks into it, the folder is free at once.
      execFileSync('umount', ['-l', folder]);
      if (!this.isKept) continue;
      fs.rmdirSync(folder);
      fs.renameSync(aside, folder);
    }
  }

  /** Processes that work in this home; all of ours have a folder of it as their own. */
  #processes(): number[] {
    if (!fs.existsSync('/proc/self/cwd')) return [];
    return fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== process.pid && workingFolder(pid).startsWith(this.rig.home));
  }

  async #run(args: readonly string[], environment: Record<string, string> = {}): Promise<void> {
    const { code, stderr } = await this.rig.animus(args, { environment });
    if (code !== 0) throw new Error(`animus ${args.join(' ')} ended with ${code}: ${stderr}`);
  }
}

/** Writes a file beside its place and renames it in; false when the disk is full. */
export function replaceFile(hidden: string, file: string, text: string): boolean {
  try {
    fs.writeFileSync(hidden, text, { mode: 0o600 });
    fs.renameSync(hidden, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    fs.rmSync(hidden, { force: true });
    return false;
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function workingFolder(pid: number): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // It ended meanwhile.
  }
}
