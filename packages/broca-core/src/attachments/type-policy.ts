/**
 * What a file is, by its first bytes and nothing else: names and senders lie. Only what is listed has a
 * type of its own; svg, html and scripts are text here, and nobody gets to run them.
 */

export type FileType = {
  /** MIME type. */
  type: string;
  extension: string;
};

/** How many of a file's first bytes are looked at. */
export const HEAD_BYTES = 4096;

/** What the agent can be shown. */
const IMAGE_TYPES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

export function isImage(type: string): boolean {
  return IMAGE_TYPES.has(type);
}

type Kind = FileType & { at?: number; magic: string; also?(head: Uint8Array): boolean };

/** `magic` is hexadecimal, `..` any byte. An image must also have a size: a header alone is no picture. */
const KINDS: readonly Kind[] = [
  { type: 'image/png', extension: 'png', magic: '89504e470d0a1a0a0000000d49484452', also: (head) => hasSize(head, 16, 4) },
  { type: 'image/jpeg', extension: 'jpg', magic: 'ffd8ff', also: (head) => isJpegMarker(head[3] ?? 0) && head.length > 20 },
  { type: 'image/gif', extension: 'gif', magic: '47494638..61', also: (head) => hasSize(head, 6, 2) },
  { type: 'image/webp', extension: 'webp', magic: '52494646........57454250565038', also: (head) => head.length > 20 },
  { type: 'application/pdf', extension: 'pdf', magic: '255044462d' },
  { type: 'application/zip', extension: 'zip', magic: '504b0304' },
  { type: 'application/gzip', extension: 'gz', magic: '1f8b08' },
  { type: 'audio/ogg', extension: 'ogg', magic: '4f676753' },
  { type: 'audio/wav', extension: 'wav', magic: '52494646........57415645' },
  { type: 'audio/mpeg', extension: 'mp3', magic: '494433' },
  { type: 'audio/mp4', extension: 'm4a', at: 4, magic: '667479704d3441' },
  { type: 'video/mp4', extension: 'mp4', at: 4, magic: '66747970' },
  { type: 'video/webm', extension: 'webm', magic: '1a45dfa3' },
];

/** `head`: the first HEAD_BYTES of the file, or all of it. */
export function sniffType(head: Uint8Array): FileType {
  for (const { type, extension, at = 0, magic, also } of KINDS) {
    if (matches(head, at, magic) && (also === undefined || also(head))) return { type, extension };
  }
  return isText(head) ? { type: 'text/plain', extension: 'txt' } : { type: 'application/octet-stream', extension: 'bin' };
}

function matches(head: Uint8Array, at: number, magic: string): boolean {
  for (let index = 0; index * 2 < magic.length; index += 1) {
    const wanted = magic.slice(index * 2, index * 2 + 2);
    if (wanted !== '..' && head[at + index] !== Number.parseInt(wanted, 16)) return false;
  }
  return true;
}

/** Width and height, one after the other, are not zero. */
function hasSize(head: Uint8Array, at: number, bytesEach: number): boolean {
  const isNone = (from: number): boolean => head.slice(from, from + bytesEach).every((byte) => byte === 0);
  return head.length >= at + 2 * bytesEach && !isNone(at) && !isNone(at + bytesEach);
}

function isJpegMarker(byte: number): boolean {
  return byte >= 0xc0 && byte <= 0xfe;
}

/** UTF-8 without the control characters that no text has. The head may end inside a character. */
function isText(head: Uint8Array): boolean {
  if (head.some((byte) => byte < 9 || (byte > 13 && byte < 32 && byte !== 27))) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
