/** Knows how each agent's Broca is started on this machine: its program (fleet/launch.ts), shut in as far as that is wanted and works. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { AgentId, Result, SandboxReport, Supervision } from 'animus-protocol';
import type { FindLaunch } from '../fleet/launch.ts';
import { agentPaths } from '../home/paths.ts';
import { type Abilities, type Isolated, isolate } from './isolate.ts';

export type LauncherOptions = {
  home: string;
  find: FindLaunch;
  /** Tries what this machine allows. */
  probe: () => Promise<Abilities>;
  /** The supervisor's own. */
  environment: Readonly<Record<string, string | undefined>>;
};

/** They name files and folders that a sandboxed Broca must see too. */
const CERTIFICATE_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];

const UNTRIED: Abilities = {
  sandbox: { works: false, reason: 'what this machine allows is being tried' },
  cgroups: null,
  cgroupsCount: false,
};

export class Launcher {
  #options: LauncherOptions;
  #abilities: Abilities = UNTRIED;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /** Nobody is to be started before this has settled. */
  async probe(): Promise<void> {
    this.#abilities = await this.#options.probe();
  }

  get isProbed(): boolean {
    return this.#abilities !== UNTRIED;
  }

  get sandbox(): SandboxReport {
    const { sandbox } = this.#abilities;
    return sandbox.works ? { works: true, version: sandbox.version } : { works: false, reason: sandbox.reason };
  }

  /** The error is why it must not start; nothing but a change of its files helps. */
  launch(agent: AgentId, supervision: Supervision): Result<Isolated, string> {
    const { home, find } = this.#options;
    const found = find(agent, supervision);
    if (!found.ok) return found;
    const readable = [...found.value.readable, ...this.#certificates(supervision)];
    const launch = { ...found.value, readable };
    return isolate({ home, agent: agentPaths(home, agent), launch, supervision, abilities: this.#abilities });
  }

  #certificates({ environment }: Supervision): string[] {
    const all = { ...this.#options.environment, ...environment };
    return CERTIFICATE_VARIABLES.flatMap((name) => all[name] ?? []).filter((file) => path.isAbsolute(file) && existsSync(file));
  }
}
