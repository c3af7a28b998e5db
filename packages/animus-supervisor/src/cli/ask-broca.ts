/**
 * Asks a Broca how it is on its own socket, as a supervisor would, when there is no supervisor to ask. It is one
 * look: a hello, a beat if it is ready, and the connection is closed. Nothing changes by it.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  type BrocaBeat,
  type BrocaHello,
  encodeFrame,
  FrameDecoder,
  parseBrocaFrame,
  VERSION,
  WORKER_LINK_VERSION,
  withSocketPath,
} from 'animus-protocol';
import { findHostPid } from '../worker/host-pid.ts';

export type BrocaAnswer =
  /** Nobody listens: no Broca runs. */
  | { kind: 'not-running' }
  /** Somebody listens and says nothing: a stopped or hung process. */
  | { kind: 'silent' }
  | { kind: 'starting'; hello: KnownHello }
  | { kind: 'ready'; hello: KnownHello; beat: BrocaBeat };

/** `pid` is this machine's; null when no process can be shown to be it. */
export type KnownHello = Omit<BrocaHello, 'pid'> & { pid: number | null };

/** A Broca that is well answers within a few ms; one that begins its start says hello and no more. */
const PATIENCE_MS = 1_500;

export async function askBroca(socket: string): Promise<BrocaAnswer> {
  if (!fs.existsSync(socket)) return { kind: 'not-running' };
  return await withSocketPath(socket, async (fitting) => await greet(fitting, path.join(path.dirname(socket), 'lock')));
}

async function greet(socket: string, lock: string): Promise<BrocaAnswer> {
  const connection = net.connect(socket);
  const decoder = new FrameDecoder();
  let hello: KnownHello | null = null;
  const { promise, resolve } = Promise.withResolvers<BrocaAnswer>();
  const soFar = (): BrocaAnswer => (hello === null ? { kind: 'silent' } : { kind: 'starting', hello });
  const timer = setTimeout(() => resolve(soFar()), PATIENCE_MS);
  connection.on('error', () => resolve({ kind: 'not-running' }));
  connection.on('close', () => resolve(hello === null ? { kind: 'not-running' } : soFar()));
  connection.on('data', (chunk: Buffer) => {
    const frames = decoder.push(chunk);
    for (const value of frames.ok ? frames.value : []) {
      const frame = parseBrocaFrame(value);
      if (!frame.ok) continue;
      if (frame.value.type === 'hello') hello = { ...frame.value, pid: findHostPid({ hello: frame.value, shim: null, lock }) };
      if (frame.value.type === 'beat' && hello !== null) resolve({ kind: 'ready', hello, beat: frame.value });
    }
  });
  connection.write(encodeFrame({ type: 'hello', protocol: WORKER_LINK_VERSION, client: 'supervisor', version: VERSION }));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}
