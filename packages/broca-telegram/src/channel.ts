/**
 * The Telegram channel: logged in or not, connected or not, and what follows from it. Everything about Telegram itself is
 * in `client/`, which is loaded with the first connection.
 */
import { fingerprint } from 'animus-protocol';
import type { Channel, ChannelContext, ComposedPart, DeliveryOutcome, Part } from 'broca-core';
import { hasOwner } from './access/access-policy.ts';
import { pairedOwner } from './access/pairing.ts';
import { beginMailbox, forgetMailboxes } from './intake/places.ts';
import { Live } from './live.ts';
import { compose } from './markdown/compose.ts';
import { type EndOfConnection, GOOD_AFTER_MS, judgeEnd } from './reconnect-policy.ts';
import { type Login, readLogin, writeLogin } from './session.ts';
import { readConfig, readCredentials, type TelegramConfig, type TelegramSettings } from './settings.ts';
import { type Account, type Batch, type Connection, SessionForgotten, TelegramError } from './telegram.ts';
import { Waker } from './waker.ts';

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
  /** The login has changed, or the channel is to stop. */
  readonly #waker = new Waker();
  /** Counts the changes of the login, so that one that comes while something is under way is not missed. */
  #version = 0;
  /** Why only a new login helps; null when the login is good as far as is known. */
  #broken: { reason: string; byToken: boolean } | null = null;
  /** What health is to show although it is connected. */
  #remark: string | null = null;
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
    const { access } = config.value;
    if (access.mode !== 'open' && access.allow.length === 0 && !hasOwner(access, { pairedOwner: pairedOwner(state)?.id ?? null })) {
      log.warn('telegram-nobody-may-talk', { reason: 'it has no owner yet: broca telegram pair owner' });
    }
    this.#say({ kind: 'connecting', account: null, reason: 'connecting to Telegram' });
    this.#running = this.#run(config.value);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#waker.wake();
    await this.#live?.end();
    await this.#running;
  }

  /** The login was made, changed or removed: look at it again. */
  reload(): void {
    this.#broken = null;
    this.#reloginAt = Number.NEGATIVE_INFINITY;
    this.#version += 1;
    this.#waker.wake();
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
      const version = this.#version;
      const login = await this.#login(config);
      if (version !== this.#version) continue;
      if (typeof login === 'string') {
        this.#say({ kind: 'broken', account: null, reason: login });
        await this.#waker.sleep(this.#broken?.byToken === true ? RELOGIN_MS : null);
        continue;
      }
      if (login instanceof Error) {
        failures += 1;
        await this.#wait(this.#after(login, failures));
        continue;
      }
      const startedAt = performance.now();
      const why = await this.#connectOnce(login, config, version);
      failures = performance.now() - startedAt > GOOD_AFTER_MS ? 1 : failures + 1;
      if (why !== null) await this.#wait(this.#after(why, failures));
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

  async #wait(ms: number | null): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    if (ms === null) {
      this.#say({ kind: 'broken', account: this.#state.account, reason: this.#broken?.reason ?? NO_LOGIN });
      await this.#waker.sleep(this.#broken?.byToken === true ? RELOGIN_MS : null);
    } else if (ms > 0) await this.#waker.sleep(ms);
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
    // Somebody who logged in as a person, by hand, meant it.
    const isOfToken = botToken === null || found?.token === fingerprint(botToken) || found?.account.isBot === false;
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
  async #connectOnce(login: Login, config: TelegramConfig, version: number): Promise<Error | null> {
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
    let fault: Error | null = null;
    this.#rememberAccount(connection.me, login);
    const live = new Live({
      context: this.#context,
      config,
      connection,
      onSessionFault: (error) => {
        fault ??= error;
        void connection.close();
      },
      onMissed: (reason) => {
        this.#remark = reason;
        this.#context.setState('up', reason);
      },
    });
    push = (batch) => live.push(batch);
    const forget = this.#waker.next(() => {
      isChanged = true;
      void live.end();
    });
    if (this.#stopped.signal.aborted || version !== this.#version) await live.end();
    this.#live = live;
    this.#say({ kind: 'connected', account: connection.me });
    const why = await live.run(() => this.#context.log.info('telegram-caught-up', { account: connection.me.id }));
    this.#live = null;
    forget();
    return isChanged || version !== this.#version ? null : (fault ?? why);
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
    if (state.kind === 'connected') this.#context.setState('up', ...(this.#remark === null ? [] : [this.#remark]));
    else this.#context.setState('down', state.reason);
  }
}

function endOf(error: Error): EndOfConnection {
  if (error instanceof SessionForgotten) return { kind: 'forgotten' };
  if (error instanceof TelegramError) return { kind: 'refused', code: error.code, word: error.word, waitMs: error.waitMs };
  return { kind: 'lost', message: error.message };
}

async function opened<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<{ login: T } & AsyncDisposable> {
  const login = await opening;
  return { login, [Symbol.asyncDispose]: () => login.close() };
}
