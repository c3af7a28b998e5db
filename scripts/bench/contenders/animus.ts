/** Ours: the built programs on a home of their own, with real Brocas. */
import fs from 'node:fs';
import path from 'node:path';
import { ANIMUS, agentId, BenchFleet } from '../fleet.ts';
import { nextStamp, stamps } from '../process-figures.ts';
import type { Contender } from './contender.ts';
import { PRINTER } from './programs.ts';

const STAMPED_BROCA = path.join(path.dirname(import.meta.dirname), 'stamped-broca.mjs');

export class Animus implements Contender {
  readonly list: Contender['list'];
  /** The level in force, which is known once it has been up. */
  name = 'animus';
  readonly #fleet: BenchFleet;
  #pid = 0;

  /** Has been up once: the first start of all makes databases and compiles; what is measured is any later one. */
  static async make(agents: number, isolation: 'off' | 'auto'): Promise<Animus> {
    const fleet = await BenchFleet.make({ agents, isolation, program: STAMPED_BROCA });
    await fleet.up();
    await fleet.animus('down');
    return new Animus(fleet);
  }

  private constructor(fleet: BenchFleet) {
    this.#fleet = fleet;
    this.list = { command: ANIMUS, args: ['status'], environment: fleet.environment, title: 'animus status' };
  }

  pid(): number {
    return this.#pid;
  }

  async up(): Promise<number> {
    const took = await this.#fleet.timeToUp();
    const { supervisor, agents } = await this.#fleet.status();
    this.#pid = supervisor.pid;
    this.name = `animus, isolation ${agents[0]?.isolation ?? 'none'}`;
    return took;
  }

  /** Each agent is killed once: the first time is what is promised to be at once. */
  async crash(count: number, before: () => Promise<void>): Promise<{ first: number[]; ready: number[] }> {
    const fleet = this.#fleet;
    const [first, ready]: [number[], number[]] = [[], []];
    const { agents } = await fleet.status();
    for (const [index, { id, pid }] of agents.slice(0, count).entries()) {
      const file = path.join(fleet.folder(index + 1), 'run/first-instruction');
      await before();
      const known = stamps(file).length;
      const last = fleet.events().at(-1)?.id ?? 0;
      const killedAt = Date.now();
      const since = process.hrtime.bigint();
      process.kill(pid ?? 0, 'SIGKILL');
      first.push(await nextStamp(file, known, since));
      const stood = await fleet.event((event) => event.id > last && event.agent === id && event.details['to'] === 'ready');
      ready.push(stood.at - killedAt);
    }
    return { first, ready };
  }

  /** Killed right after the last line, which is the worst that can happen to it. A second start refuses, and is broken. */
  async print(lines: number, programs: number): Promise<string[][]> {
    const fleet = this.#fleet;
    const numbers = Array.from({ length: programs }, (_, index) => index + 1);
    await fleet.animus('stop', 'all');
    for (const number of numbers) {
      fleet.replaceProgram(number, PRINTER);
      const folder = fleet.folder(number);
      fs.writeFileSync(path.join(folder, 'printer.json'), JSON.stringify([lines, 'kill', 'printed']));
      for (const name of ['printed', 'logs/output.log', 'logs/output.log.1']) fs.rmSync(path.join(folder, name), { force: true });
    }
    const last = fleet.events().at(-1)?.id ?? 0;
    const ids = numbers.map(agentId);
    await fleet.animus('start', ...ids).catch(() => undefined);
    for (const id of ids) await fleet.event((event) => event.id > last && event.agent === id && event.details['to'] === 'broken');
    return numbers.map((number) => ['logs/output.log.1', 'logs/output.log'].map((name) => path.join(fleet.folder(number), name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet[Symbol.asyncDispose]();
  }
}
