/**
 * A SOCKS5 proxy (RFC 1928, RFC 1929) on loopback in front of the data centres: whatever address a client asks for, it ends
 * at one of them, and nothing ever leaves the machine.
 */
import { once } from 'node:events';
import net from 'node:net';

export type SocksTarget = { host: string; port: number };

export type SocksSettings = {
  /** 0 takes a free port. */
  port: number;
  /** When given, clients must log in. */
  login: { username: string; password: string } | null;
  /** Takes over a connection that got through. */
  connected: (socket: net.Socket, target: SocksTarget) => void;
};

export type SocksProxy = { readonly port: number; close(): Promise<void> };

export async function startSocksProxy(settings: SocksSettings): Promise<SocksProxy> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    greet(new Handshake(socket), settings).catch(() => socket.destroy());
  });
  server.listen(settings.port, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const close = async (): Promise<void> => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };
  return { port, close };
}

async function greet(handshake: Handshake, { login, connected }: SocksSettings): Promise<void> {
  const [version, count] = await handshake.take(2);
  const methods = await handshake.take(count ?? 0);
  const method = login === null ? 0 : 2;
  if (version !== 5 || !methods.includes(method)) {
    handshake.refuse(Buffer.from([5, 0xff]));
    return;
  }
  handshake.socket.write(Buffer.from([5, method]));
  if (login !== null && !(await isLoggedIn(handshake, login))) return;
  const [, command] = await handshake.take(3);
  const target = await readTarget(handshake);
  if (command !== 1 || target === null) {
    handshake.refuse(reply(command === 1 ? 8 : 7));
    return;
  }
  handshake.socket.write(reply(0));
  connected(handshake.end(), target);
}

async function isLoggedIn(handshake: Handshake, login: { username: string; password: string }): Promise<boolean> {
  await handshake.take(1);
  const username = await handshake.takeText();
  const isRight = username === login.username && (await handshake.takeText()) === login.password;
  if (isRight) handshake.socket.write(Buffer.from([1, 0]));
  else handshake.refuse(Buffer.from([1, 1]));
  return isRight;
}

async function readTarget(handshake: Handshake): Promise<SocksTarget | null> {
  const [kind] = await handshake.take(1);
  const host =
    kind === 1
      ? [...(await handshake.take(4))].join('.')
      : kind === 3
        ? await handshake.takeText()
        : kind === 4
          ? (await handshake.take(16)).toString('hex').replace(/(.{4})(?=.)/g, '$1:')
          : null;
  return host === null ? null : { host, port: (await handshake.take(2)).readUInt16BE() };
}

function reply(code: number): Buffer {
  return Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
}

/** Reads a socket by counted bytes, and gives back what it did not need. */
class Handshake {
  readonly socket: net.Socket;
  #waiting: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  readonly #take = (chunk: Buffer): void => {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
    this.#wake();
  };

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', this.#take);
  }

  async take(length: number): Promise<Buffer> {
    while (this.#waiting.length < length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#waiting.subarray(0, length);
    this.#waiting = this.#waiting.subarray(length);
    return taken;
  }

  async takeText(): Promise<string> {
    return (await this.take((await this.take(1)).readUInt8())).toString();
  }

  refuse(answer: Buffer): void {
    this.socket.end(answer);
  }

  end(): net.Socket {
    this.socket.off('data', this.#take);
    if (this.#waiting.length > 0) this.socket.unshift(this.#waiting);
    return this.socket;
  }
}
