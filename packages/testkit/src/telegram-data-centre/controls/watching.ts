/** What a test can see of the data centre, and wait for. */
import type { ClusterEvent } from '../cluster.ts';
import type { RecordedRequest } from '../faults.ts';
import type { RequestChoice, SentChoice, TelegramDataCentre } from '../telegram.ts';
import type { Account, Group, LedgerEntry } from '../world/model.ts';
import { peerOf, type Stage } from './stage.ts';

type Watching = Pick<
  TelegramDataCentre,
  | 'ledger'
  | 'sentTo'
  | 'history'
  | 'fileOf'
  | 'requests'
  | 'typing'
  | 'connections'
  | 'unacknowledged'
  | 'sent'
  | 'requested'
  | 'answered'
  | 'online'
  | 'offline'
>;

/** Real time after which a wait gives up, so that a test which waits for what never comes says so. */
const WAIT_DEADLINE_MS = 30_000;

export function watching(stage: Stage): Watching {
  const { world, cluster, requests, typing } = stage;
  return {
    ...{ ledger: world.ledger, requests, typing },
    get connections() {
      return [...cluster.connections].map((line) => {
        const account = world.accounts.get(world.permanentKey(line.key?.id ?? 0n)?.accountId ?? -1) ?? null;
        const dcId = line.key?.dcId ?? 0;
        return { account, dcId, transport: line.transport, from: line.from };
      });
    },
    sentTo: (to, by) => world.ledger.filter((entry) => isSent(entry, { to, ...(by === undefined ? {} : { by }) })),
    history: (account, chat) => world.history(account.id, peerOf(chat)),
    fileOf: ({ media }) => {
      const file = media?.kind === 'photo' || media?.kind === 'document' ? world.files.get(media.fileId) : undefined;
      return file === undefined ? null : { bytes: file.bytes, name: file.name, mimeType: file.mimeType, isPhoto: file.isPhoto };
    },
    unacknowledged: ({ id }) => cluster.sessionsOf(id).reduce((sum, session) => sum + session.unacknowledged, 0),
    ...waits(stage),
  };
}

function waits({ world, cluster, requests }: Stage): Pick<Watching, 'sent' | 'requested' | 'answered' | 'online' | 'offline'> {
  const until = <Found>(find: () => Found | undefined, what: string): Promise<Found> =>
    waitFor(cluster, find, what, () => summary(requests, world.ledger));
  return {
    sent: (which = {}) =>
      until(
        () =>
          nth(
            world.ledger.filter((entry) => isSent(entry, which)),
            which.number,
          ),
        `message ${describe(which)}`,
      ),
    requested: (which = {}) =>
      until(
        () =>
          nth(
            requests.filter((request) => isRequest(request, which)),
            which.number,
          ),
        `request ${describe(which)}`,
      ),
    answered: (which = {}) =>
      until(
        () =>
          nth(
            requests.filter((request) => isRequest(request, which) && request.outcome !== null),
            which.number,
          ),
        `answer to request ${describe(which)}`,
      ),
    online: async ({ id, firstName }) => {
      await until(() => (cluster.wakeSessionsOf(id).length > 0 ? true : undefined), `${firstName} online`);
    },
    offline: async ({ id, firstName }) => {
      await until(() => (cluster.connectionsOf(id).length === 0 ? true : undefined), `${firstName} offline`);
    },
  };
}

type Cluster = { listen(listener: (event: ClusterEvent) => void): () => void };

function waitFor<Found>(cluster: Cluster, find: () => Found | undefined, what: string, summarize: () => string): Promise<Found> {
  const already = find();
  if (already !== undefined) return Promise.resolve(already);
  return new Promise((resolve, reject) => {
    const stop = cluster.listen(() => {
      const found = find();
      if (found === undefined) return;
      stop();
      clearTimeout(deadline);
      resolve(found);
    });
    const deadline = setTimeout(() => {
      stop();
      reject(new Error(`the Telegram data centre saw no ${what} within ${WAIT_DEADLINE_MS} ms (${summarize()})`));
    }, WAIT_DEADLINE_MS).unref();
  });
}

function summary(requests: readonly RecordedRequest[], ledger: readonly LedgerEntry[]): string {
  const last = requests.slice(-10).map(({ method, outcome }) => `${method}: ${outcome ?? 'running'}`);
  return `${ledger.length} attempts to send; last requests: ${last.join(', ') || 'none'}`;
}

function describe(which: SentChoice | RequestChoice): string {
  return JSON.stringify(which, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

function nth<Item>(items: readonly Item[], number = 1): Item | undefined {
  return items[number - 1];
}

function isSent(entry: LedgerEntry, { by, to, outcome, text }: SentChoice): boolean {
  return (
    (by === undefined || entry.by === by.id) &&
    (to === undefined || isChat(entry, to)) &&
    entry.outcome === (outcome ?? 'stored') &&
    (text === undefined || (typeof text === 'string' ? entry.text === text : text.test(entry.text)))
  );
}

function isChat({ chat }: LedgerEntry, wanted: Account | Group): boolean {
  const peer = peerOf(wanted);
  return chat.kind === peer.kind && chat.id === peer.id;
}

function isRequest(request: RecordedRequest, { method, account }: RequestChoice): boolean {
  return (method === undefined || request.method === method) && (account === undefined || request.account?.id === account.id);
}
