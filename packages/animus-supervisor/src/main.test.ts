/** The supervisor as a program: its lock, its signals, its end, and that the Brocas outlive it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import {
  type AgentId,
  type ControlEvent,
  type ControlReply,
  type ControlRequest,
  encodeControlRequest,
  parseControlError,
  parseControlEvent,
  parseControlReply,
  withSocketPath,
} from 'animus-protocol';
import { Rig } from './fleet/fleet.fixture.ts';
import { Program, release } from './fleet/program.fixture.ts';
import { homePaths } from './home/paths.ts';

const A = 'agent-a';
const B = 'agent-b';

async function ask<K extends keyof ControlReply>(home: string, request: ControlRequest & { kind: K }): Promise<ControlReply[K]> {
  const { status, body } = await send(home, encodeControlRequest(request));
  assert.equal(status, 200, JSON.stringify(body));
  const reply = parseControlReply(request.kind, body);
  assert.ok(reply.ok, JSON.stringify(reply));
  return reply.value;
}

async function send(home: string, { method, path: url }: { method: string; path: string }): Promise<{ status: number; body: unknown }> {
  return await withSocketPath(homePaths(home).socket, async (socketPath) => {
    const request = http.request({ socketPath, method, path: url }).end();
    const [response]: http.IncomingMessage[] = await once(request, 'response');
    assert.ok(response);
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode ?? 0, body: JSON.parse(text) };
  });
}

async function rigWithReleases(agents: readonly AgentId[]): Promise<Rig> {
  const rig = await Rig.open(agents);
  for (const agent of agents) release(rig.home, agent);
  return rig;
}

test('up, status, restart, stop, start, down: each reply is true when it comes', async () => {
  await using rig = await rigWithReleases([A, B]);
  await using program = new Program(rig.home);
  assert.equal((await program.firstLine()).ready, true);
  assert.equal(statSync(homePaths(rig.home).socket).mode & 0o777, 0o600);
  const all = await ask(rig.home, { kind: 'start-all' });
  assert.deepEqual(
    all.agents.map(({ id, phase }) => [id, phase]),
    [
      [A, 'ready'],
      [B, 'ready'],
    ],
  );
  const first = await rig.puppet(A);
  const restarted = await ask(rig.home, { kind: 'restart', agent: A });
  assert.equal(restarted.pid, (await rig.puppet(A)).pid);
  assert.notEqual(restarted.pid, first.pid);
  assert.equal((await ask(rig.home, { kind: 'stop', agent: A })).phase, 'stopped');
  assert.equal(rig.stage.live(A).length, 0);
  const status = await ask(rig.home, { kind: 'status' });
  assert.equal(status.supervisor.pid, program.child.pid);
  assert.deepEqual(
    status.agents.map(({ id, phase, wanted }) => [id, phase, wanted]),
    [
      [A, 'stopped', 'stopped'],
      [B, 'ready', 'running'],
    ],
  );
  assert.equal((await ask(rig.home, { kind: 'start', agent: A })).ok, true);
  assert.equal((await send(rig.home, { method: 'POST', path: '/v1/agents/nobody/start' })).status, 404);
  assert.deepEqual((await ask(rig.home, { kind: 'down' })).stopped.sort(), [A, B]);
  const [code] = await program.exited;
  assert.equal(code, 0);
  assert.equal(existsSync(homePaths(rig.home).socket), false);
  assert.equal(rig.stage.live(A).length + rig.stage.live(B).length, 0);
});

/** Follows the event stream until the returned function is called. */
async function follow(home: string, url: string, take: (event: ControlEvent) => void, headers: http.OutgoingHttpHeaders = {}) {
  return await withSocketPath(homePaths(home).socket, async (socketPath) => {
    const request = http.get({ socketPath, path: url, headers });
    const [response]: http.IncomingMessage[] = await once(request, 'response');
    assert.ok(response);
    // Let go of in the middle, as a client that ends.
    response.on('error', () => undefined);
    createInterface({ input: response })
      .on('error', () => undefined)
      .on('line', (line) => {
        const event = line.startsWith('data: ') ? parseControlEvent(JSON.parse(line.slice(6))) : null;
        if (event !== null) take(event.ok ? event.value : assert.fail(event.error));
      });
    return () => request.destroy();
  });
}

test('events are a stream; a refused start says why', async () => {
  await using rig = await rigWithReleases([A]);
  await using program = new Program(rig.home);
  await program.firstLine();
  await ask(rig.home, { kind: 'start', agent: A });
  const { promise: told, resolve } = Promise.withResolvers<string>();
  await follow(rig.home, '/v1/events', (event) => event.kind === 'agent-died' && resolve(`${event.agent} ${event.message}`));
  (await rig.puppet(A)).do({ do: 'exit', code: 5 });
  assert.equal(await told, 'agent-a exited with code 5; started again');
  await rig.puppet(A);
  rig.furnish(A, false);
  const refused = send(rig.home, { method: 'POST', path: '/v1/agents/a/restart' });
  (await rig.puppet(A)).do({ do: 'exit', code: 78 });
  const { status, body } = await refused;
  assert.equal(status, 409);
  assert.match(parseControlError(body) ?? '', /agent-a cannot start/);
  await ask(rig.home, { kind: 'down' });
  await program.exited;
});

test('who follows events goes on where they were, over a restart of the supervisor, whatever the log level', async () => {
  await using rig = await rigWithReleases([A, B]);
  writeFileSync(homePaths(rig.home).config, '{ "logs": { "level": "error" }, "supervisor": { "isolation": "off" } }');
  await using first = new Program(rig.home);
  await first.firstLine();
  await ask(rig.home, { kind: 'start-all' });
  const seen: ControlEvent[] = [];
  const isReady = Promise.withResolvers<void>();
  const stop = await follow(rig.home, '/v1/events?after=0&agent=a', (event) => {
    seen.push(event);
    if (event.kind === 'agent-phase' && event.details['to'] === 'ready') isReady.resolve();
  });
  await isReady.promise;
  stop();
  assert.ok(seen.every(({ agent }) => agent === A));
  const last = seen.at(-1)?.id ?? 0;
  await first.kill('SIGTERM');
  await using second = new Program(rig.home);
  await second.firstLine();
  const more: ControlEvent[] = [];
  const adopted = Promise.withResolvers<void>();
  await follow(rig.home, '/v1/events', (event) => more.push(event) && event.kind === 'agent-adopted' && adopted.resolve(), {
    'last-event-id': String(last),
  });
  await adopted.promise;
  assert.equal(more[0]?.id, last + 1);
  for (const [index, { id }] of more.entries()) assert.equal(id, last + 1 + index);
  assert.ok(more.some(({ kind }) => kind === 'supervisor-stopping') && more.some(({ kind }) => kind === 'supervisor-started'));
  assert.equal(readFileSync(homePaths(rig.home).supervisorLog, 'utf8').includes('agent-adopted'), false);
  assert.equal(statSync(homePaths(rig.home).eventsLog).mode & 0o777, 0o600);
  await ask(rig.home, { kind: 'down' });
  await second.exited;
});

test('a program can ask what may be asked', async () => {
  await using rig = await rigWithReleases([A]);
  await using program = new Program(rig.home);
  await program.firstLine();
  const surface = await ask(rig.home, { kind: 'surface' });
  assert.equal(surface.api, 1);
  assert.ok(surface.requests.some(({ method, path: url }) => method === 'GET' && url === '/v1/status'));
  const fresh = await ask(rig.home, { kind: 'status', isFresh: true });
  assert.equal(fresh.agents.length, 1);
  await ask(rig.home, { kind: 'down' });
  await program.exited;
});

test('a home whose path is longer than a socket path may be works all the same', async () => {
  await using rig = await Rig.open([A], true, 'a-long-name-of-a-folder/'.repeat(6));
  release(rig.home, A);
  assert.ok(homePaths(rig.home).socket.length > 108);
  await using program = new Program(rig.home);
  await program.firstLine();
  assert.equal((await ask(rig.home, { kind: 'start', agent: A })).ok, true);
  await ask(rig.home, { kind: 'down' });
  assert.equal((await program.exited)[0], 0);
});

test('of ten supervisors started at once, one runs', async () => {
  await using rig = await rigWithReleases([A]);
  const programs = Array.from({ length: 10 }, () => new Program(rig.home));
  const lines = await Promise.all(programs.map((program) => program.firstLine()));
  assert.equal(lines.filter(({ ready }) => ready).length, 1);
  assert.match(lines.find(({ ready }) => !ready)?.message ?? '', /another supervisor runs/);
  await ask(rig.home, { kind: 'start', agent: A });
  await ask(rig.home, { kind: 'down' });
  const codes = await Promise.all(programs.map(async ({ exited }) => (await exited)[0]));
  assert.deepEqual(codes.sort(), [0, ...Array(9).fill(1)]);
  assert.equal(rig.stage.mostAtOnce(A), 1);
});

test('kill -9 of the supervisor costs no Broca; the next one takes them over; SIGTERM leaves them, SIGINT ends them', async () => {
  await using rig = await rigWithReleases([A, B]);
  await using killed = new Program(rig.home);
  await killed.firstLine();
  const pids = (await ask(rig.home, { kind: 'start-all' })).agents.map(({ pid }) => pid);
  await killed.kill('SIGKILL');
  for (const leaves of [true, false]) {
    await using next = new Program(rig.home);
    await next.firstLine();
    const { agents } = await ask(rig.home, { kind: 'start-all' });
    assert.deepEqual(
      agents.map(({ pid }) => pid),
      pids,
    );
    next.child.kill('SIGHUP');
    const after = await ask(rig.home, { kind: 'status' });
    assert.deepEqual([after.supervisor.pid, ...after.agents.map(({ phase }) => phase)], [next.child.pid, 'ready', 'ready']);
    assert.deepEqual([...rig.stage.live(A), ...rig.stage.live(B)].length, 2);
    assert.equal(await next.kill(leaves ? 'SIGTERM' : 'SIGINT'), 0);
    assert.equal(rig.stage.live(A).length, leaves ? 1 : 0);
  }
  assert.deepEqual([rig.stage.mostAtOnce(A), rig.stage.mostAtOnce(B), rig.stage.live(B).length], [1, 1, 0]);
  const log = readFileSync(homePaths(rig.home).supervisorLog, 'utf8').trim().split('\n');
  assert.ok(log.every((line) => typeof JSON.parse(line).kind === 'string'));
});
