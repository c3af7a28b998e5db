/** `broca telegram login`: asks for what is missing, makes the session, and says how the owner is paired. */
import { EXIT, type ExitCode, failed, fingerprint, ok, type Result } from 'animus-protocol';
import type { ChannelCommandTools } from 'broca-core';
import type { LoggedIn, Login } from '../client/login.ts';
import { readLogin, writeLogin } from '../session.ts';
import { isBotToken, readConfig, readCredentials, type TelegramSettings } from '../settings.ts';
import { ConnectionLost, TelegramError } from '../telegram.ts';
import { Asker } from './asker.ts';
import { describeFault } from './commands.ts';
import { showAccount, showCode } from './show.ts';

export type LoginOptions = { bot: boolean; user: boolean; again: boolean; stdin: boolean; json: boolean };

/** A code or password may be mistyped, but Telegram soon refuses who guesses. */
const MOST_TRIES = 3;

const WHERE_FROM =
  'Telegram asks every program for an API id and hash, also those of bots. Log in at https://my.telegram.org, choose\n"API development tools", and copy both. One pair is enough for all your agents.\n';

type Made = { login: LoggedIn; token: string | null };

export async function logIn(options: LoginOptions, tools: ChannelCommandTools): Promise<ExitCode> {
  const { terminal, folder } = tools;
  const asker = new Asker(terminal, options.stdin);
  try {
    const done = await attempt(options, tools, asker);
    if (!done.ok) {
      terminal.err(`broca: ${done.error}\n`);
      return EXIT.failed;
    }
    const { login, token } = done.value.made;
    const { session, account, mailbox } = login;
    writeLogin(folder, { session, account, mailbox, ...done.value.api, token: token === null ? null : fingerprint(token), at: Date.now() });
    return await after(login, options, tools);
  } finally {
    await asker.close();
  }
}

type Api = { apiId: number; apiHash: string };

async function attempt(options: LoginOptions, tools: ChannelCommandTools, asker: Asker): Promise<Result<{ made: Made; api: Api }, string>> {
  if (!tools.settings.ok) return tools.settings;
  const config = readConfig(tools.settings.value as TelegramSettings, tools.environment);
  if (!config.ok) return config;
  const written = readCredentials(tools.environment);
  if (!written.ok) return written;
  const former = readLogin(tools.folder);
  const known = former.ok ? former.value : null;
  if (known !== null && !options.again) {
    return failed(`${showAccount(known.account).trimEnd()} is logged in already: broca telegram logout first, or login --again`);
  }
  const api = await askApi(written.value, known, asker, tools);
  if (!api.ok) return api;
  const kind = await askKind(options, written.value, asker);
  if (!kind.ok) return kind;
  const { Login: TelegramLogin } = await import('../client/login.ts');
  try {
    const dialogue = await TelegramLogin.begin({ ...api.value, session: '', proxy: config.value.proxy });
    try {
      const made =
        kind.value === 'bot' ? await asBot(dialogue, written.value.botToken, asker) : await asPerson(dialogue, written.value.phone, asker);
      return made.ok ? ok({ made: made.value, api: api.value }) : made;
    } finally {
      await dialogue.close();
    }
  } catch (error) {
    if (error instanceof TelegramError || error instanceof ConnectionLost) return failed(explain(error));
    throw error;
  }
}

async function askApi(
  written: { apiId: number | null; apiHash: string | null },
  known: Api | null,
  asker: Asker,
  { terminal }: ChannelCommandTools,
): Promise<Result<Api, string>> {
  const apiId = written.apiId ?? known?.apiId ?? null;
  const apiHash = written.apiHash ?? known?.apiHash ?? null;
  if (apiId !== null && apiHash !== null) return ok({ apiId, apiHash });
  terminal.err(WHERE_FROM);
  const id =
    apiId ??
    (await asker.ask('API id: ', (text) => (/^[1-9]\d{0,9}$/.test(text) ? Number(text) : null), 'a number, as my.telegram.org shows it'));
  if (id === null) return failed('nothing was changed: no API id was given');
  const hash =
    apiHash ??
    (await asker.askSecret(
      'API hash (not shown): ',
      (text) => (/^[0-9a-f]{32}$/i.test(text) ? text : null),
      '32 characters, as my.telegram.org shows them',
    ));
  return hash === null ? failed('nothing was changed: no API hash was given') : ok({ apiId: id, apiHash: hash });
}

async function askKind(
  { bot, user }: LoginOptions,
  { botToken, phone }: { botToken: string | null; phone: string | null },
  asker: Asker,
): Promise<Result<'bot' | 'user', string>> {
  if (bot || user) return ok(bot ? 'bot' : 'user');
  if (botToken !== null || phone !== null) return ok(botToken !== null ? 'bot' : 'user');
  const kind = await asker.ask('Log in as a bot or as a user? [bot] ', (text) => kindOf(text), 'bot or user');
  return kind === null ? failed('nothing was changed: say --bot or --user') : ok(kind);
}

function kindOf(text: string): 'bot' | 'user' | null {
  if (text === '' || /^b(ot)?$/i.test(text)) return 'bot';
  return /^u(ser)?$/i.test(text) ? 'user' : null;
}

async function asBot(dialogue: Login, written: string | null, asker: Asker): Promise<Result<Made, string>> {
  const token =
    written ??
    (await asker.askSecret(
      'Bot token, from @BotFather (not shown): ',
      (text) => (isBotToken(text) ? text : null),
      'the token as @BotFather gave it',
    ));
  if (token === null) return failed('nothing was changed: no bot token was given');
  return ok({ login: await dialogue.bot(token), token });
}

async function asPerson(dialogue: Login, written: string | null, asker: Asker): Promise<Result<Made, string>> {
  const phone =
    written ?? (await asker.ask('Telephone number, with country code, as in +49…: ', phoneOf, 'a number with + and country code'));
  if (phone === null) return failed('nothing was changed: no telephone number was given');
  const sent = await dialogue.sendCode(phone);
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    const code = await asker.ask(
      `The code that came ${sent.way}: `,
      (text) => (/^[\d -]{3,12}$/.test(text) ? text.replace(/[ -]/g, '') : null),
      'digits',
    );
    if (code === null) return failed('nothing was changed: no code was given');
    try {
      const signed = await dialogue.code(phone, sent, code);
      if (signed.kind === 'not-registered')
        return failed('nobody is registered at Telegram with this number: sign up in the Telegram app first');
      return signed.kind === 'done' ? ok({ login: signed.login, token: null }) : await withPassword(dialogue, signed.hint, asker);
    } catch (error) {
      if (!isMistyped(error, 'PHONE_CODE_INVALID') || tries === MOST_TRIES) throw error;
      asker.say('That was not the code.\n');
    }
  }
  return failed('nothing was changed');
}

async function withPassword(dialogue: Login, hint: string | null, asker: Asker): Promise<Result<Made, string>> {
  const about = hint === null || hint === '' ? '' : `, hint: ${hint}`;
  for (let tries = 1; ; tries += 1) {
    const text = await asker.askSecret(
      `Password of the account's two-step verification (not shown${about}): `,
      (typed) => (typed === '' ? null : typed),
      'the password',
    );
    if (text === null) return failed('nothing was changed: no password was given');
    try {
      return ok({ login: await dialogue.password(text), token: null });
    } catch (error) {
      if (!isMistyped(error, 'PASSWORD_HASH_INVALID') || tries === MOST_TRIES) throw error;
      asker.say('That was not the password.\n');
    }
  }
}

function phoneOf(text: string): string | null {
  const digits = text.replace(/[\s()/-]/g, '');
  return /^\+?\d{6,15}$/.test(digits) ? digits : null;
}

function isMistyped(error: unknown, word: string): boolean {
  return error instanceof TelegramError && error.word === word;
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ACCESS_TOKEN_INVALID: 'Telegram does not know this bot token (any more): copy it again from @BotFather',
  ACCESS_TOKEN_EXPIRED: 'Telegram does not know this bot token (any more): copy it again from @BotFather',
  API_ID_INVALID: 'API id and hash do not fit together: copy both again from https://my.telegram.org',
  API_ID_PUBLISHED_FLOOD: 'this API id is used by too many: get one of your own at https://my.telegram.org',
  PHONE_NUMBER_INVALID: 'this is no telephone number that Telegram knows: write it with country code, as in +49…',
  PHONE_NUMBER_BANNED: 'Telegram has banned this telephone number',
  PHONE_NUMBER_FLOOD: 'too many codes were asked for with this number: try again tomorrow',
  PHONE_CODE_INVALID: 'the code was wrong: start again',
  PHONE_CODE_EXPIRED: 'the code is too old: start again',
  PASSWORD_HASH_INVALID: 'the password was wrong: start again',
};

function explain(error: Error): string {
  if (!(error instanceof TelegramError)) return describeFault(error);
  if (error.waitMs !== null) return `Telegram asks to wait ${Math.ceil(error.waitMs / 60_000)} min before the next try`;
  return EXPLANATIONS[error.word] ?? describeFault(error);
}

/** The channel takes the new login up; whoever is to talk to the agent is told how. */
async function after(login: LoggedIn, { json }: LoginOptions, tools: ChannelCommandTools): Promise<ExitCode> {
  const { terminal, ask, environment, isEnabled, setSetting, settings } = tools;
  const config = settings.ok ? readConfig(settings.value as TelegramSettings, environment) : settings;
  const access = config.ok ? config.value.access : null;
  const hasOwner = access !== null && (access.mode === 'open' || access.ownerId !== null || access.ownerName !== null);
  const code = hasOwner ? null : await ask('pair.owner', {});
  const applied = isEnabled === null ? await setSetting('enabled', true) : await ask('reload', {});
  if (json) {
    terminal.out(`${JSON.stringify({ account: login.account, pairing: code?.ok === true ? code.value : null }, null, 2)}\n`);
    return EXIT.done;
  }
  terminal.out(`Logged in as ${showAccount(login.account)}`);
  if (!applied.ok) terminal.err(`The running Broca did not take it up: ${applied.error}\n`);
  if (isEnabled === false) terminal.err('The channel is switched off: broca settings set plugins.telegram.enabled true\n');
  if (access?.mode === 'open') terminal.out('Everybody may talk to the agent.\n');
  else if (hasOwner) terminal.out(`Its owner is ${access?.ownerId ?? `@${access?.ownerName}`}, as .env says: write to it in Telegram.\n`);
  else if (code?.ok === true) terminal.out(showCode(code.value));
  else if (code !== null) terminal.err(`${code.error}\n`);
  return EXIT.done;
}
