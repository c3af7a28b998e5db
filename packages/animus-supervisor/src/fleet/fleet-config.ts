/** The fleet's configuration as the supervisor uses it: read at start and at each change; a bad file keeps what runs. */
import { readFileSync } from 'node:fs';
import {
  type AgentId,
  type FleetConfig,
  formatProblem,
  type Problem,
  parseAgentId,
  parseFleetConfig,
  parseFleetDefaults,
} from 'animus-protocol';
import type { Publish } from '../observe/event.ts';

export type ConfigChange = {
  before: FleetConfig;
  after: FleetConfig;
  /** What Brocas take from the file, or what is wrong with that, is not what it was. */
  concernsBrocas: boolean;
};

export class FleetConfigFile {
  #file: string;
  #publish: Publish;
  #apply: (config: FleetConfig) => void;
  #config: FleetConfig;
  #problems: string[] = [];
  /** Of a file that could never be used since this supervisor started; null once one could. */
  #faults: ((agent: AgentId) => string | null) | null = () => null;
  #ofBrocas = '';

  /** `apply` is called with each configuration that is taken over. */
  constructor(file: string, publish: Publish, apply: (config: FleetConfig) => void) {
    this.#file = file;
    this.#publish = publish;
    this.#apply = apply;
    this.#config = parseFleetConfig(null).config;
    this.read();
  }

  get config(): FleetConfig {
    return this.#config;
  }

  /** What is wrong with the file as it is now, a line each. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /**
   * Why an agent must not be started: what the file says of it cannot be read, and no earlier reading is known. Built-in
   * values in their place would start it without the bounds that somebody wrote down.
   */
  faultOf(agent: AgentId): string | null {
    return this.#faults?.(agent) ?? null;
  }

  /** Takes the file over unless it has an error; every problem is told. */
  read(): ConfigChange {
    const before = this.#config;
    const text = readText(this.#file);
    const { config, problems } = parseFleetConfig(text, this.#file);
    this.#problems = problems.map(formatProblem);
    for (const problem of this.#problems) this.#publish({ kind: 'config-problem', problem });
    const isUsable = problems.every(({ severity }) => severity === 'warning');
    if (isUsable) this.#faults = null;
    else if (this.#faults !== null) this.#faults = (agent) => findFault(problems, agent);
    if (isUsable || this.#faults !== null) this.#config = config;
    this.#apply(this.#config);
    this.#publish({ kind: 'config-read', problems: problems.length, isUsable });
    const ofBrocas = JSON.stringify(parseFleetDefaults(text));
    const concernsBrocas = ofBrocas !== this.#ofBrocas;
    this.#ofBrocas = ofBrocas;
    return { before, after: this.#config, concernsBrocas };
  }
}

/** The first error that leaves open how an agent is to be run. */
function findFault(problems: readonly Problem[], agent: AgentId): string | null {
  const found = problems.find(({ key, severity }) => severity === 'error' && concerns(key, agent));
  return found === undefined ? null : formatProblem(found);
}

function concerns(key: string, agent: AgentId): boolean {
  if (/^(line \d|the whole file$|supervisor(\.|$)|agents$)/.test(key)) return true;
  if (!key.startsWith('agents.')) return false;
  const name = key.slice('agents.'.length);
  // Ids may hold dots, as keys do between their parts: each beginning that names the agent counts.
  return name.split('.').some((_, index, parts) => {
    const id = parseAgentId(parts.slice(0, index + 1).join('.'));
    return id.ok && id.value === agent;
  });
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
