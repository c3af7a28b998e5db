/** One request of the API, from its bytes to its answer: wrappers off, faults, whether the caller may, the method itself. */
import type { FaultDeed, RecordedRequest } from '../faults.ts';
import type { Line } from '../mtproto/host.ts';
import { gunzip, rpcError, rpcResult, SERVICE } from '../mtproto/service.ts';
import type { Session } from '../mtproto/session.ts';
import { TlReader } from '../wire/tl-bytes.ts';
import type { Account, AuthKey } from '../world/model.ts';
import { badRequest, RpcError } from '../world/rpc-error.ts';
import type { Caller, Handler } from './caller.ts';
import { findHandler } from './methods.ts';
import { type ApiRequest, readRequest } from './tl.ts';

/** What all requests share; `Caller` is this, and who asks. */
export type Office = Pick<Caller, 'world' | 'logins' | 'limits' | 'uploads' | 'settings'> & {
  takeFault(request: RecordedRequest): { deed: FaultDeed; released: Promise<void> } | null;
  /** A request begins; the result is told when it ended. */
  noted(request: RecordedRequest): void;
  ended(request: RecordedRequest): void;
  causedBy<Result>(session: Session, act: () => Result): Result;
  typed: Caller['typed'] extends (...args: infer Args) => void ? (by: number, ...args: Args) => void : never;
  /** We have a bug, or a client asks what no part of the data centre serves. */
  failed(error: unknown): void;
};

type Unwrapped = { query: ApiRequest; layer: number | null; isInit: boolean; isQuiet: boolean; after: bigint[] };

export async function dispatch(office: Office, line: Line, dcId: number, session: Session, messageId: bigint, body: Buffer): Promise<void> {
  const done = Promise.withResolvers<boolean>();
  session.begin(messageId, done.promise);
  const { result, deed } = await serve(office, line, dcId, session, messageId, body);
  done.resolve(!(result instanceof RpcError));
  if (deed?.kind === 'ignore' || deed?.kind === 'lose-answer') return;
  if (deed?.kind === 'drop-before') {
    line.reset();
    return;
  }
  const answer = rpcResult(messageId, result instanceof RpcError ? rpcError(result.code, result.message) : result);
  session.answered(messageId, answer);
  session.send(answer, 'content', true);
  if (deed?.kind === 'drop-after') line.reset();
}

type Served = { result: Buffer | RpcError; deed: FaultDeed | null };

async function serve(office: Office, line: Line, dcId: number, session: Session, messageId: bigint, body: Buffer): Promise<Served> {
  const unwrapped = await unwrap(body).catch(() => null);
  if (unwrapped === null) return { result: badRequest('INPUT_REQUEST_INVALID'), deed: null };
  const request = record(office, line, dcId, session, unwrapped.query);
  office.noted(request);
  const fault = office.takeFault(request);
  const deed = fault?.deed ?? null;
  if (deed?.kind === 'hold') await fault?.released;
  const result =
    deed?.kind === 'ignore' || deed?.kind === 'drop-before'
      ? Buffer.alloc(0)
      : await carryOut(office, { dcId, session, messageId }, unwrapped, deed).catch((error: unknown) => refusal(office, error));
  request.outcome =
    deed !== null && deed.kind !== 'refuse' && deed.kind !== 'hold' ? 'lost' : result instanceof RpcError ? result.message : 'ok';
  office.ended(request);
  return { result, deed };
}

/** What is no refusal is our bug: the client hears of it as of any trouble inside the service. */
function refusal(office: Office, error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  office.failed(error);
  return new RpcError(500, 'INTERNAL');
}

function record({ world }: Office, line: Line, dcId: number, { keyId }: Session, query: ApiRequest): RecordedRequest {
  const account = world.accounts.get(world.permanentKey(keyId)?.accountId ?? -1) ?? null;
  return { at: Date.now(), method: methodName(query), account, dcId, transport: line.transport, outcome: null };
}

/** The API writes `messages.sendMessage` where the library's class is `messages.SendMessage`. */
function methodName({ className }: ApiRequest): string {
  return className.replace(/(^|\.)([A-Z])/g, (_, dot: string, first: string) => dot + first.toLowerCase());
}

async function unwrap(body: Buffer): Promise<Unwrapped> {
  const found: Omit<Unwrapped, 'query'> = { layer: null, isInit: false, isQuiet: false, after: [] };
  let query: unknown = await readRequest(unpacked(body));
  for (;;) {
    const request = (await query) as ApiRequest & { query?: unknown; layer?: number; msgId?: { toString(): string }; data?: Buffer };
    switch (request.className) {
      case 'InvokeWithLayer':
        found.layer = request.layer ?? null;
        break;
      case 'InitConnection':
        found.isInit = true;
        break;
      case 'InvokeWithoutUpdates':
        found.isQuiet = true;
        break;
      case 'InvokeAfterMsg':
        found.after.push(BigInt(String(request.msgId)));
        break;
      default:
        // What gzip_packed holds was unpacked by the library, but not read.
        if (request.className === undefined && request.data !== undefined) {
          query = await readRequest(request.data);
          continue;
        }
        return { ...found, query: request };
    }
    query = request.query;
  }
}

function unpacked(body: Buffer): Buffer {
  const reader = new TlReader(body);
  return reader.id() === SERVICE.gzipPacked ? gunzip(reader.bytes()) : body;
}

type Where = Pick<Caller, 'dcId' | 'session' | 'messageId'>;

async function carryOut(office: Office, where: Where, wrapped: Unwrapped, deed: FaultDeed | null): Promise<Buffer> {
  const { session } = where;
  const handler = findHandler(wrapped.query.className);
  const key = requireKey(office, session.keyId, wrapped, handler?.access === 'any-key');
  if (deed?.kind === 'refuse') throw new RpcError(deed.code, deed.error);
  await requirePredecessors(session, wrapped.after);
  const caller = callerOf(office, where, key);
  if (handler === undefined) {
    office.failed(new Error(`the data centre does not serve ${wrapped.query.className}`));
    throw badRequest('METHOD_INVALID');
  }
  requireAccess(handler, caller);
  if (handler.wakesUpdates && !wrapped.isQuiet) session.wantsUpdates = true;
  return office.causedBy(session, () => handler.serve(wrapped.query, caller)).getBytes();
}

const BROKEN_CODES = { SESSION_REVOKED: 401, AUTH_KEY_UNREGISTERED: 401, USER_DEACTIVATED: 401, AUTH_KEY_DUPLICATED: 406 } as const;

/** The key that counts: a temporary key stands for the one it is bound to, but its client says for itself who it is. */
function requireKey({ world }: Office, keyId: bigint, { layer, isInit }: Unwrapped, isForAnyKey: boolean): AuthKey {
  const key = world.keys.get(keyId);
  if (key === undefined) throw new RpcError(401, 'AUTH_KEY_UNREGISTERED');
  const brokenBy = world.permanentKey(keyId)?.brokenBy ?? null;
  if (brokenBy !== null) throw new RpcError(BROKEN_CODES[brokenBy], brokenBy);
  if (layer !== null && isInit && key.layer !== layer) world.commit({ kind: 'key', key: { ...key, layer } });
  if (isForAnyKey) return key;
  const permanent = world.permanentKey(keyId);
  if (permanent === undefined) throw new RpcError(401, 'AUTH_KEY_PERM_EMPTY');
  if (layer === null && key.layer === null) throw badRequest('CONNECTION_NOT_INITED');
  return permanent;
}

/** invokeAfterMsg: a request that failed, or that nobody knows, takes its successors with it. */
async function requirePredecessors(session: Session, after: readonly bigint[]): Promise<void> {
  for (const id of after) {
    const outcome = session.outcome(id);
    if (outcome === undefined) throw new RpcError(500, 'MSG_WAIT_TIMEOUT');
    if (!(await outcome)) throw badRequest('MSG_WAIT_FAILED');
  }
}

function callerOf(office: Office, where: Where, key: AuthKey): Caller {
  const { world, logins, limits, uploads, settings } = office;
  const account = (): Account => {
    const found = world.accounts.get(key.accountId ?? -1);
    if (found === undefined) throw new RpcError(401, 'AUTH_KEY_UNREGISTERED');
    return found;
  };
  const typed: Caller['typed'] = (chat, action) => office.typed(account().id, chat, action);
  return { world, logins, limits, uploads, settings, ...where, key, account, typed };
}

function requireAccess({ access }: Handler, caller: Caller): void {
  if (access === 'anyone' || access === 'any-key') return;
  const account = caller.account();
  if (access === 'anywhere') return;
  if (account.dcId !== caller.dcId) throw new RpcError(303, `USER_MIGRATE_${account.dcId}`);
  if (access === 'user' && account.isBot) throw badRequest('BOT_METHOD_INVALID');
}
