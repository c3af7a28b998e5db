import { restoreBackup } from '../backup/restore.ts';
import { type Command, defineCommand } from '../command.ts';

export const importCommand: Command = defineCommand({
  name: 'import',
  summary: 'Take in an agent that was exported, with its clone, own changes and messages; all or nothing',
  arguments: { file: { count: 'one', description: 'What animus export wrote' } },
  options: {
    as: { kind: 'text', placeholder: 'ID', description: 'For another agent than it was exported of' },
    identity: { kind: 'text', placeholder: 'FILE', description: 'File with the secret key of age, for an encrypted one' },
    endpoint: { kind: 'text', placeholder: 'URL', description: "Letta's address here, where it is another" },
    'key-stdin': { kind: 'flag', description: 'Read the key from standard input, for one without .env' },
    'no-check': { kind: 'flag', description: 'Do not ask Letta whether agent, endpoint and key fit' },
    'no-start': { kind: 'flag', description: 'Leave the agent stopped although a supervisor runs' },
  },
  examples: [
    { line: 'animus import agent-7216@20261201-030000.tar.gz.age --identity age.txt', effect: 'from another machine, key included' },
    { line: 'animus import copy.tar.gz --as my-other-agent', effect: 'asks for the key of that agent' },
  ],
  run: async (values, context) =>
    await restoreBackup({ ...values, command: 'import', force: false, 'with-env': false, 'with-clone': false }, context),
});
