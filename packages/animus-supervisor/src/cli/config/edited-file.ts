/** The three files that `config edit` opens: where each is, where its draft is, and what a new text of it is checked for. */
import path from 'node:path';
import { type AgentId, formatProblem, type Problem, parseFleetConfig, readBrocaConfig } from 'animus-protocol';
import { agentPaths, type HomePaths } from '../../home/paths.ts';

export type EditedFile = {
  file: string;
  /** In a folder of its own, which holds what editors leave beside it. */
  draft: string;
  /** What a file that is not there yet begins with. */
  empty: string;
  /** How a person comes back to it. */
  command: string;
  /** What would be wrong if `text` were saved. */
  check(text: string): Problem[];
};

export function editedFile(home: HomePaths, id: AgentId | null, isEnvironment: boolean): EditedFile {
  if (id === null) {
    const draft = path.join(home.drafts, 'fleet', path.basename(home.config));
    return { file: home.config, draft, empty: '{}\n', command: 'animus config edit', check: (text) => parseFleetConfig(text).problems };
  }
  const agent = agentPaths(home.home, id);
  const name = isEnvironment ? '.env' : 'settings.json';
  return {
    file: isEnvironment ? agent.environment : agent.settings,
    draft: path.join(home.drafts, `${id}${isEnvironment ? '.env' : ''}`, name),
    empty: isEnvironment ? '' : '{}\n',
    command: `animus config edit ${id}${isEnvironment ? ' --env' : ''}`,
    check: (text) => checkAgentFile(agent.folder, name, text),
  };
}

/** What is wrong with the other files already is no reason not to save this one; what it would break in them is. */
function checkAgentFile(folder: string, file: '.env' | 'settings.json', text: string): Problem[] {
  const before = new Set(readBrocaConfig(folder).problems.map(formatProblem));
  return readBrocaConfig(folder, { file, text }).problems.filter((problem) => problem.file === file || !before.has(formatProblem(problem)));
}
