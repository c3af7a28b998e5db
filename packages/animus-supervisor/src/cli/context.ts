/** What a command may use of the world around it. main.ts makes the only one; a test makes its own. */
import type { Result } from 'animus-protocol';
import type { Installation } from '../home/installation.ts';
import type { HomePaths } from '../home/paths.ts';
import type { Screen } from './render.ts';

export type CliContext = {
  home: HomePaths;
  version: string;
  screen: Screen;
  /** Standard input, opened when asked for: quick commands must not pay for it. */
  input(): NodeJS.ReadStream;
  /** What a supervisor we start inherits. */
  environment: Readonly<Record<string, string | undefined>>;
  /** ANIMUS_AGENT_KEY, taken out of the environment so that nothing we start inherits it. */
  agentKey: string | null;
  installation(): Result<Installation, string>;
  /** Aborts at Ctrl-C, a polite kill or a closed terminal, with the signal's name. Asking for it is what keeps those from ending us at once. */
  interruption(): AbortSignal;
  now(): number;
};
