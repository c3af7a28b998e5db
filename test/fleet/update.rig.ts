/** A repository of Broca that tests push commits to, and people who write while an agent is updated. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { commitAll, runGit, snapshotRepository, writeFiles } from 'animus-testkit';
import { type Agent, FleetRig, until } from './rig.ts';

const ROOT = path.join(import.meta.dirname, '../..');

export type Outcome = {
  id: string;
  ok: boolean;
  outcome: string;
  message: string;
  from: string;
  to: string;
  ownCommits: string[];
  edited: string[];
  brings: string[];
};

export class UpdateRig implements AsyncDisposable {
  readonly fleet: FleetRig;
  /** Where the fleet's Brocas come from. */
  readonly repository: string;

  private constructor(fleet: FleetRig, repository: string) {
    this.fleet = fleet;
    this.repository = repository;
  }

  static async make(config: Record<string, unknown> = {}): Promise<UpdateRig> {
    const fleet = await FleetRig.make();
    const repository = path.join(fleet.rig.folder, 'repository');
    runGit(fleet.rig.folder, ['clone', '--quiet', '--no-hardlinks', snapshotRepository(ROOT), repository]);
    const rig = new UpdateRig(fleet, repository);
    rig.configure(config);
    return rig;
  }

  /** Without more said, a release that is ready is decided for at once. */
  configure(config: Record<string, unknown>): void {
    this.fleet.configure({ broca: { repository: this.repository }, supervisor: { probation: 0 }, ...config });
  }

  /** A commit in the repository; gives its name. */
  commit(message: string, files: Readonly<Record<string, string>>): string {
    writeFiles(this.repository, files);
    return commitAll(this.repository, message);
  }

  /** Changes one file of the repository. */
  edit(message: string, name: string, change: (text: string) => string): string {
    const file = path.join(this.repository, name);
    return this.commit(message, { [name]: change(fs.readFileSync(file, 'utf8')) });
  }

  /** Undoes whatever the tests before committed. */
  reset(commit: string): void {
    runGit(this.repository, ['reset', '--quiet', '--hard', commit]);
  }

  get head(): string {
    return runGit(this.repository, ['rev-parse', 'HEAD']);
  }

  async ask(
    ...words: string[]
  ): Promise<{ code: number | null; agents: Outcome[]; notTried: string[]; removedRuntimes: string[]; stderr: string }> {
    const ran = await this.fleet.rig.animus([...words, '--json']);
    assert.match(ran.stdout, /^\{/, `animus ${words.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return { code: ran.code, stderr: ran.stderr, ...JSON.parse(ran.stdout) };
  }

  current(agent: Agent): string {
    return path.basename(fs.readlinkSync(path.join(agent.folder, 'releases/current')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet[Symbol.asyncDispose]();
  }
}

/** More would only measure how fast this machine answers. */
const MOST_WAITING = 25;

/** Drops messages into an agent's inbox until told to stop; then each must have been answered, once, and asked of Letta once. */
export class Talk {
  #fleet: FleetRig;
  #agent: Agent;
  #label: string;
  #names: string[] = [];
  #isOver = false;
  /** Turns at Letta that were looked at, and how many of the messages were in them. */
  #turns = 0;
  #asked = 0;
  #loop: Promise<void>;

  constructor(fleet: FleetRig, agent: Agent, label: string) {
    this.#fleet = fleet;
    this.#agent = agent;
    this.#label = label;
    this.#loop = this.#run();
  }

  get count(): number {
    return this.#names.length;
  }

  async isAnswered(): Promise<void> {
    this.#isOver = true;
    await this.#loop;
    const names = this.#names;
    await until(`all ${names.length} messages of ${this.#label} are answered`, () => {
      const replies = this.#fleet.spooled(this.#agent);
      return names.every((name) => replies.has(name)) || null;
    });
    const replies = this.#fleet.spooled(this.#agent);
    for (const name of names) {
      assert.deepEqual(replies.get(name)?.length, 1, `${name} is answered once`);
      const asked = this.#agent.letta.turns.filter(({ text }) => text.includes(`<${name}>`));
      assert.equal(asked.length, 1, `${name} was asked once`);
    }
  }

  async #run(): Promise<void> {
    for (let number = 1; !this.#isOver; await delay(40)) {
      if (this.#countWaiting() >= MOST_WAITING) continue;
      const name = `${this.#label}-${number}`;
      this.#fleet.spool(this.#agent, name, `<${name}>`, `chat-${number % 3}`);
      this.#names.push(name);
      number += 1;
    }
  }

  #countWaiting(): number {
    const { turns } = this.#agent.letta;
    for (; this.#turns < turns.length; this.#turns += 1)
      this.#asked += (turns[this.#turns]?.text.split(`<${this.#label}-`).length ?? 1) - 1;
    return this.#names.length - this.#asked;
  }
}
