/**
 * Holds an agent stopped while a command works on its folder. Under a supervisor it is stopped for as long as a
 * connection stays open: when this command ends, however it ends, the agent goes on. Without one its Broca is asked to stop.
 */
import type { IncomingMessage } from 'node:http';
import net from 'node:net';
import {
  type AgentId,
  encodeControlRequest,
  failed,
  ok,
  parseControlError,
  parsePaused,
  type Result,
  withSocketPath,
} from 'animus-protocol';
import type { HomePaths } from '../home/paths.ts';
import { stopBroca } from './stop-broca.ts';
import { isHeldBySilent } from './supervisor.ts';

export type Pause = {
  /** It was running, and nobody starts it again by itself. */
  isLeftStopped: boolean;
  /** Lets the agent go on. */
  end(): void;
};

/** The error says why it could not be stopped. */
export async function pauseAgent(home: HomePaths, id: AgentId): Promise<Result<Pause, string>> {
  const held = await holdStopped(home.socket, id);
  if (held !== null && !held.ok) return held;
  if (held === null && (await isHeldBySilent(home)))
    return failed(`a supervisor has this home and does not answer: try again, or end it first (animus down)`);
  // What the supervisor does not know of, or holds for stopped, may run by hand.
  const stopped = await stopBroca(home, id);
  if (stopped.kind === 'failed') {
    held?.value();
    return failed(`${id} could not be stopped: ${stopped.reason}`);
  }
  return ok({ isLeftStopped: stopped.kind === 'stopped', end: held?.value ?? (() => undefined) });
}

/** Null: no supervisor runs, or it does not know the agent. The value ends the pause. */
async function holdStopped(socket: string, id: AgentId): Promise<Result<() => void, string> | null> {
  try {
    return await withSocketPath(socket, async (socketPath) => {
      const http = process.getBuiltinModule('node:http');
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const createConnection = (): net.Socket => net.connect(socketPath);
        http
          .request({ ...encodeControlRequest({ kind: 'pause', agent: id }), createConnection }, resolve)
          .once('error', reject)
          .end();
      });
      response.on('error', () => undefined);
      const body = await readFirst(response);
      if (response.statusCode === 404) return null;
      const paused = response.statusCode === 200 ? parsePaused(body) : failed(parseControlError(body) ?? 'the supervisor did not say why');
      if (paused.ok) return ok(() => void response.destroy());
      response.destroy();
      return failed(paused.error);
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return null;
    return failed(`the supervisor's connection broke: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The first line of a body, which may go on for ever. */
async function readFirst(response: IncomingMessage): Promise<unknown> {
  response.setEncoding('utf8');
  let text = '';
  await new Promise<void>((resolve) => {
    response.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve();
    });
    response.once('close', resolve);
  });
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
