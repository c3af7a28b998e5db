/** A Broca with the Telegram channel on, as a process of its own, and a Telegram for it on loopback. Nothing of it is injected: the way is the proxy setting. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type TelegramAccount as Account,
  AgentFolder,
  BrocaProcess,
  startTelegramDataCentre,
  type TelegramDataCentre,
  type TelegramSettings,
} from 'animus-testkit';

/** A waiting test names what it waits for; this only keeps a broken one from hanging. */
const PATIENCE_MS = 20_000;

export type TelegramRig = {
  telegram: TelegramDataCentre;
  bot: Account;
  owner: Account;
  agent: AgentFolder;
  /** Starts a Broca and waits until it has read what it missed. */
  start(): Promise<BrocaProcess>;
  /** Ends the data centre and starts another one on what it kept (`dataCentre.folder`). */
  restartTelegram(): Promise<TelegramDataCentre>;
};

export type RigRequest = {
  /** Of `plugins.telegram`. */
  telegram?: Record<string, unknown>;
  settings?: Record<string, unknown>;
  environment?: Record<string, string>;
  dataCentre?: TelegramSettings;
  letta?: string;
  /** Whose account it is: a bot's by default. */
  isUser?: boolean;
  /** It makes keys with data centres of which it has none: a login, files that lie elsewhere. */
  exchangesKeys?: boolean;
};

export async function openTelegramRig(t: TestContext, request: RigRequest = {}): Promise<TelegramRig> {
  const telegram = await startTelegramDataCentre(request.dataCentre);
  let current = telegram;
  t.after(async () => await current.close());
  const owner = telegram.createUser({ username: 'ada', firstName: 'Ada' });
  const bot =
    request.isUser === true
      ? telegram.createUser({ firstName: 'Agent' })
      : telegram.createBot({ username: 'agent_bot', firstName: 'Agent' });
  if (request.isUser !== true) telegram.meet(owner, bot);
  const { ip, port } = telegram.proxy;
  const agent = new AgentFolder({
    endpoint: request.letta ?? 'http://127.0.0.1:1',
    apiKey: 'key',
    environment: { TELEGRAM_OWNER_ID: String(owner.id), TELEGRAM_PROXY: `socks5://${ip}:${port}`, ...request.environment },
    settings: {
      message_mode: 'echo',
      ...request.settings,
      plugins: { telegram: { enabled: true, buffer_delay: 0, ...request.telegram } },
    },
  });
  t.after(() => agent[Symbol.dispose]());
  writeLogin(agent.folder, telegram, bot);
  let starts = 0;
  const start = async (): Promise<BrocaProcess> => {
    starts += 1;
    const broca = await BrocaProcess.start(agent.folder, request.exchangesKeys === true ? trusting(telegram) : {});
    await logged(agent, 'telegram-caught-up', starts);
    return broca;
  };
  const restartTelegram = async (): Promise<TelegramDataCentre> => {
    const { port: samePort } = telegram.proxy;
    await current.close();
    current = await startTelegramDataCentre({ ...request.dataCentre, port: samePort });
    return current;
  };
  return { telegram, bot, owner, agent, start, restartTelegram };
}

/** Waits until the log tells of this event so many times. */
export async function logged(agent: AgentFolder, event: string, times: number): Promise<void> {
  const [folder, file] = [agent.path('logs'), agent.path('logs', 'broca.log')];
  const watcher = watch(folder);
  const count = (): number => (existsSync(file) ? readFileSync(file, 'utf8').split(`"event":"${event}"`).length - 1 : 0);
  try {
    while (count() < times) await once(watcher, 'change', { signal: AbortSignal.timeout(PATIENCE_MS) });
  } finally {
    watcher.close();
  }
}

/** The environment of a program that accepts the loopback data centre's key. */
export function trusting({ serverKey }: TelegramDataCentre): Record<string, string> {
  return {
    ANIMUS_TEST_TELEGRAM_KEY: JSON.stringify(serverKey),
    NODE_OPTIONS: `--import=${join(import.meta.dirname, '../../packages/testkit/src/telegram-data-centre/trust.ts')}`,
  };
}

/** As `broca telegram login` leaves it. */
export function writeLogin(folder: string, telegram: Pick<TelegramDataCentre, 'mintSession' | 'app'>, account: Account): void {
  mkdirSync(join(folder, 'run'), { recursive: true, mode: 0o700 });
  const login = {
    session: telegram.mintSession(account),
    apiId: telegram.app.id,
    apiHash: telegram.app.hash,
    account: { id: String(account.id), username: account.username ?? null, name: account.firstName ?? '', isBot: account.isBot },
    token: null,
    at: Date.now(),
  };
  writeFileSync(join(folder, 'run', 'telegram.session'), JSON.stringify(login), { mode: 0o600 });
}
