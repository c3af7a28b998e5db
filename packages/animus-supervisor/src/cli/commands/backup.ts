import { EXIT, type ExitCode } from 'animus-protocol';
import { missingHome } from '../agents.ts';
import { backUp } from '../backup/back-up.ts';
import { listOfBackups } from '../backup/list.ts';
import { verifyBackup } from '../backup/verify.ts';
import { type Command, defineCommand } from '../command.ts';

export const backup: Command = defineCommand({
  name: 'backup',
  summary: 'Back up agents while they work; verify, list and schedule backups',
  arguments: {
    ids: { count: 'many', description: 'Agents, by id or its beginning; all without any. Or: verify <file…>, list [ids…], schedule' },
  },
  options: {
    encrypt: {
      kind: 'text',
      placeholder: 'HOW',
      description: 'age:<recipient> or gpg:<recipient>; then .env and logins are in it too. none: not',
    },
    to: { kind: 'text', placeholder: 'DIR', description: "Folder for them; without it backup.to, else the home's backups/" },
    keep: { kind: 'number', placeholder: 'N', description: "Afterwards delete all but an agent's newest N there" },

    schedule: {
      kind: 'text',
      placeholder: 'CRON',
      description: 'From now on back up every agent by itself, as in "0 3 * * *"; off: no longer',
    },
    identity: { kind: 'text', placeholder: 'FILE', description: 'verify: file with the secret key of age' },
  },
  examples: [
    { line: 'animus backup', effect: 'every agent, into backups/<date>/' },
    { line: 'animus backup 7216 --encrypt age:age1… --to /mnt/usb --keep 14', effect: 'one agent, with its key, on another disk' },
    { line: 'animus backup verify backups/20261201/agent-7216@030000.tar.gz', effect: 'restores it into a throwaway place and looks' },

    { line: 'animus backup list', effect: 'what there is' },
    { line: 'animus backup --schedule "0 3 * * *"', effect: 'every night at three, while the supervisor runs' },
    { line: 'animus backup schedule', effect: 'what is scheduled, and when next' },
  ],
  run: async (values, context): Promise<ExitCode> => {
    const { screen, home } = context;
    const missing = missingHome(home.home);
    if (missing !== null) {
      screen.complain(missing);
      return EXIT.failed;
    }
    const [word, ...rest] = values.ids;
    if (values.schedule !== null || word === 'schedule') {
      const { scheduleBackups } = await import('../backup/schedule.ts');
      return await scheduleBackups(values, context);
    }
    if (word === 'verify') return await verifyBackup(rest, values, context);
    if (word === 'list') return listOfBackups(rest, values, context);
    return await backUp(values, context);
  },
});
