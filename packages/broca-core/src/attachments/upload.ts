/**
 * Posts an image to the public host that settings name (`images.upload`), for agents that open links
 * themselves. Loaded when that is switched on, and never asked twice for one image: a host that fails is
 * told to the agent in the image's line.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { failed, ok, type Result } from 'animus-protocol';
import type { StoredAttachment } from '../message.ts';
import { readAttachment } from './store.ts';

const TIMEOUT_MS = 30_000;
const LONGEST_ANSWER = 65_536;
const LONGEST_LINK = 2_000;

/** Posts the file as the field `file` of a form; gives the link that comes back, or why there is none. */
export async function uploadImage(
  folder: string,
  image: StoredAttachment,
  url: string,
  signal: AbortSignal,
): Promise<Result<string, string>> {
  const content = await readAttachment(folder, image);
  if (content === null) return failed('its file is gone');
  const boundary = `animus-${randomUUID()}`;
  const name = image.path.slice(image.path.lastIndexOf('/') + 1);
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${image.type}\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), content, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  try {
    const answer = await post(
      new URL(url),
      `multipart/form-data; boundary=${boundary}`,
      body,
      AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    );
    const link = findLink(answer);
    return link === null ? failed('the host gave no link back') : ok(link);
  } catch (error) {
    return failed((error as Error).message);
  }
}

/** A redirect is no answer: the image goes where the settings say and nowhere else. */
async function post(url: URL, type: string, body: Buffer, signal: AbortSignal): Promise<string> {
  // By `import` every export of node:http is read, the one that loads undici too.
  const { request } = url.protocol === 'https:' ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http');
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = {
    'content-type': type,
    'content-length': body.length,
    accept: 'application/json, text/plain',
    'user-agent': 'animus-broca',
  };
  const asked = request(url, { method: 'POST', headers, signal, agent: false }, resolve);
  asked.on('error', reject);
  asked.end(body);
  const response = await promise;
  const status = response.statusCode ?? 0;
  if (status < 200 || status >= 300) {
    response.destroy();
    throw new Error(`the host answered with status ${status}`);
  }
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > LONGEST_ANSWER) {
      response.destroy();
      break;
    }
  }
  return text;
}

/** Hosts answer with the link alone, or with JSON that has it as `url` or `link`, on top or in `data`. */
export function findLink(answer: string): string | null {
  const text = answer.trim();
  for (const candidate of [text, ...linksIn(text)]) {
    if (candidate.length > LONGEST_LINK || !/^https?:\/\/\S+$/.test(candidate) || !URL.canParse(candidate)) continue;
    const { href } = new URL(candidate);
    // Brackets would end the line it stands in.
    return href.replaceAll('[', '%5B').replaceAll(']', '%5D');
  }
  return null;
}

function linksIn(text: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  return [value, fieldOf(value, 'data'), fieldOf(value, 'image')]
    .flatMap((place) => [fieldOf(place, 'url'), fieldOf(place, 'link')])
    .filter((link) => typeof link === 'string');
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
