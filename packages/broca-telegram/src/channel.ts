/**
 * The Telegram channel: logged in or not, connected or not, and what follows from it. Everything about Telegram itself is
 * in `client/`, which is loaded with the first connection.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fingerprint } from 'animus-protocol';
import type { Channel, ChannelContext, ComposedPart, DeliveryOutcome, Part } from 'broca-core';
import { hasOwner } from './access/access-policy.ts';
import { pairedOwner } from './access/pairing.ts';
import { beginMailbox, forgetMailboxes } from './intake/mailboxes.ts';
import { Live } from './live.ts';
import { compose } from './markdown/compose.ts';
import { type EndOfConnection, GOOD_AFTER_MS, judgeEnd } from './reconnect-policy.ts';
import { type Login, readLogin, writeLogin } from './session.ts';
import { readConfig, readCredentials, type TelegramConfig, type TelegramSettings } from './settings.ts';
import { type Account, type Batch, type Connection, SessionForgotten, TelegramError } from './telegram.ts';

const ACCOUNT = 'account';
/** A bot whose session is lost logs in by itself, but not time and again. */
const RELOGIN_MS = 10 * 60_000;

const NO_LOGIN = 'nobody is logged in to Telegram: broca telegram login';

export type TelegramState =
  | { kind: 'connected'; account: Account }
  | { kind: 'connecting' | 'waiting' | 'broken' | 'stopped'; account: Account | null; reason: string };

export class TelegramChannel implements Channel {
  readonly #context: ChannelContext;
  readonly #stopped = new AbortController();
  #config: TelegramConfig | null = null;
  #live: Live | null = null;
  #state: TelegramState = { kind: 'connecting', account: null, reason: 'it has not begun' };
  #running: Promise<void> | null = null;
  #changed = Promise.withResolvers<void>();
  /** Why only a new login helps; null when the login is good as far as is known. */
  #broken: { reason: string; byToken: boolean } | null = null;
  #reloginAt = Number.NEGATIVE_INFINITY;

  constructor(context: ChannelContext) {
    this.#context = context;
  }

  get status(): TelegramState {
    return this.#state;
  }

  get live(): Live | null {
    return this.#live;
  }

  async start(): Promise<void> {
    const { settings, environment, log, state } = this.#context;
    const config = readConfig(settings as TelegramSettings, environment);
    if (!config.ok) throw new Error(config.error);
    this.#config = config.value;
    if (environment('TELEGRAM_MESSAGE_MODE') !== undefined) {
      log.warn('telegram-key-unused', { key: 'TELEGRAM_MESSAGE_MODE', reason: 'the mode is the same for all channels: MESSAGE_MODE' });
    }
    const { access } = config.value;
    if (access.mode !== 'open' && access.allow.length === 0 && !hasOwner(access, { pairedOwner: pairedOwner(state)?.id ?? null })) {
      log.warn('telegram-nobody-may-talk', { reason: 'it has no owner yet: broca telegram pair owner' });
    }
    this.#say({ kind: 'connecting', account: null, reason: 'connecting to Telegram' });
    this.#running = this.#run(config.value);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#changed.resolve();
    await this.#live?.end();
    await this.#running;
  }

  /** The login was made, changed or removed: look at it again. */
  reload(): void {
    this.#broken = null;
    this.#reloginAt = Number.NEGATIVE_INFINITY;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  compose(text: string): readonly ComposedPart[] {
    if (this.#config === null) throw new Error('the channel has not started');
    return compose(text, this.#config);
  }

  working({ chat }: { chat: string }, over: AbortSignal): void {
    this.#live?.type(chat, over);
  }

  async deliver(part: Part): Promise<DeliveryOutcome> {
    const live = this.#live;
    if (live === null) return { kind: 'down', reason: this.#state.kind === 'connected' ? 'connecting' : this.#state.reason };
    return await live.deliver(part);
  }

  async #run(config: TelegramConfig): Promise<void> {
    let failures = 0;
    while (!this.#stopped.signal.aborted) {
      const changed = this.#changed.promise;
      const login = await this.#login(config);
      if (typeof login === 'string') {
        this.#say({ kind: 'broken', account: null, reason: login });
        await changed;
        continue;
      }
      if (login instanceof Error) {
        failures += 1;
        await this.#wait(this.#after(login, failures), changed);
        continue;
      }
      const startedAt = performance.now();
      const why = await this.#connectOnce(login, config, changed);
      failures = performance.now() - startedAt > GOOD_AFTER_MS ? 1 : failures + 1;
      if (why !== null) await this.#wait(this.#after(why, failures), changed);
    }
    this.#say({ kind: 'stopped', account: null, reason: 'the channel is stopped' });
  }

  /** How long to wait before the next try; null when only a new login helps. */
  #after(why: Error, failures: number): number | null {
    const verdict = judgeEnd(endOf(why), failures, Math.random());
    if (verdict.kind === 'login') {
      this.#broken = verdict;
      return this.#relogin() ? 0 : null;
    }
    this.#say({ kind: 'waiting', account: this.#state.account, reason: verdict.reason });
    return verdict.afterMs;
  }

  async #wait(ms: number | null, changed: Promise<void>): Promise<void> {
    if (ms === null) {
      this.#say({ kind: 'broken', account: this.#state.account, reason: this.#broken?.reason ?? NO_LOGIN });
      const late =
        this.#broken?.byToken === true
          ? sleep(RELOGIN_MS, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => undefined)
          : null;
      await (late === null ? changed : Promise.race([changed, late]));
    } else if (ms > 0) {
      await Promise.race([changed, sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined)]);
    }
  }

  /** Whether a bot may try its token now. */
  #relogin(): boolean {
    const written = readCredentials(this.#context.environment);
    return (
      this.#broken?.byToken === true && written.ok && written.value.botToken !== null && performance.now() - this.#reloginAt > RELOGIN_MS
    );
  }

  /** The login to connect with; a text says why there is none, an error why it could not be made now. */
  async #login(config: TelegramConfig): Promise<Login | string | Error> {
    const { folder, environment, log } = this.#context;
    const [stored, written] = [readLogin(folder), readCredentials(environment)];
    if (!written.ok) return written.error;
    const { apiId, apiHash, botToken, session } = written.value;
    const found = stored.ok ? stored.value : null;
    const isOfToken = botToken === null || found?.token === fingerprint(botToken);
    if (found !== null && isOfToken && this.#broken === null) return found;
    if (this.#broken !== null && !this.#relogin()) return this.#broken.reason;
    if (botToken === null && session === null) return stored.ok ? NO_LOGIN : stored.error;
    if (apiId === null || apiHash === null) {
      return 'TELEGRAM_API_ID and TELEGRAM_API_HASH are missing in .env (bots need them too): get them at https://my.telegram.org, "API development tools", or use broca telegram login';
    }
    this.#reloginAt = performance.now();
    try {
      const { Login: TelegramLogin } = await import('./client/login.ts');
      const credentials = { apiId, apiHash, proxy: config.proxy, session: botToken === null ? (session ?? '') : '' };
      await using closing = await opened(TelegramLogin.begin(credentials));
      const made = botToken === null ? await closing.login.session() : await closing.login.bot(botToken);
      const login: Login = {
        session: made.session,
        apiId,
        apiHash,
        account: made.account,
        token: botToken === null ? null : fingerprint(botToken),
        at: Date.now(),
        mailbox: made.mailbox,
      };
      writeLogin(folder, login);
      this.#broken = null;
      log.info('telegram-logged-in', { account: made.account.id, username: made.account.username });
      return login;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** One connection, from its beginning to its end; gives why it ended, null when the login has changed. */
  async #connectOnce(login: Login, config: TelegramConfig, changed: Promise<void>): Promise<Error | null> {
    this.#say({
      kind: 'connecting',
      account: login.account,
      reason: this.#state.kind === 'waiting' ? this.#state.reason : 'connecting to Telegram',
    });
    let push: (batch: Batch) => void = () => undefined;
    let connection: Connection;
    try {
      const { openConnection } = await import('./client/connection.ts');
      const { apiId, apiHash, session } = login;
      connection = await openConnection({ apiId, apiHash, session, proxy: config.proxy }, (batch) => push(batch));
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
    let isChanged = false;
    let fault: string | null = null;
    this.#rememberAccount(connection.me, login);
    const live = new Live({
      context: this.#context,
      config,
      connection,
      onSessionFault: (reason) => {
        fault ??= reason;
        void connection.close();
      },
    });
    push = (batch) => live.push(batch);
    void Promise.race([changed, aborted(this.#stopped.signal)]).then(() => {
      isChanged = true;
      return live.end();
    });
    if (this.#stopped.signal.aborted) await live.end();
    this.#live = live;
    this.#say({ kind: 'connected', account: connection.me });
    const why = await live.run(() => this.#context.log.info('telegram-caught-up', { account: connection.me.id }));
    this.#live = null;
    if (fault !== null) this.#broken = { reason: fault, byToken: false };
    if (fault !== null) return new SessionForgotten(fault);
    return isChanged ? null : why;
  }

  /** What was read of another account's mailboxes says nothing about this one's. */
  #rememberAccount({ id }: Account, { mailbox }: Login): void {
    const { state } = this.#context;
    const former = state.get(ACCOUNT);
    if (former === id) return;
    state.put({
      ...(former === null ? {} : forgetMailboxes(state)),
      ...(mailbox === undefined ? {} : beginMailbox(mailbox)),
      [ACCOUNT]: id,
    });
  }

  #say(state: TelegramState): void {
    const former = this.#state;
    this.#state = state;
    const reason = state.kind === 'connected' ? undefined : state.reason;
    if (former.kind !== state.kind || (former.kind !== 'connected' && former.reason !== reason)) {
      this.#context.log.info('telegram-connection', {
        state: state.kind,
        account: state.account?.id,
        ...(reason === undefined ? {} : { reason }),
      });
    }
    if (state.kind === 'connected') this.#context.setState('up');
    else this.#context.setState('down', state.reason);
  }
}

function endOf(error: Error): EndOfConnection {
  if (error instanceof SessionForgotten) return { kind: 'forgotten' };
  if (error instanceof TelegramError) return { kind: 'refused', code: error.code, word: error.word, waitMs: error.waitMs };
  return { kind: 'lost', message: error.message };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

async function opened<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<{ login: T } & AsyncDisposable> {
  const login = await opening;
  return { login, [Symbol.asyncDispose]: () => login.close() };
}
