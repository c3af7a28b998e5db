/**
 * `console.attach`: a file from a terminal, in pieces that fit a frame of the socket. The last piece stores
 * it and gives the attachment that `console.send` then names.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failed, ok, type Result, readBrocaConfig } from 'animus-protocol';
import * as v from 'valibot';
import { ATTACHMENTS_FOLDER } from '../attachments/parse.ts';
import { storeAttachment } from '../attachments/store.ts';
import type { BrocaCommand, CommandContext } from './command.ts';
import { command } from './define.ts';

const piece = v.strictObject({
  /** Names the upload from its first piece to its last. */
  upload: v.pipe(v.string(), v.uuid('must be a UUID')),
  name: v.string(),
  /** Where the piece belongs in the file. */
  offset: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Its bytes in base64. No regular expression: it would overflow the stack on a text of this length. */
  data: v.string(),
  isLast: v.boolean(),
});

export const consoleAttach: BrocaCommand = command(piece, async (args, { folder, live }: CommandContext) => {
  if (live === null) return failed('no Broca runs here: start it with animus start, or with broca run in the agent folder');
  const largestBytes = readBrocaConfig(folder).config?.limits.attachmentBytes ?? 0;
  if (live.isShort()) return failed('the file could not be stored: the disk is full');
  const temporary = join(folder, ATTACHMENTS_FOLDER, `.${args.upload}.upload.tmp`);
  const appended = await append(temporary, args, largestBytes);
  if (appended.ok && !args.isLast) return ok({ attachment: null });
  try {
    if (!appended.ok) return failed(`${args.name} was not taken: ${appended.error}`);
    const receipt = await storeAttachment(folder, createReadStream(temporary), { name: args.name, largestBytes });
    return receipt.kind === 'stored' ? ok({ attachment: receipt.attachment }) : failed(`${args.name} was not taken: ${receipt.reason}`);
  } finally {
    await rm(temporary, { force: true });
  }
});

async function append(path: string, { offset, data }: v.InferOutput<typeof piece>, largestBytes: number): Promise<Result<null, string>> {
  const bytes = Buffer.from(data, 'base64');
  if (bytes.toString('base64') !== data) return failed('a piece of it is not base64');
  if (offset + bytes.length > largestBytes) return failed(`it is larger than ${Math.floor(largestBytes / 1024 / 1024)} MB`);
  try {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    const file = await open(path, 'a', 0o600);
    try {
      if ((await file.stat()).size !== offset) return failed('its pieces came out of order');
      await file.appendFile(bytes);
      return ok(null);
    } finally {
      await file.close();
    }
  } catch (error) {
    return failed((error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'the disk is full' : (error as Error).message);
  }
}
