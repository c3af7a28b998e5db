/**
 * The sockets of one connection. The library reconnects by itself, even after it was told to end; here a connection
 * that is over stays over, and whoever wants another one opens it.
 */
import { ConnectionLost } from '../telegram.ts';
import { extensions } from './library.ts';

export type Sockets = {
  /** For the library's `networkSocket` option. */
  socketClass: typeof extensions.PromisedNetSockets;
  /** Called once, when the first socket that was opened is closed. */
  onLost(listener: () => void): void;
  /** Closes every socket, and lets none be opened again. */
  shut(): void;
};

export function createSockets(): Sockets {
  const open = new Set<{ close(): Promise<void> }>();
  let isShut = false;
  let lost: () => void = () => undefined;
  let main: object | null = null;

  class Socket extends extensions.PromisedNetSockets {
    override async connect(port: number, ip: string): Promise<unknown> {
      if (isShut) throw new ConnectionLost('the connection was closed');
      main ??= this;
      open.add(this);
      const result = await super.connect(port, ip);
      // Shut while it was being opened.
      if (isShut) await super.close();
      const raw: unknown = Reflect.get(this, 'client');
      if (isEmitter(raw)) raw.once('close', () => this.#closed());
      return result;
    }

    #closed(): void {
      open.delete(this);
      if (main === this) lost();
    }
  }

  return {
    socketClass: Socket,
    onLost: (listener) => {
      lost = listener;
    },
    shut() {
      isShut = true;
      for (const socket of open) void socket.close();
    },
  };
}

function isEmitter(value: unknown): value is { once(event: string, listener: () => void): void } {
  return typeof value === 'object' && value !== null && 'once' in value && typeof value.once === 'function';
}
