/** A fleet of puppets in a throwaway home, for tests. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type AgentId, ok, type Phase } from 'animus-protocol';
import { type Puppet, PuppetStage } from 'animus-testkit';
import { homePaths } from '../home/paths.ts';
import { Launcher } from '../isolation/launcher.ts';
import { probeMachine } from '../isolation/probe.ts';
import type { FleetEvent } from '../observe/event.ts';
import { type Clock, systemClock } from '../worker/clock.ts';
import { Fleet } from './fleet.ts';
import { FleetConfigFile } from './fleet-config.ts';
import { heapFlags } from './launch.ts';

const REPOSITORY = path.join(import.meta.dirname, '../../../..');
export const SHIM: string = path.join(import.meta.dirname, '../../shim/broca-shim.sh');

/** What a machine allows: all that this one does, or no more than the name says. */
const MACHINES = {
  this: {},
  cgroup: { ANIMUS_BWRAP: 'off' },
  bare: { ANIMUS_BWRAP: 'off', ANIMUS_CGROUP: 'off' },
};
export type Machine = keyof typeof MACHINES;

export class Rig implements AsyncDisposable {
  readonly home: string;
  #folder: string = mkdtempSync(path.join(os.tmpdir(), 'animus-home-'));
  readonly stage: PuppetStage;
  readonly events: FleetEvent[] = [];
  #waiting: { fits: (event: FleetEvent) => boolean; resolve: (event: FleetEvent) => void }[] = [];
  #fleets: Fleet[] = [];

  #environment: Record<string, string | undefined>;

  private constructor(stage: PuppetStage, below: string, machine: Machine) {
    this.stage = stage;
    this.#environment = { ...process.env, ...MACHINES[machine] };
    this.home = path.join(this.#folder, below);
    mkdirSync(this.home, { recursive: true });
  }

  /** `below` puts the home deeper into the throwaway folder. */
  static async open(agents: readonly AgentId[], isReady = true, below = '', machine: Machine = 'this'): Promise<Rig> {
    const rig = new Rig(await PuppetStage.open(), below, machine);
    for (const agent of agents) rig.furnish(agent, isReady);
    return rig;
  }

  furnish(agent: AgentId, isReady = true): void {
    this.stage.furnish(path.join(this.home, agent), { isReady });
  }

  /** Moves an agent's folder away and puts another in its place, faster than anybody looks. */
  exchange(agent: AgentId): void {
    renameSync(path.join(this.home, agent), path.join(this.home, `old-${agent}`));
    this.furnish(agent);
  }

  /** A supervisor's fleet; a second one stands for the next supervisor. */
  fleet(clock: Clock = systemClock): Fleet {
    const publish = (event: FleetEvent): void => this.#take(event);
    const fleet = new Fleet({
      home: this.home,
      version: '0-test',
      shim: SHIM,
      launcher: new Launcher({
        home: this.home,
        find: (_agent, supervision) =>
          ok({
            node: process.execPath,
            nodeMajor: Number(process.versions.node.split('.')[0]),
            // Orders have it start children.
            flags: [...heapFlags(supervision), '--allow-child-process'],
            program: [PuppetStage.program],
            readable: [REPOSITORY, this.stage.folder],
            codeCache: null,
          }),
        probe: async () => await probeMachine(this.#environment, this.home),
        environment: {},
      }),
      config: new FleetConfigFile(homePaths(this.home).config, publish, () => undefined),
      clock,
      random: () => 0,
      environment: { PATH: process.env['PATH'], ANIMUS_TEST_RUN: process.env['ANIMUS_TEST_RUN'], SECRET_OF_THE_SUPERVISOR: 'x' },
      publish,
    });
    this.#fleets.push(fleet);
    return fleet;
  }

  /** The next event that fits, from now on. */
  async next(fits: (event: FleetEvent) => boolean): Promise<FleetEvent> {
    return await new Promise((resolve) => this.#waiting.push({ fits, resolve }));
  }

  async nextPhase(agent: AgentId, phase: Phase): Promise<FleetEvent> {
    return await this.next((event) => event.kind === 'agent-phase' && event.agent === agent && event.to === phase);
  }

  async puppet(agent: AgentId): Promise<Puppet> {
    return await this.stage.next(agent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fleet of this.#fleets) await fleet.close();
    await this.stage[Symbol.asyncDispose]();
    // A shim may still be writing down how its puppet ended.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  }

  #take(event: FleetEvent): void {
    this.events.push(event);
    const fitting = this.#waiting.filter(({ fits }) => fits(event));
    this.#waiting = this.#waiting.filter((each) => !fitting.includes(each));
    for (const { resolve } of fitting) resolve(event);
  }
}
