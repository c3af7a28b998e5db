/** A throwaway agent folder, and a Broca run in it as a supervisor would: from the bundle, with a worker's flags. */
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type BrocaFrame, type ClientFrame, encodeFrame, FrameDecoder, parseBrocaFrame, WORKER_LINK_VERSION } from 'animus-protocol';
import { WORKER_FLAGS } from '../../packages/animus-supervisor/src/fleet/launch.ts';
import { workerEnvironment } from '../../packages/animus-supervisor/src/worker/environment-policy.ts';
import { openStore } from '../../packages/broca-core/src/store/open.ts';
import { type Running, start } from './program.ts';

const BUNDLE = path.join(path.dirname(path.dirname(import.meta.dirname)), 'dist/broca.mjs');

export type AgentFolder = Disposable & { id: string; folder: string; socket: string };

/** An agent folder as deploy makes it, with a database that is there already. `letta` is an endpoint, reached or not. */
export function makeAgentFolder(letta: string, number = 1): AgentFolder {
  const id = `agent-00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-bench-'));
  const folder = path.join(home, id);
  fs.mkdirSync(path.join(folder, 'run'), { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(folder, '.env'), `AGENT_ID=${id}\nAGENT_ENDPOINT=${letta}\nAGENT_API_KEY=key-${number}-of-the-bench\n`, {
    mode: 0o600,
  });
  fs.writeFileSync(path.join(folder, 'settings.json'), '{ "message_mode": "live" }\n', { mode: 0o600 });
  const opened = openStore(path.join(folder, 'animus.db'));
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  opened.value.close();
  return {
    id,
    folder,
    socket: path.join(folder, 'run/broca.sock'),
    [Symbol.dispose]: () => fs.rmSync(home, { recursive: true, force: true }),
  };
}

export function startBroca(agent: AgentFolder): Running {
  return start([...WORKER_FLAGS, BUNDLE, 'run', '--folder', agent.folder], workerEnvironment(process.env, {}, 'bench'));
}

export type Link = Disposable & {
  send(frame: ClientFrame): void;
  /** Resolves with the next frame that fits, one that came already included. */
  next(fits: (frame: BrocaFrame) => boolean): Promise<BrocaFrame>;
};

/** Connects as soon as the socket is there. The folder is watched from before the start, so nothing is missed. */
export async function connect(agent: AgentFolder, client: 'supervisor' | 'cli'): Promise<Link> {
  const socket = await openSocket(agent.socket);
  const decoder = new FrameDecoder();
  const waiting: { fits: (frame: BrocaFrame) => boolean; resolve: (frame: BrocaFrame) => void }[] = [];
  const came: BrocaFrame[] = [];
  socket.on('data', (chunk: Buffer) => {
    const frames = decoder.push(chunk);
    for (const value of frames.ok ? frames.value : []) {
      const frame = parseBrocaFrame(value);
      if (!frame.ok) continue;
      const index = waiting.findIndex(({ fits }) => fits(frame.value));
      if (index === -1) came.push(frame.value);
      else waiting.splice(index, 1)[0]?.resolve(frame.value);
    }
  });
  const send = (frame: ClientFrame) => void socket.write(encodeFrame(frame));
  send({ type: 'hello', protocol: WORKER_LINK_VERSION, client, version: 'bench' });
  return {
    send,
    next: (fits) => {
      const index = came.findIndex(fits);
      const found = index === -1 ? undefined : came.splice(index, 1)[0];
      return found === undefined ? new Promise((resolve) => waiting.push({ fits, resolve })) : Promise.resolve(found);
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** Hands a message in at the console and resolves when its reply was handed over there. */
export async function sendAndWait(link: Link, id: number): Promise<void> {
  link.send({ type: 'request', id, command: 'console.send', args: { externalId: `bench-${id}`, text: `message ${id}`, wait: true } });
  const frame = await link.next((next) => next.type === 'response' && next.id === id);
  if (frame.type === 'response' && !frame.ok) throw new Error(frame.error);
}

async function openSocket(file: string): Promise<net.Socket> {
  const watcher = fs.watch(path.dirname(file));
  try {
    for (;;) {
      const changed = once(watcher, 'change');
      const socket = net.connect(file);
      try {
        await once(socket, 'connect');
        return socket;
      } catch {
        await changed;
      }
    }
  } finally {
    watcher.close();
  }
}
