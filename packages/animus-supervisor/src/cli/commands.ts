/** All commands of `animus`, in the order of the help. Each loads by itself: a quick one must not pay for a slow one. */
import type { Command, DelegatedCommand } from './command.ts';

type Loader = () => Promise<Command | DelegatedCommand>;

export const COMMANDS: Readonly<Record<string, Loader>> = {
  init: async () => (await import('./commands/init.ts')).init,
  deploy: async () => (await import('./commands/deploy.ts')).deploy,
  up: async () => (await import('./commands/up.ts')).up,
  down: async () => (await import('./commands/down.ts')).down,
  start: async () => (await import('./commands/start.ts')).start,
  stop: async () => (await import('./commands/stop.ts')).stop,
  restart: async () => (await import('./commands/restart.ts')).restart,
  remove: async () => (await import('./commands/remove.ts')).remove,
  backup: async () => (await import('./commands/backup.ts')).backup,
  update: async () => (await import('./commands/update.ts')).update,
  rollback: async () => (await import('./commands/rollback.ts')).rollback,
  upgrade: async () => (await import('./commands/upgrade.ts')).upgrade,
  restore: async () => (await import('./commands/restore.ts')).restore,
  'rotate-key': async () => (await import('./commands/rotate-key.ts')).rotateKey,
  'set-endpoint': async () => (await import('./commands/set-endpoint.ts')).setEndpoint,
  config: async () => (await import('./commands/config.ts')).config,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  health: async () => (await import('./commands/health.ts')).health,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  status: async () => (await import('./commands/status.ts')).status,
  top: async () => (await import('./commands/top.ts')).top,
  ls: async () => (await import('./commands/ls.ts')).ls,
  events: async () => (await import('./commands/events.ts')).events,
  logs: async () => (await import('./commands/logs.ts')).logs,
  disk: async () => (await import('./commands/disk.ts')).disk,
  send: async () => (await import('./commands/delegated.ts')).send,
  chat: async () => (await import('./commands/delegated.ts')).chat,
  queue: async () => (await import('./commands/delegated.ts')).queue,
  users: async () => (await import('./commands/delegated.ts')).users,
  conversations: async () => (await import('./commands/delegated.ts')).conversations,
  settings: async () => (await import('./commands/delegated.ts')).settings,
  ignore: async () => (await import('./commands/delegated.ts')).ignore,
  outbound: async () => (await import('./commands/delegated.ts')).outbound,
  telegram: async () => (await import('./commands/delegated.ts')).telegram,
  service: async () => (await import('./commands/service.ts')).service,
  completion: async () => (await import('./commands/completion.ts')).makeCompletion(loadAll),
};

async function loadAll(): Promise<(Command | DelegatedCommand)[]> {
  return await Promise.all(Object.values(COMMANDS).map(async (load) => await load()));
}
