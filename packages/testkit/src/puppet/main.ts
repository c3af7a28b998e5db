/**
 * A worker that obeys a test: it speaks the worker link on `run/broca.sock` as a Broca does, and does what
 * the stage tells it (orders.ts). It ends when its stage does, so that no test leaves one behind.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {
  type BrocaFrame,
  type ClientFrame,
  encodeFrame,
  FrameDecoder,
  parseClientFrame,
  WORKER_LINK_VERSION,
  withSocketPath,
} from 'animus-protocol';
import { type PuppetOrder, type PuppetSaying, parseOrder, parseSettings, type Straying } from './orders.ts';

const folder = process.cwd();
const agentId = path.basename(folder);
const nonce = process.env['ANIMUS_WORKER_NONCE'] ?? null;
const settings = parseSettings(readFileSync(path.join(folder, 'puppet.json'), 'utf8'));
const startedAt = Date.now();
const socketPath = path.join(folder, 'run/broca.sock');
const supervisors = new Set<net.Socket>();
let isReady = settings.isReady;
let ignoresStop = false;
const held: Buffer[] = [];

const stage = await withSocketPath(settings.stage, async (fitting) => {
  const socket = net.connect(fitting);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
});
const tell = (saying: PuppetSaying): void => void stage.write(encodeFrame(saying));

/** One of another age says what nobody here knows: frames of its own, and fields ahead of those that are frozen. */
function send(socket: net.Socket, frame: BrocaFrame): void {
  if (socket.destroyed) return;
  if (settings.protocol !== undefined) socket.write(encodeFrame({ type: 'mood', of: frame.type }));
  socket.write(encodeFrame(settings.protocol === undefined ? frame : { mood: ['fine'], ...frame }));
}

function ready(): BrocaFrame {
  return { type: 'ready', at: Date.now(), startMs: Date.now() - startedAt };
}

function beat(): BrocaFrame {
  const queue = { waiting: 0, running: 0, parked: 0, outbox: 0, settled: 0 };
  return {
    type: 'beat',
    at: Date.now(),
    eventLoopDelayMs: 0,
    mode: 'echo',
    queue,
    letta: { state: 'unchecked' },
    channels: [],
    problems: [],
  };
}

function hear(socket: net.Socket, frame: ClientFrame): void {
  if (frame.type === 'hello') {
    if (frame.client === 'supervisor') supervisors.add(socket);
    send(socket, {
      type: 'hello',
      protocol: settings.protocol ?? WORKER_LINK_VERSION,
      pid: process.pid,
      agentId,
      version: settings.protocol === undefined ? '0' : `${settings.protocol}.0.0`,
      release: null,
      startedAt,
      nonce,
    });
    if (isReady) send(socket, ready());
    if (isReady) send(socket, beat());
    return;
  }
  tell({ say: 'heard', frame });
  if (frame.type === 'stop' && !ignoresStop) end(0);
}

function end(code: number): void {
  rmSync(socketPath, { force: true });
  process.exit(code);
}

function startGrandchild(strays: Straying): void {
  const child = spawn('/bin/sh', ['-c', 'trap "" TERM HUP; while :; do sleep 1000; done'], {
    stdio: 'ignore',
    detached: strays !== 'not',
    env: strays === 'cleared' ? { PATH: process.env['PATH'] } : process.env,
  });
  if (child.pid !== undefined) tell({ say: 'grandchild', pid: child.pid });
}

function obey(order: PuppetOrder): void {
  switch (order.do) {
    case 'ready':
      isReady = true;
      for (const socket of supervisors) send(socket, ready());
      break;
    case 'beat':
      for (const socket of supervisors) send(socket, beat());
      break;
    case 'exit':
      end(order.code);
      break;
    case 'abort':
      process.abort();
      break;
    case 'hold':
      held.push(Buffer.alloc(order.megabytes * 1024 * 1024, 1));
      break;
    case 'fill-heap':
      for (const kept: unknown[] = []; ; ) kept.push(new Array(1_000).fill({}));
    case 'hang':
      for (;;);
    case 'ignore-stop':
      ignoresStop = true;
      break;
    case 'ignore-sigterm':
      process.on('SIGTERM', () => undefined);
      break;
    case 'grandchild':
      startGrandchild(order.strays);
      break;
    case 'print':
      process.stderr.write(order.text);
      break;
    case 'leave':
      for (const socket of supervisors) send(socket, { type: 'stopping', at: Date.now(), reason: order.reason });
      setImmediate(() => end(0));
  }
}

/** Calls for each frame of a socket. */
function eachFrame(socket: net.Socket, take: (value: unknown) => void): void {
  const decoder = new FrameDecoder();
  socket.on('data', (chunk) => {
    const frames = decoder.push(chunk);
    for (const value of frames.ok ? frames.value : []) take(value);
  });
}

mkdirSync(path.dirname(socketPath), { recursive: true });
rmSync(socketPath, { force: true });
const server = net.createServer((socket) => {
  socket.on('error', () => undefined);
  socket.once('close', () => supervisors.delete(socket));
  eachFrame(socket, (value) => {
    const frame = parseClientFrame(value);
    if (frame.ok) hear(socket, frame.value);
  });
});
await withSocketPath(socketPath, (fitting) => new Promise<void>((resolve) => server.listen(fitting, resolve)));
eachFrame(stage, (value) => {
  const order = parseOrder(value);
  obey(order);
  tell({ say: 'done', order: order.do });
});
stage.on('error', () => undefined);
stage.once('close', () => end(0));
tell({ say: 'up', agent: agentId, pid: process.pid, nonce });
