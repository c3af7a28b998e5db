/** Hands a file to a running Broca, in pieces that fit a frame of its socket; the attachment that comes back goes with a message. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import * as v from 'valibot';
import type { BrocaClient } from './client.ts';

/** In base64 it is a third longer, well below LONGEST_FRAME. */
const PIECE_BYTES = 4 * 1024 * 1024;

export type Attached = { kind: 'attached'; attachment: unknown } | { kind: 'failed'; error: string } | { kind: 'lost' };

const answered = v.object({ attachment: v.unknown() });

export async function attachFile(client: BrocaClient, path: string): Promise<Attached> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    return { kind: 'failed', error: faultOf(path, error) };
  }
  try {
    const { size } = await file.stat();
    const upload = randomUUID();
    for (let offset = 0; ; ) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, offset);
      const isLast = offset + bytesRead >= size || bytesRead === 0;
      const data = buffer.toString('base64', 0, bytesRead);
      const answer = await client.request('console.attach', { upload, name: basename(path), offset, data, isLast });
      if (answer.kind === 'lost') return answer;
      if (answer.kind === 'error') return { kind: 'failed', error: answer.error };
      const parsed = v.safeParse(answered, answer.value);
      if (!parsed.success) return { kind: 'failed', error: 'Broca gave an answer that this CLI cannot read: restart the agent' };
      if (isLast) return { kind: 'attached', attachment: parsed.output.attachment };
      offset += bytesRead;
    }
  } catch (error) {
    return { kind: 'failed', error: faultOf(path, error) };
  } finally {
    await file.close();
  }
}

function faultOf(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `there is no file ${path}`;
  if (code === 'EISDIR') return `${path} is a folder: attach files`;
  return `${path} cannot be read: ${message}`;
}
