/**
 * One life of a Broca: the process that lives (spawned or adopted), its worker link, and the watch for
 * its death. Tells worker events; what they mean is decided in step.ts.
 */
import {
  type BeatReport,
  type BrocaFrame,
  type BrocaHello,
  type ClientFrame,
  EXIT,
  type Isolation,
  type TreeHold,
  unreachable,
  WORKER_LINK_VERSION,
} from 'animus-protocol';
import { untilGone } from './adopt.ts';
import { countMemoryKills } from './cgroup.ts';
import type { Clock } from './clock.ts';
import { type Exit, tellOutOfMemory } from './death.ts';
import { findHostPid } from './host-pid.ts';
import { readBeat, WorkerLink } from './link.ts';
import { readCrash, readLastWords } from './output.ts';
import { callsItself, isAlive, type ProcessIdentity } from './proc.ts';
import { signal } from './process.ts';
import { type RecordFiles, readExitStatus } from './record.ts';
import type { WorkerEvent } from './state.ts';
import { endTree } from './tree.ts';

export type RunOptions = {
  /** Whose death is this run's death: the shim, or Broca itself where it has none. */
  identity: ProcessIdentity;
  /** Its process group, when that is ours to end; null for a Broca started by hand. */
  group: number | null;
  nonce: string | null;
  /** Wall clock, ms. */
  startedAt: number;
  isolation: Isolation;
  tree: TreeHold;
  cgroup: string | null;
  /** Set for a child: its death is an event. */
  child: { exited: Promise<Exit> } | null;
  /** Where in output.log its words begin; null where that is not known. */
  outputFrom: number | null;
  socket: string;
  lock: string;
  outputLog: string;
  files: RecordFiles;
  version: string;
  clock: Clock;
  /** The kernel killed somebody for memory just now. */
  isKernelShort: () => boolean;
  tell: (event: WorkerEvent) => void;
};

/** A process that dies loses its link first: it is not called unhealthy before this has passed. */
const LOSS_TOLD_AFTER_MS = 250;

const BEAT: WorkerEvent = { kind: 'beat' };

export class Run {
  readonly startedAt: number;
  readonly isolation: Isolation;
  readonly tree: TreeHold;
  /** Broca's own process, as this machine calls it; null until it said hello. */
  pid: number | null = null;
  hello: BrocaHello | null = null;
  /** The newest beat: as it came until somebody asks what it says. */
  #beat: string | BeatReport | null = null;
  #options: RunOptions;
  #link: WorkerLink;
  #watch: AbortController | null = null;
  #cancelLoss: (() => void) | null = null;
  /** It is gone, or let go of. */
  #isOver = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.startedAt = options.startedAt;
    this.isolation = options.isolation;
    this.tree = options.tree;
    this.#link = new WorkerLink(options.socket, options.version, {
      hello: (hello) => this.#takeHello(hello),
      frame: (frame) => this.#takeFrame(frame),
      beat: (text) => this.#takeBeat(text),
      lost: (reason) => this.#takeLoss(reason),
    });
    if (options.child === null) this.#watchDeath();
    else void options.child.exited.then((exit) => this.#sweep(exit));
  }

  /** What the newest beat says; null when none came. */
  get beat(): BeatReport | null {
    if (typeof this.#beat === 'string') this.#beat = readBeat(this.#beat);
    return this.#beat;
  }

  /** False when nobody is there to hear it, or to understand it: a Broca of an unknown version is told what is frozen alone. */
  send(frame: ClientFrame): boolean {
    if (frame.type !== 'stop' && this.hello?.protocol !== WORKER_LINK_VERSION) return false;
    return this.#link.send(frame);
  }

  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    const { identity, group } = this.#options;
    if (this.#isOver) return;
    if (isAlive(identity)) signal(group === null ? identity.pid : -group, name);
    this.#watchDeath();
  }

  /** Lets go of it and leaves it running. */
  close(): void {
    this.#isOver = true;
    this.#watch?.abort();
    this.#cancelLoss?.();
    this.#link.close();
  }

  #takeHello(hello: BrocaHello): boolean {
    const { nonce, identity, lock, tell } = this.#options;
    if (hello.nonce !== nonce || this.#isOver) return false;
    const pid = callsItself(identity.pid, hello.pid) ? identity.pid : findHostPid({ hello, shim: identity.pid, lock });
    if (nonce === null && pid !== identity.pid) return false;
    this.hello = hello;
    this.pid = pid;
    this.#watch?.abort();
    this.#watch = null;
    this.#cancelLoss?.();
    tell({ kind: 'hello' });
    return true;
  }

  #takeBeat(text: string): void {
    if (this.#isOver) return;
    this.#beat = text;
    this.#options.tell(BEAT);
  }

  #takeFrame(frame: Exclude<BrocaFrame, { type: 'hello' | 'beat' }>): void {
    const { tell } = this.#options;
    if (this.#isOver) return;
    switch (frame.type) {
      case 'ready':
        tell({ kind: 'ready' });
        break;
      case 'stopping':
        tell({ kind: 'leaving', reason: frame.reason });
        break;
      case 'response':
        break;
      default:
        unreachable(frame);
    }
  }

  #takeLoss(reason: string): void {
    if (this.#isOver) return;
    this.#watchDeath();
    this.#cancelLoss = this.#options.clock.after(LOSS_TOLD_AFTER_MS, () => this.#options.tell({ kind: 'link-lost', reason }));
  }

  /** A child's death is an event. Another's is only seen by looking, done while no link says that it lives. */
  #watchDeath(): void {
    const { child, identity, nonce, files } = this.#options;
    if (child !== null || this.#isOver || this.#watch !== null) return;
    const watch = new AbortController();
    this.#watch = watch;
    void untilGone(identity, watch.signal).then((isGone) => {
      if (!isGone) return;
      return this.#sweep((nonce === null ? null : readExitStatus(files, nonce)) ?? { kind: 'unknown' });
    });
  }

  /** What its Broca left behind goes with it; only then it has exited. */
  async #sweep(seen: Exit): Promise<void> {
    if (this.#isOver) return;
    this.close();
    const { nonce, group, tree, cgroup, outputLog, outputFrom, tell, isKernelShort } = this.#options;
    // What its own group counts is certain. What the machine counts may have been another's.
    const kills = cgroup === null ? null : countMemoryKills(cgroup);
    const readLast = (): string | null => (outputFrom === null ? null : readCrash(outputLog, outputFrom));
    const exit = tellOutOfMemory(seen, readLast, () => (kills === null ? isKernelShort() : kills > 0));
    if (nonce !== null && group !== null) await endTree({ nonce, group, tree, cgroup });
    const isMisconfigured = exit.kind === 'exited' && exit.code === EXIT.configuration;
    tell({ kind: 'exited', exit, words: isMisconfigured && outputFrom !== null ? readLastWords(outputLog, outputFrom) : null });
  }
}
