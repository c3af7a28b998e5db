/** Logs in: a bot by its token, a person by telephone number, code and password. */
import { type Account, type Credentials, type MailboxState, TelegramError } from '../telegram.ts';
import { Client } from './client.ts';
import { accountOf, whoAmI } from './connection.ts';
import { Api, password } from './library.ts';
import { readState } from './read-updates.ts';

/** A new session, and whose it is. */
export type LoggedIn = { session: string; account: Account; mailbox: MailboxState };

export type CodeSent = {
  hash: string;
  /** How it comes: in the person's Telegram app, by SMS, by a call. */
  way: string;
};

export type SignIn = { kind: 'done'; login: LoggedIn } | { kind: 'password'; hint: string | null } | { kind: 'not-registered' };

/** One login from its beginning to its end. Every call rejects with TelegramError or ConnectionLost. */
export class Login {
  readonly #client: Client;
  readonly #credentials: Credentials;

  private constructor(client: Client, credentials: Credentials) {
    this.#client = client;
    this.#credentials = credentials;
  }

  static async begin(credentials: Credentials): Promise<Login> {
    const client = new Client(credentials, { mayMove: true });
    try {
      await client.connect();
      return new Login(client, credentials);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  async bot(token: string): Promise<LoggedIn> {
    const { apiId, apiHash } = this.#credentials;
    return await this.#done(
      await this.#client.call(new Api.auth.ImportBotAuthorization({ flags: 0, apiId, apiHash, botAuthToken: token })),
    );
  }

  async sendCode(phone: string): Promise<CodeSent> {
    const { apiId, apiHash } = this.#credentials;
    const ask = () => this.#client.call(new Api.auth.SendCode({ phoneNumber: phone, apiId, apiHash, settings: new Api.CodeSettings({}) }));
    const sent = await ask().catch(async (error: unknown) => {
      if (error instanceof TelegramError && error.word === 'AUTH_RESTART') return await ask();
      throw error;
    });
    if (!(sent instanceof Api.auth.SentCode)) throw new TelegramError(400, 'CODE_NOT_SENT', null);
    return { hash: sent.phoneCodeHash, way: wayOf(sent.type) };
  }

  async code(phone: string, { hash }: CodeSent, code: string): Promise<SignIn> {
    try {
      const signed = await this.#client.call(new Api.auth.SignIn({ phoneNumber: phone, phoneCodeHash: hash, phoneCode: code }));
      if (signed instanceof Api.auth.AuthorizationSignUpRequired) return { kind: 'not-registered' };
      return { kind: 'done', login: await this.#done(signed) };
    } catch (error) {
      if (!(error instanceof TelegramError) || error.word !== 'SESSION_PASSWORD_NEEDED') throw error;
      const { hint } = await this.#client.call(new Api.account.GetPassword());
      return { kind: 'password', hint: hint ?? null };
    }
  }

  async password(text: string): Promise<LoggedIn> {
    const asked = await this.#client.call(new Api.account.GetPassword());
    const answer = await password.computeCheck(asked, text);
    return await this.#done(await this.#client.call(new Api.auth.CheckPassword({ password: answer })));
  }

  /** Who a session belongs to that was made elsewhere. */
  async session(): Promise<LoggedIn> {
    return await this.#loggedIn(await whoAmI(this.#client));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #done(authorization: Api.auth.TypeAuthorization): Promise<LoggedIn> {
    const account = authorization instanceof Api.auth.Authorization ? accountOf(authorization.user) : null;
    return await this.#loggedIn(account ?? (await whoAmI(this.#client)));
  }

  async #loggedIn(account: Account): Promise<LoggedIn> {
    const mailbox = readState(await this.#client.call(new Api.updates.GetState()));
    return { session: this.#client.session(), account, mailbox };
  }
}

function wayOf(type: Api.auth.TypeSentCodeType): string {
  if (type instanceof Api.auth.SentCodeTypeApp) return 'in your Telegram app';
  if (type instanceof Api.auth.SentCodeTypeSms) return 'by SMS';
  if (type instanceof Api.auth.SentCodeTypeCall || type instanceof Api.auth.SentCodeTypeFlashCall) return 'by a telephone call';
  if (type instanceof Api.auth.SentCodeTypeEmailCode) return 'by e-mail';
  return 'from Telegram';
}
