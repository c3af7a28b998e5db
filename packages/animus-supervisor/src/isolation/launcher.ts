/** Knows how each agent's Broca is started on this machine: its program (fleet/launch.ts), shut in as far as that is wanted and works. */
import type { AgentId, Result, SandboxReport, Supervision } from 'animus-protocol';
import type { FindLaunch } from '../fleet/launch.ts';
import { agentPaths } from '../home/paths.ts';
import { type Abilities, type Isolated, isolate } from './isolate.ts';

export type LauncherOptions = {
  home: string;
  find: FindLaunch;
  /** Tries what this machine allows. */
  probe: () => Promise<Abilities>;
};

const UNTRIED: Abilities = { sandbox: { works: false, reason: 'what this machine allows is being tried' }, cgroups: null };

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
    return isolate({ home, agent: agentPaths(home, agent), launch: found.value, supervision, abilities: this.#abilities });
  }
}
