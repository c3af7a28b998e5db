import path from 'node:path';
import { EXIT, type ExitCode, findAgentId } from 'animus-protocol';
import { type BackupFile, listBackups } from '../../home/backup-files.ts';
import { scanAgents } from '../../home/scan.ts';
import type { CliContext } from '../context.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { size, table } from '../render.ts';

type Values = { to: string | null; json: boolean };

/** Of agents that are gone too: words choose among those that have a backup. */
export function listOfBackups(words: readonly string[], { to, json }: Values, { home, screen }: CliContext): ExitCode {
  const config = readFleetConfig(home);
  const configured = config.ok && config.value.backup.to !== null ? path.resolve(home.home, config.value.backup.to) : home.backups;
  const root = to === null ? configured : path.resolve(to);
  const all = listBackups(root);
  const known = [...new Set([...all.map(({ agent }) => agent), ...scanAgents(home.home)])];
  const chosen = words.map((word) => findAgentId(word, known));
  const wrong = chosen.find((each) => !each.ok);
  if (wrong?.ok === false) {
    screen.complain(wrong.error);
    return EXIT.failed;
  }
  const ids = chosen.flatMap((each) => (each.ok ? [each.value] : []));
  const shown = ids.length === 0 ? all : all.filter(({ agent }) => ids.includes(agent));
  if (json) screen.printJson({ folder: root, backups: shown.map((each) => ({ ...each, takenAt: when(each) })) });
  else if (shown.length === 0) screen.print(`there is no backup in ${root}; make one with: animus backup`);
  else
    screen.print(
      table(
        ['AGENT', 'TAKEN', 'SIZE', 'ENCRYPTED', 'FILE'],
        shown.map((each) => [each.agent, when(each), size(each.bytes), each.isEncrypted ? 'yes' : 'no', each.file]),
      ),
    );
  return EXIT.done;
}

/** `2026-12-01 03:00:12`, as its name says it. */
function when({ day, time }: BackupFile): string {
  return `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)} ${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4, 6)}`;
}
