/** The fleet's configuration as the supervisor uses it: read at start and at each change; a bad file keeps what runs. */
import { readFileSync } from 'node:fs';
import { type FleetConfig, formatProblem, parseFleetConfig } from 'animus-protocol';
import type { Publish } from '../observe/event.ts';

export class FleetConfigFile {
  #file: string;
  #publish: Publish;
  #apply: (config: FleetConfig) => void;
  #config: FleetConfig;

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

  /** Takes the file over unless it has an error; every problem is told. */
  read(): void {
    const { config, problems } = parseFleetConfig(readText(this.#file), this.#file);
    for (const problem of problems) this.#publish({ kind: 'config-problem', problem: formatProblem(problem) });
    const isUsable = problems.every(({ severity }) => severity === 'warning');
    if (isUsable) this.#config = config;
    this.#apply(this.#config);
    this.#publish({ kind: 'config-read', problems: problems.length, isUsable });
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
