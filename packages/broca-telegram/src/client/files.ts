/** Files to and from Telegram, in chunks. A file may lie in another data centre, to which a connection of its own is opened. */
import { type Credentials, type RemoteFile, TelegramError } from '../telegram.ts';
import { Client } from './client.ts';
import { Api, helpers, long } from './library.ts';

/** upload.getFile: at most a megabyte, and no piece may cross a multiple of one. */
const DOWNLOAD_CHUNK = 512 * 1024;
/** upload.saveFilePart: at most 512 KiB each. */
const UPLOAD_CHUNK = 512 * 1024;
/** From this size on a file is announced as a large one. */
const LARGE_FILE = 10 * 1024 * 1024;
const CHUNK_TIMEOUT_MS = 60_000;
/** How long a connection to another data centre is kept after its last file. */
const IDLE_MS = 60_000;

/** Connections of one account to the data centres that hold its files. */
export class FileCentres {
  readonly #main: Client;
  readonly #credentials: Credentials;
  readonly #others = new Map<number, Promise<Client>>();
  readonly #timers = new Map<number, NodeJS.Timeout>();

  constructor(main: Client, credentials: Credentials) {
    this.#main = main;
    this.#credentials = credentials;
  }

  async *download(file: RemoteFile): AsyncIterable<Uint8Array> {
    let client = await this.#at(file.dc);
    for (let offset = 0; ; ) {
      const request = new Api.upload.GetFile({
        location: locationOf(file),
        offset: long(String(offset)),
        limit: DOWNLOAD_CHUNK,
        precise: true,
      });
      let answer: Api.upload.TypeFile;
      try {
        answer = await client.call(request, CHUNK_TIMEOUT_MS);
      } catch (error) {
        const moved = error instanceof TelegramError ? /^FILE_MIGRATE_(\d+)$/.exec(error.word)?.[1] : undefined;
        if (moved === undefined) throw error;
        client = await this.#at(Number(moved));
        continue;
      }
      if (!(answer instanceof Api.upload.File)) throw new TelegramError(400, 'CDN_NOT_SUPPORTED', null);
      if (answer.bytes.length > 0) yield answer.bytes;
      if (answer.bytes.length < DOWNLOAD_CHUNK) return;
      offset += answer.bytes.length;
    }
  }

  async upload(name: string, bytes: Uint8Array): Promise<Api.TypeInputFile> {
    const id = helpers.generateRandomLong();
    const isLarge = bytes.length > LARGE_FILE;
    const parts = Math.max(1, Math.ceil(bytes.length / UPLOAD_CHUNK));
    for (let part = 0; part < parts; part += 1) {
      const chunk = Buffer.from(bytes.subarray(part * UPLOAD_CHUNK, (part + 1) * UPLOAD_CHUNK));
      const request = isLarge
        ? new Api.upload.SaveBigFilePart({ fileId: id, filePart: part, fileTotalParts: parts, bytes: chunk })
        : new Api.upload.SaveFilePart({ fileId: id, filePart: part, bytes: chunk });
      await this.#main.call(request, CHUNK_TIMEOUT_MS);
    }
    return isLarge ? new Api.InputFileBig({ id, parts, name }) : new Api.InputFile({ id, parts, name, md5Checksum: '' });
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    const others = await Promise.allSettled(this.#others.values());
    this.#others.clear();
    for (const other of others) if (other.status === 'fulfilled') await other.value.close();
  }

  async #at(dc: number): Promise<Client> {
    if (dc === this.#main.dc || dc === 0) return this.#main;
    const known = this.#others.get(dc);
    const opening = known ?? this.#open(dc);
    this.#others.set(dc, opening);
    try {
      const client = await opening;
      this.#keep(dc);
      return client;
    } catch (error) {
      this.#others.delete(dc);
      throw error;
    }
  }

  /** A key of its own with that data centre, and this account's word that it is this account's. */
  async #open(dc: number): Promise<Client> {
    const { ipAddress, port } = await this.#main.within(this.#main.raw.getDC(dc), CHUNK_TIMEOUT_MS);
    const client = new Client({ ...this.#credentials, session: '' });
    client.raw.session.setDC(dc, ipAddress, port);
    client.ended.then(() => this.#others.delete(dc)).catch(() => undefined);
    try {
      await client.connect();
      const { id, bytes } = await this.#main.call(new Api.auth.ExportAuthorization({ dcId: dc }));
      await client.call(new Api.auth.ImportAuthorization({ id, bytes }));
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  #keep(dc: number): void {
    clearTimeout(this.#timers.get(dc));
    const timer = setTimeout(() => {
      this.#timers.delete(dc);
      const idle = this.#others.get(dc);
      this.#others.delete(dc);
      idle?.then((client) => client.close()).catch(() => undefined);
    }, IDLE_MS);
    timer.unref();
    this.#timers.set(dc, timer);
  }
}

function locationOf({ kind, id, hash, reference, size }: RemoteFile): Api.TypeInputFileLocation {
  const location = { id: long(id), accessHash: long(hash), fileReference: Buffer.from(reference, 'base64'), thumbSize: size };
  return kind === 'photo' ? new Api.InputPhotoFileLocation(location) : new Api.InputDocumentFileLocation(location);
}
