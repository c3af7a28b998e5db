/**
 * All workers of a home: which there are, what is wanted of them, and what the home's changes mean for
 * them. Wires scan, watch, resources and workers; decides by reconcile-policy.ts and worker/step.ts.
 */
import { mkdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import {
  type AgentId,
  type AgentOutcome,
  type BackupReport,
  type DownOutcome,
  type FleetOutcome,
  type FleetStatus,
  type RescanOutcome,
  type Supervision,
  supervisionOf,
  type Wanted,
} from 'animus-protocol';
import { type AgentPaths, agentPaths, type HomePaths, homePaths } from '../home/paths.ts';
import { scanAgents } from '../home/scan.ts';
import type { Launcher } from '../isolation/launcher.ts';
import type { Publish } from '../observe/event.ts';
import { KernelMemory } from '../observe/kernel-memory.ts';
import { isUnfinished } from '../release/journal.ts';
import type { Clock } from '../worker/clock.ts';
import { Worker } from '../worker/perform.ts';
import { NEW_AGENT, readRecord, recordFiles } from '../worker/record.ts';
import { hasProcess } from '../worker/state.ts';
import { changedLaunchKeys } from '../worker/supervision-policy.ts';
import { THE_WORLD } from '../worker/world.ts';
import { until, untilStarted, untilStopped } from './await-worker.ts';
import { changeRelease, describeUnsettled, type ReleaseChange, settleInterrupted } from './change-release.ts';
import type { FleetConfigFile } from './fleet-config.ts';
import { HomeWatch } from './home-watch.ts';
import { findIdentityFaults } from './identities.ts';
import { PAUSED, Pauses } from './pauses.ts';
import { compareFolders, firstWanted } from './reconcile-policy.ts';
import { shareFleetConfig } from './share-config.ts';
import { describeFleet, isUnsure, outcomeOf } from './status.ts';
import { UsageSampler } from './usage.ts';

export type FleetOptions = {
  home: string;
  version: string;
  /** Path of shim/broca-shim.sh. */
  shim: string;
  launcher: Launcher;
  config: FleetConfigFile;
  clock: Clock;
  random: () => number;
  environment: Readonly<Record<string, string | undefined>>;
  publish: Publish;
  backup?: () => BackupReport | null;
  /**
   * Set by a command that works on one agent while no supervisor runs: nothing is watched, no other agent touched, and
   * what is wanted of this one is what it does now.
   */
  only?: { agent: AgentId; wanted: Wanted };
};

type Steering = 'start' | 'stop' | 'restart';

export class Fleet {
  #options: FleetOptions;
  #paths: HomePaths;
  #workers = new Map<AgentId, Worker>();
  /** Agents whose folder is gone and whose Broca is being stopped. */
  #leaving = new Set<AgentId>();
  /** Agents whose release is being switched, and what is wanted of them after that: nothing else is done to them. */
  #changing = new Map<AgentId, Wanted>();
  /** Agents with an interrupted update that could not be settled: why. */
  #unsettled = new Map<AgentId, string>();
  #pauses = new Pauses();
  #watch: HomeWatch | null = null;
  #kernelMemory: KernelMemory;
  #usage: UsageSampler;
  #startedAt = Date.now();
  #isClosing = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#paths = homePaths(options.home);
    this.#kernelMemory = new KernelMemory(options.clock);
    this.#usage = new UsageSampler({
      clock: options.clock,
      workers: () => this.#workers.values(),
      isBounded: () => this.agents.some((agent) => this.#supervision(agent).memoryBytes !== null),
      kernelMemory: this.#kernelMemory,
      publish: options.publish,
    });
  }

  get agents(): AgentId[] {
    return [...this.#workers.keys()];
  }

  /** Takes over what runs and starts what is wanted. Resolves when it is known of each who runs. */
  async open(): Promise<void> {
    const { home, clock, launcher, only } = this.#options;
    mkdirSync(this.#paths.runAgents, { recursive: true, mode: 0o700 });
    if (only === undefined) this.#watchHome(home, clock);
    shareFleetConfig(this.#paths);
    this.rescan();
    await launcher.probe();
    for (const agent of this.agents) this.#openWorker(agent);
    if (only === undefined) this.#usage.start();
    await Promise.all(
      [...this.#workers.values()].map((worker) =>
        until(worker, () => !this.#changing.has(worker.agent) && (worker.state.phase !== 'waiting' || isUnsure(worker))),
      ),
    );
  }

  #watchHome(home: string, clock: Clock): void {
    this.#watch = new HomeWatch(home, clock, {
      folders: () => void this.rescan(),
      fleetConfig: () => this.#rereadFleetConfig(),
      agentFile: (agent, file) => this.#rereadAgent(agent, file),
      inbox: (agent) => void this.#workers.get(agent)?.tell({ type: 'nudge', channel: 'spool' }),
      failed: (reason) => this.#options.publish({ kind: 'watch-failed', reason }),
    });
  }

  /** The status with what processes use read now, unless that was done a moment ago. */
  async freshStatus(): Promise<FleetStatus> {
    await this.#usage.refresh();
    return this.status();
  }

  status(): FleetStatus {
    const { version, launcher, config, backup } = this.#options;
    const facts = { version, startedAt: this.#startedAt, sandbox: launcher.sandbox, problems: config.problems };
    return describeFleet({ pid: process.pid, ...facts, backup: backup?.() ?? null }, this.#workers.values(), this.#usage, this.#changing);
  }

  async start(agent: AgentId): Promise<AgentOutcome> {
    this.#refreshFaults();
    return await this.#steer(agent, 'start');
  }

  async stop(agent: AgentId): Promise<AgentOutcome> {
    return await this.#steer(agent, 'stop');
  }

  /** Holds an agent stopped until `over` aborts. */
  async pause(agent: AgentId, over: AbortSignal): Promise<AgentOutcome> {
    return await this.#withWorker(agent, async (worker) => {
      this.#pauses.hold(worker, over, () => !this.#isClosing && this.#workers.get(agent) === worker);
      return await untilStopped(worker, this.#options.clock);
    });
  }

  async restart(agent: AgentId): Promise<AgentOutcome> {
    this.#refreshFaults();
    return await this.#steer(agent, 'restart');
  }

  /** Reads everybody's files once, not once for each. */
  async all(what: Steering): Promise<FleetOutcome> {
    if (what !== 'stop') this.#refreshFaults();
    return { agents: await Promise.all(this.agents.map((agent) => this.#steer(agent, what))) };
  }

  /** Switches to the release that was prepared, or says why the one in use stays. */
  async switchRelease(agent: AgentId): Promise<AgentOutcome> {
    return await this.#withWorker(agent, async (worker) => {
      if (worker.state.byHand) return outcomeOf(worker, false, 'is not updated: somebody started its Broca by hand; end that one first');
      const { wanted } = worker.state;
      this.#changing.set(agent, wanted);
      try {
        const outcome = await changeRelease(this.#changeOf(worker));
        if (isUnfinished(agentPaths(this.#options.home, agent))) this.#endSettling(worker, outcome.message, wanted);
        return outcome;
      } finally {
        this.#changing.delete(agent);
      }
    });
  }

  /** Looks at the home's folders: new agents start, removed ones stop. */
  rescan(): RescanOutcome {
    const { launcher } = this.#options;
    const found = this.#scan();
    const { added, removed } = compareFolders(this.agents, found);
    if (this.#isClosing) return { added: [], removed: [], agents: found };
    for (const agent of added) this.#add(agent);
    this.#refreshFaults();
    if (launcher.isProbed) for (const agent of added) this.#openWorker(agent);
    for (const agent of removed) void this.#remove(agent);
    return { added, removed, agents: found };
  }

  /** A home that cannot be read just now says nothing of who is gone. */
  #scan(): AgentId[] {
    const { home, only } = this.#options;
    try {
      return scanAgents(home).filter((id) => only === undefined || id === only.agent);
    } catch (error) {
      this.#options.publish({ kind: 'watch-failed', reason: error instanceof Error ? error.message : String(error) });
      return this.agents;
    }
  }

  /** The same, and broken agents are tried again: who asks has changed something. */
  rescanAndRetry(): RescanOutcome {
    const outcome = this.rescan();
    for (const worker of this.#workers.values()) {
      if (worker.state.phase === 'broken') worker.send({ kind: 'files', fault: worker.state.fault });
    }
    return outcome;
  }

  /** Stops every Broca but those started by hand. What is wanted of each stays as it is for the next start. */
  async down(): Promise<DownOutcome> {
    this.#isClosing = true;
    const ours = [...this.#workers.values()].filter((worker) => !worker.state.byHand);
    const running = ours.filter((worker) => hasProcess(worker.state.phase)).map((worker) => worker.agent);
    for (const worker of ours) worker.want('stopped', { isRemembered: false });
    await Promise.all(
      ours.map((worker) => until(worker, () => isUnsure(worker) || (worker.state.phase !== 'waiting' && !hasProcess(worker.state.phase)))),
    );
    return { stopped: running };
  }

  /** Lets go of everything; what runs goes on. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#usage.close();
    for (const worker of this.#workers.values()) worker.close();
    await this.#watch?.close();
  }

  #add(agent: AgentId): void {
    const { home, version, shim, launcher, clock, random, environment, publish } = this.#options;
    const files = recordFiles(this.#paths.runAgents, agent);
    const record = readRecord(files);
    const isAutostarted = this.#supervision(agent).autostart;
    const wanted =
      this.#options.only?.wanted ??
      firstWanted(record === null ? null : { wanted: record.wanted, ran: record.run !== null }, isAutostarted);
    const paths: AgentPaths = agentPaths(home, agent);
    const worker = new Worker({
      agent,
      paths,
      files,
      record: record ?? NEW_AGENT,
      wanted,
      shim,
      version,
      clock,
      random,
      supervision: () => this.#supervision(agent),
      launch: (supervision) => launcher.launch(agent, supervision),
      environment,
      publish,
      isKernelShort: () => this.#kernelMemory.explainsDeath(),
      world: THE_WORLD,
    });
    let before = worker.state.phase;
    worker.onChange(() => {
      const { phase } = worker.state;
      if (phase === before) return;
      // A file dropped while no link stood was nudged to nobody.
      if (phase === 'ready') worker.tell({ type: 'nudge', channel: 'spool' });
      if (phase === 'broken' || before === 'broken') this.#watch?.attend(agent, phase === 'broken');
      before = phase;
    });
    this.#workers.set(agent, worker);
    this.#watch?.add(agent);
    publish({ kind: 'agent-found', agent, wanted });
  }

  #openWorker(agent: AgentId): void {
    const worker = this.#workers.get(agent);
    if (worker === undefined) return;
    const { wanted } = worker.state;
    const isInterrupted = isUnfinished(agentPaths(this.#options.home, agent));
    if (isInterrupted) worker.want('stopped', { isRemembered: false });
    worker.open();
    if (isInterrupted) void this.#settle(worker, wanted);
  }

  /** Where an update was interrupted, nothing starts before that is settled. */
  async #settle(worker: Worker, wanted: Wanted): Promise<void> {
    this.#changing.set(worker.agent, wanted);
    const fault = await settleInterrupted(this.#changeOf(worker));
    this.#changing.delete(worker.agent);
    this.#endSettling(worker, fault, wanted);
  }

  /** What cannot be settled is shown as the reason why the agent does not run. */
  #endSettling(worker: Worker, fault: string | null, wanted: Wanted): void {
    if (fault === null) this.#unsettled.delete(worker.agent);
    else this.#unsettled.set(worker.agent, describeUnsettled(worker.agent, fault));
    this.#refreshFaults();
    if (!this.#isClosing) worker.want(wanted, { isRemembered: false });
  }

  #changeOf(worker: Worker): ReleaseChange {
    const { home, clock, publish } = this.#options;
    return {
      worker,
      agent: agentPaths(home, worker.agent),
      clock,
      stop: async () => {
        worker.want('stopped', { isRemembered: false });
        return await untilStopped(worker, this.#options.clock);
      },
      start: async () => await untilStarted(worker, this.#options.clock),
      isClosing: () => this.#isClosing,
      publish,
    };
  }

  async #remove(agent: AgentId): Promise<void> {
    const worker = this.#workers.get(agent);
    if (worker === undefined || this.#leaving.has(agent)) return;
    this.#leaving.add(agent);
    this.#options.publish({ kind: 'agent-removed', agent });
    this.#watch?.remove(agent);
    if (!worker.state.byHand) {
      worker.want('stopped', { isRemembered: false });
      await until(worker, () => worker.state.phase === 'stopped');
    }
    worker.forget();
    this.#workers.delete(agent);
    this.#leaving.delete(agent);
    // It may have been put back meanwhile; where it was renamed, its Broca has held up the one that comes next.
    this.rescan();
    for (const each of this.#workers.values()) if (isUnsure(each) && each.state.wanted === 'running') each.send({ kind: 'want-running' });
  }

  /** Tells each worker whether its files forbid a start, or are others than those it was started with. */
  #refreshFaults(): void {
    if (this.#isClosing) return;
    const faults = findIdentityFaults(this.#options.home, this.#workers.values());
    for (const worker of this.#workers.values()) {
      const { agent } = worker;
      const fault = this.#unsettled.get(agent) ?? this.#options.config.faultOf(agent) ?? faults.get(agent) ?? null;
      if (fault !== worker.state.fault) worker.send({ kind: 'files', fault });
      worker.renewIfMoved();
    }
  }

  /** A Broca that runs reads its files itself and starts anew when it must; one that does not is tried again. */
  #rereadAgent(agent: AgentId, file: string): void {
    const worker = this.#workers.get(agent);
    if (worker === undefined || this.#isClosing) return;
    this.#refreshFaults();
    this.#rereadFiles(worker, file);
  }

  #rereadFiles(worker: Worker, file: string): void {
    if (worker.tell({ type: 'reload' })) this.#options.publish({ kind: 'agent-reload', agent: worker.agent, file });
    else worker.send({ kind: 'files', fault: worker.state.fault });
  }

  /** Only who is run by other rules than before is touched, and only for as much as that needs. */
  #rereadFleetConfig(): void {
    const { before, after, concernsBrocas } = this.#options.config.read();
    if (this.#isClosing) return;
    shareFleetConfig(this.#paths);
    this.#refreshFaults();
    for (const worker of this.#workers.values()) {
      this.#supervise(worker, supervisionOf(before, worker.agent), supervisionOf(after, worker.agent));
      if (concernsBrocas) this.#rereadFiles(worker, 'animus.config.json');
    }
  }

  #supervise(worker: Worker, before: Supervision, after: Supervision): void {
    if (isDeepStrictEqual(before, after)) return;
    const keys = changedLaunchKeys(before, after);
    const renew = keys.length === 0 ? null : `animus.config.json changed its ${keys.join(', ')}`;
    this.#options.publish({ kind: 'agent-supervision', agent: worker.agent, renew });
    worker.send({ kind: 'supervision', renew });
    if (!hasProcess(worker.state.phase)) worker.send({ kind: 'files', fault: worker.state.fault });
  }

  #supervision(agent: AgentId): Supervision {
    return supervisionOf(this.#options.config.config, agent);
  }

  async #steer(agent: AgentId, what: Steering): Promise<AgentOutcome> {
    return await this.#withWorker(agent, async (worker) => {
      if (what !== 'stop' && this.#unsettled.has(agent)) await this.#settle(worker, 'stopped');
      if (what === 'restart') worker.restart('asked to restart');
      else worker.want(what === 'start' ? 'running' : 'stopped', { isRemembered: true });
      return await (what === 'stop' ? untilStopped : untilStarted)(worker, this.#options.clock);
    });
  }

  async #withWorker(agent: AgentId, use: (worker: Worker) => Promise<AgentOutcome>): Promise<AgentOutcome> {
    const worker = this.#workers.get(agent);
    if (worker === undefined) return { id: agent, ok: false, phase: 'stopped', pid: null, message: 'is no agent of this home' };
    if (this.#isClosing) return outcomeOf(worker, false, 'is not touched: the supervisor is ending');
    if (this.#changing.has(agent)) return outcomeOf(worker, false, 'is being updated: try again when that is done');
    if (this.#pauses.has(agent)) return outcomeOf(worker, false, PAUSED);
    return await use(worker);
  }
}
