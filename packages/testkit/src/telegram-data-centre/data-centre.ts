/** Wires the parts of the data centre; what each does for tests is written at ./index.ts. */
import fs from 'node:fs';
import path from 'node:path';
import type { ApiSettings } from './api/caller.ts';
import type { Office } from './api/dispatch.ts';
import { Logins } from './api/logins.ts';
import { trustServerKey } from './api/tl.ts';
import { Cluster } from './cluster.ts';
import { people } from './controls/people.ts';
import { chatOf, peerOf, type Stage } from './controls/stage.ts';
import { watching } from './controls/watching.ts';
import { writing } from './controls/writing.ts';
import { createServerKey, type ServerKey, serverKeyFrom } from './crypto/server-key.ts';
import { dcAt, dcHost } from './dc-address.ts';
import { openFaultBook } from './faults.ts';
import { Pushes } from './pushes.ts';
import { type SocksProxy, startSocksProxy } from './socks-proxy.ts';
import type { TelegramDataCentre, TelegramProxy, TelegramSettings } from './telegram.ts';
import { noJournal, openJournal } from './world/journal.ts';
import { Limits } from './world/limits.ts';
import { Uploads } from './world/uploads.ts';
import { World } from './world/world.ts';

const APP = { id: 1_234_567, hash: '0123456789abcdef0123456789abcdef' };
const DAY_MS = 86_400_000;

/** One pair for all data centres of this process: making one takes 100 ms and more. */
let processKey: ServerKey | undefined;

export async function openDataCentre(settings: TelegramSettings): Promise<TelegramDataCentre> {
  const { folder } = settings;
  const journal = folder === undefined ? noJournal : openJournal(path.join(folder, 'journal.jsonl'));
  const world = new World(journal, settings.now ?? Date.now);
  const serverKey = folder === undefined ? keyOfThisProcess() : keptServerKey(path.join(folder, 'server-key.pem'));
  const cluster = new Cluster(world, serverKey, Date.now);
  const pushes = new Pushes(world, (account) => cluster.wakeSessionsOf(account));
  pushes.style = settings.pushStyle ?? 'full';
  const shared = { limits: new Limits(world), logins: new Logins(), faults: openFaultBook() };
  const stage: Stage = { world, cluster, pushes, ...shared, requests: [], typing: [], homeDcId: settings.homeDcId ?? 4 };
  const settled = apiSettings(settings);
  const entrances = new Entrances(cluster, officeOf(stage, settled), settled, settings);
  await entrances.open();
  const seen = watching(stage);
  const close = (): Promise<void> => closeAll(stage, entrances);
  return {
    ...people(stage),
    ...writing(stage),
    ...troubles(stage),
    ...seen,
    get connections() {
      return seen.connections;
    },
    get proxy() {
      return entrances.proxy;
    },
    ...{ app: APP, trustInThisProcess: () => trustServerKey(serverKey) },
    serverKey: { fingerprint: String(serverKey.fingerprint), modulus: String(serverKey.modulus), exponent: serverKey.exponent },
    openProxy: (from) => entrances.openAnother(from),
    goOffline: () => entrances.close(),
    goOnline: () => entrances.open(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function keyOfThisProcess(): ServerKey {
  processKey ??= createServerKey();
  return processKey;
}

function keptServerKey(file: string): ServerKey {
  if (!fs.existsSync(file)) fs.writeFileSync(file, createServerKey().pem, { mode: 0o600 });
  return serverKeyFrom(fs.readFileSync(file, 'utf8'));
}

function apiSettings(settings: TelegramSettings): ApiSettings {
  return {
    addresses: (settings.dcIds ?? [2, 4]).map((id) => ({ id, host: dcHost(id), port: 443 })),
    apps: new Map([[APP.id, APP.hash]]),
    randomIdMemoryMs: settings.randomIdMemoryMs ?? DAY_MS,
    differenceLimit: settings.differenceLimit ?? 100,
    channelDifferenceLimit: settings.channelDifferenceLimit ?? 100,
    sentAnswer: settings.sentAnswer ?? 'short',
  };
}

function officeOf({ world, cluster, logins, limits, faults, requests, typing, pushes }: Stage, settings: ApiSettings): Office {
  return {
    ...{ world, logins, limits, settings, uploads: new Uploads() },
    takeFault: (request) => faults.take(request),
    noted: (request) => {
      requests.push(request);
      cluster.emit({ kind: 'request', request });
    },
    ended: (request) => cluster.emit({ kind: 'answered', request }),
    causedBy: (session, act) => pushes.causedBy(session, act),
    typed: (by, chat, action) => typing.push({ by, chat: chatOf(world, chat), action, at: world.now() }),
    failed: (error) => cluster.bugs.push(error),
  };
}

type Troubles = Pick<TelegramDataCentre, 'fault' | 'clearFaults' | 'floodWait' | 'forgetRandomIds' | 'disconnect' | 'now' | 'advance'>;

function troubles({ world, cluster, faults, limits }: Stage): Troubles {
  return {
    fault: (fault) => faults.place(fault),
    clearFaults: () => faults.clear(),
    floodWait: (account, seconds, chat) => {
      const where = chat === undefined ? {} : { chat: peerOf(chat) };
      limits.impose({ by: account.id, until: world.now() + seconds * 1000, ...where });
    },
    forgetRandomIds: ({ id }) => world.commit({ kind: 'random-ids-forgotten', by: id }),
    disconnect: (account, how = 'close') => {
      for (const line of cluster.connectionsOf(account.id)) line[how]();
    },
    now: () => world.now(),
    advance: (ms) => world.advance(ms),
  };
}

async function closeAll({ world, cluster, faults }: Stage, entrances: Entrances): Promise<void> {
  faults.clear();
  await entrances.close();
  world.close();
  if (cluster.bugs.length > 0) throw new AggregateError(cluster.bugs.splice(0), 'the Telegram data centre failed while it answered');
}

/** Where the loopback proxies seem to be (RFC 5737), unless a test says otherwise. */
const EXIT = '192.0.2.1';

class Entrances {
  readonly #cluster: Cluster;
  readonly #office: Office;
  readonly #api: ApiSettings;
  readonly #login: { username: string; password: string } | null;
  readonly #open: Set<SocksProxy> = new Set();
  #port: number;

  constructor(cluster: Cluster, office: Office, api: ApiSettings, { port, proxyLogin }: TelegramSettings) {
    this.#cluster = cluster;
    this.#office = office;
    this.#api = api;
    this.#login = proxyLogin ?? null;
    this.#port = port ?? 0;
  }

  get proxy(): TelegramProxy {
    return { ip: '127.0.0.1', port: this.#port, socksType: 5, ...this.#login };
  }

  async open(): Promise<void> {
    this.#port = (await this.#start(EXIT, this.#port)).port;
  }

  async openAnother(from: string): Promise<TelegramProxy> {
    return { ...this.proxy, port: (await this.#start(from, 0)).port };
  }

  async close(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map((proxy) => proxy.close()));
  }

  async #start(from: string, port: number): Promise<SocksProxy> {
    const proxy = await startSocksProxy({
      ...{ port, login: this.#login },
      connected: (socket, { host }) => {
        const dcId = dcAt(host);
        const isServed = this.#api.addresses.some(({ id }) => id === dcId);
        if (dcId === null || !isServed) {
          this.#cluster.bugs.push(new Error(`a client wants ${host}, where no data centre is`));
          socket.destroy();
        } else {
          this.#cluster.accept(socket, dcId, from, this.#office);
        }
      },
    });
    this.#open.add(proxy);
    return proxy;
  }
}
