import path from 'node:path';
import { type AgentId, EXIT, type ExitCode } from 'animus-protocol';
import { DISK_PARTS, type DiskUse, diskUseOfAgent, diskUseOfHome } from '../../home/disk-use.ts';
import { chooseAgents, missingHome } from '../agents.ts';
import { type Command, defineCommand } from '../command.ts';
import { readFleetConfig } from '../fleet-config.ts';
import { size, table } from '../render.ts';

type Row = DiskUse & { id: AgentId; total: number };

export const disk: Command = defineCommand({
  name: 'disk',
  summary: 'What each agent takes of the disk, the largest first, and what they share',
  arguments: { ids: { count: 'many', description: 'Agents, by id or its beginning; all without any' } },
  options: {},
  examples: [
    { line: 'animus disk', effect: 'database, logs, attachments, inbox and outbox, releases, clone and backups of each agent' },
    { line: 'animus disk 7216 --json', effect: 'one agent, in bytes' },
  ],
  run: async (values, { home, screen }): Promise<ExitCode> => {
    const missing = missingHome(home.home);
    const chosen = missing === null ? chooseAgents(home.home, values.ids, true) : { ok: false as const, error: missing };
    if (!chosen.ok) {
      screen.complain(chosen.error);
      return EXIT.failed;
    }
    const config = readFleetConfig(home);
    const backups = config.ok && config.value.backup.to !== null ? path.resolve(home.home, config.value.backup.to) : home.backups;
    const rows = chosen.value.map((id) => rowOf(id, diskUseOfAgent(home.home, id, backups)));
    rows.sort((a, b) => b.total - a.total || (a.id < b.id ? -1 : 1));
    const shared = diskUseOfHome(home);
    const total = rows.reduce((sum, row) => sum + row.total, 0) + shared.runtime + shared.logs;
    if (values.json) screen.printJson({ agents: rows, shared, total });
    else {
      const lines = rows.map((row) => [row.id, ...DISK_PARTS.map((part) => size(row[part])), size(row.total)]);
      if (lines.length > 0) screen.print(table(['AGENT', ...DISK_PARTS.map((part) => part.toUpperCase()), 'TOTAL'], lines));
      screen.print(`shared: runtime ${size(shared.runtime)}, logs of the supervisor ${size(shared.logs)}`);
      screen.print(`total: ${size(total)}`);
    }
    return EXIT.done;
  },
});

function rowOf(id: AgentId, use: DiskUse): Row {
  return { id, ...use, total: DISK_PARTS.reduce((sum, part) => sum + use[part], 0) };
}
