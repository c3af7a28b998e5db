import { restoreBackup } from '../backup/restore.ts';
import { type Command, defineCommand } from '../command.ts';

export const restore: Command = defineCommand({
  name: 'restore',
  summary: 'Bring an agent back from a backup: its database, settings, plugins and files',
  arguments: { file: { count: 'one', description: 'The backup, as animus backup list shows it' } },
  options: {
    as: { kind: 'text', placeholder: 'ID', description: 'For another agent than it was taken of' },
    force: { kind: 'flag', description: 'In the place of the agent that is there; that is backed up first' },
    identity: { kind: 'text', placeholder: 'FILE', description: 'File with the secret key of age, for an encrypted backup' },
    'with-env': { kind: 'flag', description: "Put back the backup's .env too; without it the one that is there stays" },
    'with-clone': {
      kind: 'flag',
      description: "Put back the backup's clone too, and build from it; without it the one that is there stays",
    },
    endpoint: { kind: 'text', placeholder: 'URL', description: "Letta's address, where neither .env nor the backup says it" },
    'key-stdin': { kind: 'flag', description: 'Read the key from standard input, for a backup without .env' },
    'no-check': { kind: 'flag', description: 'Do not ask Letta whether agent, endpoint and key fit' },
    'no-start': { kind: 'flag', description: 'Leave the agent stopped although a supervisor runs' },
  },
  examples: [
    { line: 'animus restore backups/20261201/agent-7216@030000.tar.gz', effect: 'an agent that is gone; asks for its key' },
    { line: 'animus restore agent-7216@030000.tar.gz --force', effect: 'one that is there; it is backed up first' },
    { line: 'animus restore agent-7216@030000.tar.gz.age --identity age.txt', effect: 'an encrypted backup, key included' },
  ],
  run: async (values, context) => await restoreBackup({ ...values, command: 'restore' }, context),
});
