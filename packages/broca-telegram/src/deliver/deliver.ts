/** Hands one part over to Telegram, and says what became of it. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { ChannelState, DeliveryOutcome, Part } from 'broca-core';
import { isPrivate, parseChat } from '../chat-id.ts';
import { dataImage, type Form, isStoredFile, LONGEST_CAPTION, readForm } from '../markdown/compose.ts';
import { reachPeer } from '../peers.ts';
import type { SentMessages } from '../sent-messages.ts';
import type { TelegramConfig } from '../settings.ts';
import { type Connection, type Outgoing, type OutgoingMedia, type Peer, type Sent, TelegramError } from '../telegram.ts';
import { judgeRefusal } from './error-policy.ts';

export type DeliverDependencies = {
  connection: Connection;
  config: TelegramConfig;
  state: ChannelState;
  sent: SentMessages;
  /** The agent's folder. */
  folder: string;
  /** The login cannot be used any more. */
  onSessionFault(error: Error): void;
  onSent(sent: Sent): void;
};

/** A file goes with the beginning of its text, so that the chat shows what it is. */
const LONGEST_TEASER = 200;
/** Telegram takes no larger image as a photo. */
const LARGEST_PHOTO = 10 * 1024 * 1024;

export async function deliverPart(part: Part, deps: DeliverDependencies): Promise<DeliveryOutcome> {
  const { state, connection, config, folder } = deps;
  const found = await findChat(part.chat, deps);
  if (typeof found !== 'string' && found !== null) return found;
  const chat = found;
  if (chat === null) return { kind: 'refused', reason: `this account knows nobody and no chat ${part.chat}: they must write to it first` };
  const to = reachPeer(state, chat, connection.me.isBot);
  if (to === null) return { kind: 'refused', reason: `this account cannot reach ${part.chat}: they must write to it first` };
  const made = readForm(part.text, part.form, config);
  const message: Outgoing = {
    to,
    topic: parseChat(chat)?.topic ?? null,
    replyTo: answered(part),
    ...contentOf(made, folder),
    randomId: part.key,
    hasPreview: config.hasPreviews,
  };
  return await send(message, made, chat, deps);
}

/** Sends, leaving out what Telegram does not take with it. The key stays: a refused message is none. */
async function send(
  first: Outgoing,
  made: { text: string; form: Form },
  chat: string,
  deps: DeliverDependencies,
): Promise<DeliveryOutcome> {
  let message = first;
  for (let tries = 0; tries < 4; tries += 1) {
    try {
      const sent = await deps.connection.send(message);
      if (sent.id !== null) deps.sent.add(chat, sent.id);
      deps.onSent(sent);
      return sent.id === null ? { kind: 'delivered' } : { kind: 'delivered', platformId: String(sent.id) };
    } catch (error) {
      if (!(error instanceof TelegramError)) return { kind: 'uncertain', reason: error instanceof Error ? error.message : String(error) };
      const verdict = judgeRefusal(error);
      switch (verdict.kind) {
        case 'outcome':
          return verdict.outcome;
        case 'session':
          deps.onSessionFault(error);
          return { kind: 'down', reason: verdict.reason };
        case 'without-reply':
          if (message.replyTo === null) return refused(error);
          message = { ...message, replyTo: null };
          break;
        case 'without-markup':
          if (message.entities.length === 0) return refused(error);
          message = { ...message, entities: [] };
          break;
        case 'without-media':
          if (message.media === null || made.form.kind !== 'image') return refused(error);
          message = { ...message, text: inWords(made.text, made.form.href), media: null };
      }
    }
  }
  return { kind: 'refused', reason: 'Telegram refuses it in every form' };
}

function refused(error: TelegramError): DeliveryOutcome {
  return { kind: 'refused', reason: `Telegram refuses it: ${error.word}` };
}

/** In a group the first part of a reply shows what it answers. */
function answered({ chat, number, inReplyTo }: Part): number | null {
  if (isPrivate(chat) || number !== 1 || inReplyTo === null) return null;
  const id = Number.parseInt(inReplyTo, 10);
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}

function contentOf({ text, form }: { text: string; form: Form }, folder: string): Pick<Outgoing, 'text' | 'entities' | 'media'> {
  switch (form.kind) {
    case 'text':
      return { text, entities: form.entities, media: null };
    case 'file': {
      const type = form.name.endsWith('.md') ? 'text/markdown' : 'text/plain';
      const media: OutgoingMedia = { kind: 'file', name: form.name, type, bytes: Buffer.from(text), isPhoto: false };
      return { text: shorten(text, LONGEST_TEASER), entities: [], media };
    }
    case 'image': {
      const media = imageOf(form.href, folder);
      if (media === null) return { text: inWords(text, form.href), entities: [], media: null };
      return { text: shorten(text, LONGEST_CAPTION), entities: [], media };
    }
  }
}

function imageOf(href: string, folder: string): OutgoingMedia | null {
  const data = dataImage(href);
  if (data !== null) {
    const name = `image.${data.type.split('/')[1]?.replace('jpeg', 'jpg') ?? 'png'}`;
    return { kind: 'file', name, ...data, isPhoto: isPhoto(name, data.bytes) };
  }
  if (!isStoredFile(href)) return { kind: 'photo-url', url: href };
  try {
    const bytes = readInside(folder, href);
    const name = path.basename(href);
    return { kind: 'file', name, type: 'application/octet-stream', bytes, isPhoto: isPhoto(name, bytes) };
  } catch {
    return null;
  }
}

/** Reads a file that really lies in the folder; no link leads out of it. */
function readInside(folder: string, relative: string): Buffer {
  const file = fs.realpathSync(path.join(folder, relative));
  if (!file.startsWith(fs.realpathSync(path.join(folder, 'attachments')) + path.sep)) throw new Error('it lies elsewhere');
  const handle = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    if (!fs.fstatSync(handle).isFile()) throw new Error('it is no file');
    return fs.readFileSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

function isPhoto(name: string, bytes: Uint8Array): boolean {
  return /\.(png|jpe?g|webp)$/i.test(name) && bytes.length <= LARGEST_PHOTO;
}

function inWords(caption: string, href: string): string {
  const where = /^https?:/i.test(href) ? href : '';
  return [caption, where].filter((words) => words !== '').join('\n') || '(an image that could not be sent)';
}

function shorten(text: string, longest: number): string {
  if (text.length <= longest) return text;
  return `${text
    .slice(0, longest - 1)
    .toWellFormed()
    .replace(/\ufffd$/, '')
    .trimEnd()}…`;
}

/** `@name`, as a person may write it for a message that nobody asked for; null when nobody has it. */
async function findChat(chat: string, { connection, state }: DeliverDependencies): Promise<string | DeliveryOutcome | null> {
  if (parseChat(chat) !== null) return chat;
  if (!/^@\w{3,32}$/.test(chat)) return null;
  let found: Peer | null;
  try {
    found = await connection.resolveUsername(chat.slice(1));
  } catch (error) {
    // Nothing was sent.
    const verdict = error instanceof TelegramError ? judgeRefusal(error) : null;
    if (verdict?.kind === 'outcome') return verdict.outcome;
    return { kind: 'retry', afterMs: 1_000, reason: error instanceof Error ? error.message : String(error) };
  }
  if (found === null) return null;
  state.put({ [`peer:${found.chat}`]: JSON.stringify({ hash: found.hash, isBot: found.isBot, isBroadcast: found.isBroadcast }) });
  return found.chat;
}

/** The key of something the channel says by itself: the same for the same occasion. */
export function keyFor(...occasion: (string | number)[]): string {
  const digest = createHash('sha256').update(JSON.stringify(occasion)).digest();
  return ((digest.readBigUInt64BE(0) >> 1n) | 1n).toString();
}
