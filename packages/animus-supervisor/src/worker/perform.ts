/**
 * One worker: holds its state, lets step.ts decide, does what it decides, and feeds back what happens.
 * The only place where processes, records and alarms of an agent meet.
 */
import { randomBytes } from 'node:crypto';
import {
  type AgentId,
  type ClientFrame,
  type DeathKind,
  type LastDeath,
  type Result,
  type Supervision,
  unreachable,
  type Wanted,
} from 'animus-protocol';
import type { AgentPaths } from '../home/paths.ts';
import type { Isolated } from '../isolation/isolate.ts';
import type { Publish } from '../observe/event.ts';
import type { LookResult } from './adopt.ts';
import { boundCgroup, makeCgroup } from './cgroup.ts';
import type { Clock } from './clock.ts';
import { type Death, tellOutOfMemory } from './death.ts';
import { workerEnvironment } from './environment-policy.ts';
import { KeptRecord } from './kept-record.ts';
import { readCrash } from './output.ts';
import { readProcessStat } from './proc.ts';
import type { AgentRecord, RecordFiles } from './record.ts';
import type { RunOptions } from './run.ts';
import type { Effect, SilenceSign, Step, WorkerEvent, WorkerState } from './state.ts';
import { firstState, step } from './step.ts';
import { launchMark } from './supervision-policy.ts';
import type { Life, World } from './world.ts';

export type WorkerOptions = {
  agent: AgentId;
  paths: AgentPaths;
  files: RecordFiles;
  /** What the last supervisor wrote, or a new agent's. */
  record: AgentRecord;
  wanted: Wanted;
  shim: string;
  version: string;
  clock: Clock;
  random: () => number;
  /** As animus.config.json says it now. */
  supervision: () => Supervision;
  launch: (supervision: Supervision) => Result<Isolated, string>;
  /** The supervisor's own; what of it a Broca gets is environment-policy.ts. */
  environment: Readonly<Record<string, string | undefined>>;
  publish: Publish;
  /** The kernel killed somebody for memory just now. */
  isKernelShort: () => boolean;
  world: World;
};

export class Worker {
  readonly agent: AgentId;
  #options: WorkerOptions;
  #state: WorkerState;
  #run: Life | null = null;
  #record: KeptRecord;
  /** What of the state's deaths is written down. */
  #counted: readonly number[];
  #events: WorkerEvent[] = [];
  #isStepping = false;
  #isClosed = false;
  #looks = 0;
  #timer: { at: number; cancel: () => void } | null = null;
  #watchers = new Set<() => void>();

  constructor(options: WorkerOptions) {
    this.agent = options.agent;
    this.#options = options;
    const { agent, files, record, clock, publish, world } = options;
    this.#record = new KeptRecord({
      record,
      write: (now) => world.write(files, now),
      failed: (reason) => publish({ kind: 'record-unwritten', agent, reason }),
      clock,
    });
    const deaths = onOurClock(record.counted, Date.now(), clock.now());
    this.#state = firstState({ wanted: options.wanted, restarts: record.restarts, deaths }).state;
    this.#counted = deaths;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get supervision(): Supervision {
    return this.#options.supervision();
  }

  /** The process that lives, or null. */
  get run(): Life | null {
    return this.#run;
  }

  /** A process of it is written down: one that lives, or that a former supervisor left. */
  get isRecorded(): boolean {
    return this.#record.now.run !== null;
  }

  get lastDeath(): LastDeath | null {
    return this.#record.now.lastDeath;
  }

  /** How often it died of what, over all supervisors. */
  get deaths(): Partial<Record<DeathKind, number>> {
    return this.#record.now.deaths;
  }

  /** Looks who runs and goes on from there. Once, before anything else. */
  open(): void {
    const { state, effects } = firstState(this.#state);
    this.#follow({ state: { ...state, fault: this.#state.fault }, effects });
  }

  /** A person's wish outlives the supervisor; the fleet's own (`down`, a removed folder) does not. */
  want(wanted: Wanted, { isRemembered }: { isRemembered: boolean }): void {
    if (isRemembered) this.#record.note({ wanted });
    this.send(wanted === 'running' ? { kind: 'want-running' } : { kind: 'want-stopped' });
  }

  /** What a person asked for last, whatever the fleet wants of it meanwhile. */
  get remembered(): Wanted {
    return this.#record.now.wanted;
  }

  restart(reason: string): void {
    this.#record.note({ wanted: 'running' });
    this.send({ kind: 'restart', reason });
  }

  /** Where what it prints goes. */
  get outputLog(): string {
    return this.#options.paths.outputLog;
  }

  /** How much memory its process holds means something: there is a bound, or it is above one that was taken away. */
  get isWeighed(): boolean {
    return this.#state.overSince !== null || this.supervision.memoryBytes !== null;
  }

  /** False when no Broca is there to hear it. */
  tell(frame: ClientFrame): boolean {
    return this.#run?.send(frame) ?? false;
  }

  /** Calls after each event until the returned function is called. */
  onChange(call: () => void): () => void {
    this.#watchers.add(call);
    return () => void this.#watchers.delete(call);
  }

  /** Lets go of the Broca and leaves it running. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#record.close();
    this.#run?.close();
  }

  /** Forgets the agent: its folder is gone and nothing of it runs. */
  forget(): void {
    this.close();
    this.#options.world.forget(this.#options.files);
  }

  /** Events that come while one is worked on (a spawn that fails at once) wait their turn. */
  send(event: WorkerEvent): void {
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined && !this.#isClosed; next = this.#events.shift()) this.#take(next);
    } finally {
      this.#isStepping = false;
    }
  }

  #take(event: WorkerEvent): void {
    const { clock, random, supervision, publish } = this.#options;
    const { agent } = this;
    const before = this.#state;
    const next = step(before, event, { now: clock.now(), random: random(), supervision: supervision() });
    const { phase, reason, overSince } = next.state;
    if (event.kind === 'exited') {
      this.#run = null;
      this.#record.note({ run: null });
    }
    if (phase !== before.phase || (reason !== before.reason && reason !== null && overSince === null)) {
      publish({ kind: 'agent-phase', agent, from: before.phase, to: phase, reason });
    } else if (overSince !== null && before.overSince === null) publish({ kind: 'agent-heavy', agent, reason: reason ?? '' });
    this.#follow(next);
  }

  #follow({ state, effects }: Step): void {
    this.#state = state;
    this.#noteDeaths();
    this.#arm();
    for (const effect of effects) this.#perform(effect);
    this.#record.save();
    for (const call of [...this.#watchers]) call();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'look':
        void this.#look();
        break;
      case 'spawn': {
        const supervision = this.#options.supervision();
        const found = this.#options.launch(supervision);
        const reason = found.ok ? this.#spawn(found.value, supervision) : found.error;
        if (reason === null) break;
        this.#record.note({ run: null });
        this.send({ kind: 'spawn-failed', reason, isLasting: !found.ok });
        break;
      }
      case 'ask-stop':
        if (!this.tell({ type: 'stop', deadlineMs: effect.deadlineMs })) this.#run?.signal('SIGTERM');
        break;
      case 'terminate':
        this.#run?.signal('SIGTERM');
        break;
      case 'kill':
        this.#run?.signal('SIGKILL');
        break;
      case 'note-death':
        this.#noteDeath(effect.death);
        break;
      default:
        unreachable(effect);
    }
  }

  /** So that a supervisor that comes after this one goes on with the pauses where this one was. */
  #noteDeaths(): void {
    const { restarts, deaths } = this.#state;
    this.#record.note({ restarts });
    if (deaths === this.#counted) return;
    this.#counted = deaths;
    const sinceWall = Date.now() - this.#options.clock.now();
    this.#record.note({ counted: deaths.map((at) => Math.round(at + sinceWall)) });
  }

  #noteDeath({ kind, how }: Death): void {
    const { deaths } = this;
    this.#record.note({ lastDeath: { kind, how, at: Date.now() }, deaths: { ...deaths, [kind]: (deaths[kind] ?? 0) + 1 } });
    this.#options.publish({ kind: 'agent-died', agent: this.agent, death: kind, how, next: this.#state.phase });
  }

  /** One timer, kept while it is not too late: most alarms only move away, beat by beat. */
  #arm(): void {
    const { alarmAt } = this.#state;
    if (this.#timer !== null && alarmAt !== null && this.#timer.at <= alarmAt) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (alarmAt === null || this.#isClosed) return;
    const { clock } = this.#options;
    const cancel = clock.after(alarmAt - clock.now(), () => {
      this.#timer = null;
      const due = this.#state.alarmAt;
      if (due !== null && clock.now() >= due) this.send({ kind: 'alarm', sign: this.#readSign() });
      else this.#arm();
    });
    this.#timer = { at: alarmAt, cancel };
  }

  /** Asked only where silence is to be explained. */
  #readSign(): SilenceSign | null {
    const { phase } = this.#state;
    const pid = this.#run?.pid ?? null;
    if (pid === null || (phase !== 'ready' && phase !== 'unhealthy')) return null;
    switch (readProcessStat(pid)?.state) {
      case 'T':
      case 't':
        return 'stopped';
      case 'R':
        return 'busy';
      case 'D':
        return 'disk';
      default:
        return null;
    }
  }

  async #look(): Promise<void> {
    const number = ++this.#looks;
    const { agent, paths, files, version, world } = this.#options;
    const result = await world.look({ agent, socket: paths.socket, lock: paths.lock, files, run: this.#record.now.run, version });
    if (number === this.#looks && !this.#isClosed) this.#takeLook(result);
  }

  #takeLook(result: LookResult): void {
    switch (result.kind) {
      case 'unsure':
        this.send(result);
        break;
      case 'none': {
        const from = this.#record.now.run?.outputFrom ?? null;
        this.#record.note({ run: null });
        const readCrashOfLast = (): string | null => (from === null ? null : readCrash(this.#options.paths.outputLog, from));
        const last = result.last === null ? null : tellOutOfMemory(result.last, readCrashOfLast, () => false);
        this.send({ kind: 'none-found', last });
        break;
      }
      case 'found': {
        const { kind: _, ...found } = result;
        const { identity, group } = found;
        const byHand = group === null;
        this.#options.publish({ kind: 'agent-adopted', agent: this.agent, pid: identity.pid, byHand });
        const record = this.#record.now.run;
        this.#openRun({ ...found, child: null, outputFrom: record?.outputFrom ?? null });
        this.send({ kind: 'found', byHand });
        this.#renewIfStale(record?.launchedWith ?? null);
        this.renewIfMoved();
        break;
      }
      default:
        unreachable(result);
    }
  }

  /** animus.config.json may have changed while no supervisor ran. */
  #renewIfStale(launchedWith: string | null): void {
    if (launchedWith === null || launchedWith === launchMark(this.#options.supervision())) return;
    this.send({ kind: 'supervision', renew: 'animus.config.json changed while no supervisor ran' });
  }

  /** Another folder has its folder's name: what runs in the old one makes way for what will run in the new. */
  renewIfMoved(): void {
    const { paths, world } = this.#options;
    const started = this.#record.now.run?.folder ?? null;
    const there = world.identifyFolder(paths.folder);
    if (started === null || there === null || there === started) return;
    this.send({ kind: 'supervision', renew: 'its folder was moved, and another is in its place' });
  }

  /** Null, or why nothing was started. */
  #spawn({ command, args, isolation, tree, cgroups, places }: Isolated, supervision: Supervision): string | null {
    const { shim, paths, files, environment, publish, world } = this.#options;
    const nonce = randomBytes(16).toString('hex');
    const startedAt = Date.now();
    // The intent is on disk before the process is: a supervisor that dies in between is told to look for it.
    const cgroup = cgroups === null ? null : makeCgroup(cgroups, `animus-${nonce}`);
    if (cgroup !== null) boundCgroup(cgroup, supervision.processes);
    const described = { nonce, startedAt, isolation, tree: tree === 'cgroup' && cgroup === null ? 'marker' : tree, cgroup } as const;
    const startedWith = { launchedWith: launchMark(supervision), folder: world.identifyFolder(paths.folder) };
    this.#record.note({ run: { ...described, shim: null, outputFrom: null, ...startedWith } });
    if (!this.#record.save()) return 'who runs cannot be written down in run/agents: is the disk full?';
    const spawned = world.spawn({
      shim,
      command,
      args,
      folder: paths.folder,
      outputLog: paths.outputLog,
      statusFile: files.status,
      nonce,
      cgroup,
      environment: workerEnvironment({ ...environment, ...places }, supervision.environment, nonce),
    });
    if (!spawned.ok) return spawned.error;
    const { pid, exited, outputFrom } = spawned.value;
    const identity = world.identify(pid);
    this.#record.note({ run: { ...described, shim: identity, outputFrom, ...startedWith } });
    this.#openRun({ ...described, identity, group: pid, child: { exited }, outputFrom });
    publish({ kind: 'agent-spawned', agent: this.agent, shim: pid, isolation });
    return null;
  }

  #openRun(found: Omit<RunOptions, 'socket' | 'lock' | 'outputLog' | 'files' | 'version' | 'clock' | 'tell' | 'isKernelShort'>): void {
    const { paths, files, version, clock, isKernelShort, world } = this.#options;
    const run: Life = world.follow({
      ...found,
      socket: paths.socket,
      lock: paths.lock,
      outputLog: paths.outputLog,
      files,
      version,
      clock,
      isKernelShort,
      tell: (event) => {
        if (run === this.#run) this.send(event);
      },
    });
    this.#run = run;
  }
}

/** Wall clock → monotonic. A wall clock that was set back since then puts none of them into the future. */
function onOurClock(deaths: readonly number[], wallNow: number, now: number): number[] {
  return deaths.map((at) => now - Math.max(0, wallNow - at));
}
