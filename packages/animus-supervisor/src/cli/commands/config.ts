import { type AgentId, EXIT, type ExitCode } from 'animus-protocol';
import { missingHome } from '../agents.ts';
import { agentOf } from '../change-access.ts';
import { type Command, defineCommand } from '../command.ts';
import { editConfig } from '../config/edit.ts';
import { showConfig } from '../config/show.ts';
import { validateConfig } from '../config/validate.ts';

export const config: Command = defineCommand({
  name: 'config',
  summary: 'The configuration: what counts and which file says so, what is wrong with it, change it safely',
  arguments: {
    what: { count: 'one', description: 'show, validate or edit', choices: ['show', 'validate', 'edit'] },
    id: { count: 'maybe', description: 'The agent, by id or its beginning; without it the fleet (validate: and every agent)' },
  },
  options: {
    env: { kind: 'flag', description: "edit: the agent's .env instead of its settings.json" },
    draft: { kind: 'flag', description: 'edit: go on with the draft that was kept' },
    discard: { kind: 'flag', description: 'edit: drop the draft that was kept, begin anew' },
  },
  examples: [
    { line: 'animus config show 7216', effect: 'each setting and its file; secrets as fingerprints' },
    { line: 'animus config validate', effect: 'all files; exit 78 when one cannot be used' },
    { line: 'animus config edit 7216 --env', effect: 'in $VISUAL or $EDITOR; checked before it is saved' },
    { line: 'animus config edit', effect: 'animus.config.json' },
  ],
  run: async (values, context): Promise<ExitCode> => {
    const { screen, home } = context;
    const refused = misused(values);
    if (refused !== null) {
      screen.complain(refused);
      return EXIT.usage;
    }
    const missing = missingHome(home.home);
    if (missing !== null) {
      screen.complain(missing);
      return EXIT.failed;
    }
    let id: AgentId | null = null;
    if (values.id !== null) {
      id = agentOf(values.id, context);
      if (id === null) return EXIT.failed;
    }
    if (values.what === 'show') return showConfig(id, values.json, context);
    if (values.what === 'validate') return validateConfig(id, values.json, context);
    return await editConfig(id, values, context);
  },
});

type Given = { what: string; id: string | null; env: boolean; draft: boolean; discard: boolean };

function misused({ what, id, env, draft, discard }: Given): string | null {
  if (what !== 'edit' && (env || draft || discard)) return '--env, --draft and --discard belong to edit';
  if (draft && discard) return '--draft and --discard exclude each other';
  return env && id === null ? 'whose .env? Name the agent: animus config edit <id> --env' : null;
}
