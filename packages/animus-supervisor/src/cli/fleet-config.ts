/** `animus.config.json` of the home, read by the commands that need it. */
import { type FleetConfig, failed, formatProblem, ok, parseFleetConfig, type Result } from 'animus-protocol';
import type { HomePaths } from '../home/paths.ts';
import { readText } from './read-text.ts';

/** Fails with every problem when the file cannot be used. */
export function readFleetConfig(home: HomePaths): Result<FleetConfig, string> {
  const { config, problems } = parseFleetConfig(readText(home.config), home.config);
  const errors = problems.filter(({ severity }) => severity === 'error');
  return errors.length === 0 ? ok(config) : failed(errors.map(formatProblem).join('\n'));
}
