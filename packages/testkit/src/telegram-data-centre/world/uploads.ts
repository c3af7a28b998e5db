/** Files on their way in (https://core.telegram.org/api/files): parts come in any order, and become a file when a message uses them. */
import crypto from 'node:crypto';
import { badRequest } from './rpc-error.ts';

/** A part has at most this many bytes, and all but the last have the same size. */
const LARGEST_PART = 512 * 1024;
/** Files above this are uploaded with saveBigFilePart. */
export const SMALL_FILE_LIMIT: number = 10 * 1024 * 1024;

export class Uploads {
  /** `account:file` → parts. */
  readonly #parts: Map<string, Map<number, Buffer>> = new Map();

  savePart(account: number, fileId: bigint, part: number, bytes: Buffer): void {
    if (part < 0 || part >= 8000) throw badRequest('FILE_PART_INVALID');
    if (bytes.length === 0) throw badRequest('FILE_PART_EMPTY');
    if (bytes.length > LARGEST_PART) throw badRequest('FILE_PART_TOO_BIG');
    const name = `${account}:${fileId}`;
    const parts = this.#parts.get(name) ?? new Map<number, Buffer>();
    this.#parts.set(name, parts.set(part, Buffer.from(bytes)));
  }

  /** The whole file. Its parts stay, so that a refused message can be sent again. */
  take(account: number, fileId: bigint, count: number, md5: string | null): Buffer {
    const name = `${account}:${fileId}`;
    const parts = this.#parts.get(name);
    if (parts === undefined || count < 1) throw badRequest('FILE_PARTS_INVALID');
    const ordered = Array.from({ length: count }, (_, index) => {
      const part = parts.get(index);
      if (part === undefined) throw badRequest(`FILE_PART_${index}_MISSING`);
      return part;
    });
    const size = ordered[0]?.length ?? 0;
    const isUneven = ordered.slice(0, -1).some(({ length }) => length !== size);
    if (isUneven || (count > 1 && (size % 1024 !== 0 || LARGEST_PART % size !== 0))) throw badRequest('FILE_PART_SIZE_INVALID');
    const bytes = Buffer.concat(ordered);
    if (md5 && crypto.createHash('md5').update(bytes).digest('hex') !== md5.toLowerCase()) throw badRequest('MD5_CHECKSUM_INVALID');
    return bytes;
  }
}
