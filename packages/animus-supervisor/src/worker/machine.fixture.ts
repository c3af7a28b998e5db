/**
 * A machine of no more than memory, for a property test: what really lives on it, and what is on its disk. The real worker
 * runs on it (perform.ts), and the next one after that was killed at any point of what it does.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { DEFAULT_SUPERVISION, failed, ok, type Result, type Supervision } from 'animus-protocol';
import { FakeClock } from 'animus-testkit';
import { firstWanted } from '../fleet/reconcile-policy.ts';
import { agentPaths } from '../home/paths.ts';
import type { LookRequest, LookResult } from './adopt.ts';
import type { Exit } from './death.ts';
import { Worker } from './perform.ts';
import type { ProcessIdentity } from './proc.ts';
import type { SpawnedShim, SpawnRequest } from './process.ts';
import { type AgentRecord, NEW_AGENT, type RecordFiles, type RunRecord, recordFiles } from './record.ts';
import type { RunOptions } from './run.ts';
import type { WorkerEvent } from './state.ts';
import type { Life, World } from './world.ts';

/** What ends it: the first of these that it does not withstand. The last says that the kernel holds it for a while. */
export const WITHSTANDS = ['nothing', 'being asked', 'SIGTERM', 'a first SIGKILL'] as const;
export type Withstands = (typeof WITHSTANDS)[number];
/** Where a supervisor's death falls among what it does. */
export const CRASHES = ['before a write', 'after a write', 'before a spawn', 'after a spawn'] as const;
export type Crash = (typeof CRASHES)[number];

type Broca = { pid: number; nonce: string | null; exit: Exit | null; withstands: Withstands; kills: number; isSilent: boolean };
type Followed = { broca: Broca; isLinked: boolean; isOver: boolean; tell: (event: WorkerEvent) => void };

const AGENT = 'agent-a';
const HOME = '/home/nobody/animus';

export class Machine implements World {
  readonly clock: FakeClock = new FakeClock();
  readonly supervision: Supervision;
  worker: Worker | null = null;
  /** What is on the disk. */
  record: AgentRecord | null = null;
  isDiskFull = false;
  /** Whether the answer to who runs takes its time (answerLooks). */
  isLookSlow = false;
  spawnFails: 'no' | 'once' | 'lastingly' = 'no';
  crash: Crash | null = null;
  #status: { nonce: string; exit: Exit } | null = null;
  #brocas: Broca[] = [];
  #followed: Followed | null = null;
  #looks: (() => void)[] = [];

  constructor(supervision: Partial<Supervision>) {
    this.supervision = { ...DEFAULT_SUPERVISION, ...supervision };
  }

  get live(): readonly Broca[] {
    return this.#brocas.filter(({ exit }) => exit === null);
  }

  /** The one that the worker follows has ended, and the worker has not heard of it. */
  get isDeathUntold(): boolean {
    return this.#followed !== null && !this.#followed.isOver && this.#followed.broca.exit !== null;
  }

  get isLookAsked(): boolean {
    return this.#looks.length > 0;
  }

  startSupervisor(): void {
    if (this.worker !== null) return;
    const { record } = this;
    const wanted = firstWanted(record === null ? null : { wanted: record.wanted, ran: record.run !== null }, true);
    this.worker = new Worker({
      agent: AGENT,
      paths: agentPaths(HOME, AGENT),
      files: recordFiles(HOME, AGENT),
      record: record ?? NEW_AGENT,
      wanted,
      shim: '',
      version: '0-test',
      clock: this.clock,
      random: () => 0,
      supervision: () => this.supervision,
      launch: () => this.#launch(),
      environment: {},
      publish: () => undefined,
      isKernelShort: () => false,
      world: this,
    });
    this.worker.open();
  }

  killSupervisor(): void {
    this.worker?.close();
    this.worker = null;
    this.#looks = [];
    this.crash = null;
  }

  startByHand(): void {
    // Its lock lets none start beside another.
    if (this.live.length === 0) this.#add(null);
  }

  end(exit: Exit): void {
    for (const broca of this.live) this.#end(broca, exit);
  }

  /** Those that no record tells of: started by hand, or by a supervisor whose record was lost. */
  endUnknown(): void {
    const known = this.record?.run?.nonce ?? null;
    for (const broca of this.live) if (broca.nonce === null || broca.nonce !== known) this.#end(broca, { kind: 'exited', code: 0 });
  }

  /** Between two supervisors somebody deletes it, or it cannot be read. */
  loseRecord(): void {
    if (this.worker === null) this.record = null;
  }

  hang(withstands: Withstands): void {
    for (const broca of this.live) Object.assign(broca, { withstands, isSilent: true });
    this.loseLink();
  }

  harden(withstands: Withstands): void {
    for (const broca of this.live) Object.assign(broca, { withstands });
  }

  loseLink(): void {
    if (this.#followed?.isLinked !== true) return;
    this.#followed.isLinked = false;
    this.#tell({ kind: 'link-lost', reason: 'closed' });
  }

  /** Says hello where it has not, and beats. */
  speak(): void {
    if (this.#followed === null || this.#followed.broca.exit !== null || this.#followed.broca.isSilent) return;
    if (!this.#followed.isLinked) {
      this.#followed.isLinked = true;
      this.#tell({ kind: 'hello' });
      this.#tell({ kind: 'ready' });
    }
    this.#tell({ kind: 'beat' });
  }

  /** A death is seen a while after it happens. */
  async tellDeath(): Promise<void> {
    const { broca } = this.#followed ?? {};
    if (broca !== undefined && broca.exit !== null) {
      const exit = broca.exit;
      this.#tell({ kind: 'exited', exit, words: null }, true);
    }
    await this.settle();
  }

  async answerLooks(): Promise<void> {
    for (const answer of this.#looks.splice(0)) answer();
    await this.settle();
  }

  /** What could be told by now has been. */
  async settle(): Promise<void> {
    await turn();
  }

  readonly look = async ({ run }: LookRequest): Promise<LookResult> => {
    if (this.isLookSlow) await new Promise<void>((resolve) => void this.#looks.push(resolve));
    return this.#see(run);
  };

  readonly spawn = ({ nonce }: SpawnRequest): Result<SpawnedShim, string> => {
    if (this.worker === null || this.#isCrash('before a spawn')) return failed('the supervisor is dead');
    if (this.spawnFails === 'once') {
      this.spawnFails = 'no';
      return failed('no process may be started now');
    }
    this.#status = null;
    const isLocked = this.live.some((each) => each.nonce === null);
    const broca = this.#add(nonce);
    // Between a look and a spawn a person may have been faster: the folder's lock turns ours away. Two of ours are never excused.
    if (isLocked) this.#end(broca, { kind: 'exited', code: 1 });
    const { pid } = broca;
    this.#isCrash('after a spawn');
    return ok({ pid, exited: new Promise<Exit>(() => undefined), outputFrom: 0 });
  };

  readonly identifyFolder = (folder: string): string => folder;
  readonly identify = (pid: number): ProcessIdentity => ({ pid, startTicks: pid, bootId: 'one', pidNamespace: 'one' });

  readonly follow = (options: RunOptions): Life => {
    const broca = this.#brocas.find(({ pid }) => pid === options.identity.pid);
    if (broca === undefined) throw new Error('nobody is followed');
    const followed: Followed = { broca, isLinked: false, isOver: this.worker === null, tell: options.tell };
    this.#followed = followed;
    return {
      ...{ startedAt: options.startedAt, isolation: options.isolation, tree: options.tree, pid: null, hello: null, beat: null },
      send: ({ type }) => {
        if (!followed.isLinked || followed.isOver || broca.exit !== null) return false;
        if (type === 'stop' && broca.withstands === 'nothing') this.#end(broca, { kind: 'exited', code: 0 });
        return true;
      },
      signal: (name) => {
        if (!followed.isOver) this.#signal(broca, name);
      },
      close: () => {
        followed.isOver = true;
      },
    };
  };

  readonly write = (_files: RecordFiles, record: AgentRecord): void => {
    if (this.worker === null || this.#isCrash('before a write')) return;
    if (this.isDiskFull) throw new Error('ENOSPC');
    this.record = structuredClone(record);
    this.#isCrash('after a write');
  };

  readonly forget = (): void => {
    this.record = null;
  };

  #launch(): ReturnType<ConstructorParameters<typeof Worker>[0]['launch']> {
    if (this.spawnFails === 'lastingly') return failed('there is no release to run');
    return ok({ isolation: 'none', tree: 'namespace', cgroups: null, command: 'broca', args: [], places: {} });
  }

  /** A dead supervisor does nothing more: what it was about to do is not done. */
  #isCrash(where: Crash): boolean {
    if (this.crash !== where) return false;
    this.killSupervisor();
    return true;
  }

  #see(run: RunRecord | null): LookResult {
    const [broca] = this.live;
    if (broca === undefined) {
      if (run === null) return { kind: 'none', last: null };
      return { kind: 'none', last: this.#status?.nonce === run.nonce ? this.#status.exit : { kind: 'unknown' } };
    }
    const isRecorded = run !== null && broca.nonce === run.nonce;
    if (!isRecorded && broca.isSilent) return { kind: 'unsure', reason: 'does not say hello' };
    const described = { startedAt: 0, isolation: 'none', tree: 'namespace', cgroup: null } as const;
    return { kind: 'found', identity: this.identify(broca.pid), group: isRecorded ? broca.pid : null, nonce: broca.nonce, ...described };
  }

  #add(nonce: string | null): Broca {
    const broca: Broca = { pid: this.#brocas.length + 1, nonce, exit: null, withstands: 'nothing', kills: 0, isSilent: false };
    this.#brocas.push(broca);
    return broca;
  }

  #end(broca: Broca, exit: Exit): void {
    broca.exit = exit;
    if (broca.nonce !== null) this.#status = { nonce: broca.nonce, exit };
  }

  #signal(broca: Broca, name: 'SIGTERM' | 'SIGKILL'): void {
    if (broca.exit !== null) return;
    if (name === 'SIGKILL') broca.kills += 1;
    const least = name === 'SIGTERM' ? 2 : 2 + broca.kills;
    if (WITHSTANDS.indexOf(broca.withstands) < least) this.#end(broca, { kind: 'signalled', signal: name });
  }

  #tell(event: WorkerEvent, isLast = false): void {
    const followed = this.#followed;
    if (followed === null || followed.isOver) return;
    followed.isOver = isLast;
    followed.tell(event);
  }
}
