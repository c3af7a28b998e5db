import { rmSync } from 'node:fs';
import path from 'node:path';
import { type AgentId, EXIT, ok, type Result } from 'animus-protocol';
import { archiveAgent } from '../../home/backup.ts';
import { recordFiles, removeRecord } from '../../worker/record.ts';
import { chooseAgent } from '../agents.ts';
import { ask } from '../client.ts';
import { type Command, defineCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { askYes } from '../questions.ts';
import { stopAgent } from '../stop-agent.ts';

export const remove: Command = defineCommand({
  name: 'remove',
  summary: 'Stop an agent, move its data to backups/, delete the rest',
  arguments: { id: { count: 'one', description: 'The agent, by id or its beginning' } },
  options: { yes: { kind: 'flag', short: 'y', description: 'Do not ask' } },
  examples: [{ line: 'animus remove 7216', effect: 'asks first; database, .env and settings are kept in backups/<date>/' }],
  run: async ({ id: word, yes, json }, context) => {
    const { home, screen } = context;
    const id = chooseAgent(home.home, word);
    if (!id.ok) {
      screen.complain(id.error);
      return EXIT.failed;
    }
    const input = yes ? null : context.input();
    if (input !== null && !input.isTTY) {
      screen.complain(`remove asks before it deletes, and nobody is there to answer; add --yes to remove ${id.value}`);
      return EXIT.usage;
    }
    if (input !== null && !(await askYes(input, `Remove ${id.value}? Its data is moved to backups/.`))) {
      screen.complain('nothing was removed');
      return EXIT.failed;
    }
    const backup = await removeAgent(id.value, context);
    if (!backup.ok) {
      screen.complain(backup.error);
      return EXIT.failed;
    }
    if (json) screen.printJson({ id: id.value, backup: backup.value });
    else screen.print(`${id.value} is removed. Its data is in ${backup.value}`);
    return EXIT.done;
  },
});

async function removeAgent(id: AgentId, { home, now }: CliContext): Promise<Result<string, string>> {
  const stopped = await stopAgent(home, id);
  if (!stopped.ok) return stopped;
  const archived = await archiveAgent(home.home, id, new Date(now()));
  if (!archived.ok) return archived;
  await ask(home.socket, { kind: 'rescan' }, { timeoutMs: 10_000 });
  removeRecord(recordFiles(home.runAgents, id));
  // What `config edit` kept of its files; that of .env holds its key.
  for (const draft of [id, `${id}.env`]) rmSync(path.join(home.drafts, draft), { recursive: true, force: true });
  return ok(archived.value);
}
