/**
 * Brocas with the Telegram channel on, connected to the data centre on loopback and idle: proportional memory of one
 * among twenty, and how long one takes from the start of its process until Telegram can reach it.
 */
import fs from 'node:fs';
import path from 'node:path';
import { startTelegramDataCentre, type TelegramAccount, type TelegramDataCentre } from 'animus-testkit';
import { type AgentFolder, makeAgentFolder, startBroca } from './broca.ts';
import { bareMb, SIBLINGS } from './broca-idle.ts';
import { type Figure, median, ratioAtMost } from './figure.ts';
import { pssMb, startBare } from './program.ts';

const ROUNDS = 15;
/** Nothing listens there: this is not about Letta. */
const NO_LETTA = 'http://127.0.0.1:9';

export async function telegram(): Promise<Figure[]> {
  return [await connectedFigure(), await memoryFigure()];
}

async function connectedFigure(): Promise<Figure> {
  await using dataCentre = await startTelegramDataCentre();
  using agent = makeAgentFolder(NO_LETTA);
  const bot = logIn(dataCentre, agent);
  await timeToConnected(dataCentre, agent, bot); // Makes the database, which an agent's first start does once.
  const broca: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await timeToBare());
    broca.push(await timeToConnected(dataCentre, agent, bot));
  }
  const [value, floor] = [median(broca), median(bare)];
  return ratioAtMost({ name: 'telegram-connected (start → reachable)', value, unit: 'ms', floor }, 7);
}

async function timeToConnected(dataCentre: TelegramDataCentre, agent: AgentFolder, bot: TelegramAccount): Promise<number> {
  const startedAt = performance.now();
  let took: number;
  {
    await using _broca = startBroca(agent);
    await dataCentre.online(bot);
    took = performance.now() - startedAt;
  }
  await dataCentre.offline(bot);
  return took;
}

async function timeToBare(): Promise<number> {
  const startedAt = performance.now();
  await using _bare = await startBare();
  return performance.now() - startedAt;
}

async function memoryFigure(): Promise<Figure> {
  const floor = await bareMb();
  await using dataCentre = await startTelegramDataCentre();
  await using stack = new AsyncDisposableStack();
  const pids: number[] = [];
  for (let number = 1; number <= SIBLINGS; number += 1) {
    const agent = stack.use(makeAgentFolder(NO_LETTA, number));
    const bot = logIn(dataCentre, agent);
    pids.push(stack.use(startBroca(agent)).pid);
    // The last it asks when it starts; then there is nothing to do any more.
    await dataCentre.answered({ account: bot, method: 'updates.getState' });
  }
  const value = median(pids.map(pssMb));
  return ratioAtMost({ name: `telegram-memory (PSS, connected and idle, ${SIBLINGS} siblings)`, value, unit: 'MB', floor }, 4.5);
}

/** As `broca telegram login` leaves the folder. */
function logIn(dataCentre: TelegramDataCentre, { folder }: AgentFolder): TelegramAccount {
  const bot = dataCentre.createBot();
  const owner = dataCentre.createUser();
  dataCentre.meet(owner, bot);
  const { ip, port } = dataCentre.proxy;
  fs.appendFileSync(path.join(folder, '.env'), `TELEGRAM_OWNER_ID=${owner.id}\nTELEGRAM_PROXY=socks5://${ip}:${port}\n`);
  const settings = { message_mode: 'live', plugins: { telegram: { enabled: true } } };
  fs.writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(settings), { mode: 0o600 });
  const account = { id: String(bot.id), username: bot.username, name: bot.firstName, isBot: true };
  const app = { apiId: dataCentre.app.id, apiHash: dataCentre.app.hash };
  const login = { session: dataCentre.mintSession(bot), ...app, account, token: null, at: Date.now() };
  fs.writeFileSync(path.join(folder, 'run/telegram.session'), JSON.stringify(login), { mode: 0o600 });
  return bot;
}
