/** What the server forgets, by time, by accident or by dying, and what it remembers all the same. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lettaErrors } from './errors.ts';
import { LOCK_TTL_MS, OTID_WINDOW_MS } from './redis.ts';
import { AGENT, call, frames, resume, resumeRun, send, start, statusOfRun, WHOLE } from './test-client.ts';

describe('Redis', { timeout: 20_000 }, () => {
  test('off: background is refused with 503 and leaves a failed run behind; foreground runs without a lock or a memory', async () => {
    await using simulator = await start();
    simulator.redisOff();
    const refused = await send(simulator, 'o-1');
    assert.deepEqual([refused.status, await refused.json()], [503, lettaErrors.needsRedis.body]);
    const runs: { status: string }[] = JSON.parse(await (await call(simulator, '/v1/runs/', { method: 'GET' })).text());
    assert.deepEqual([runs.map(({ status }) => status), simulator.turns.length], [['failed'], 0]);
    assert.equal((await resume(simulator, 'o-1')).status, 503);
    simulator.hold();
    const both = [send(simulator, 'o-1', { background: false }), send(simulator, 'o-1', { background: false })];
    await simulator.turnStarted({ number: 2 });
    simulator.release();
    for (const response of both) {
      assert.equal((await frames(await response)).at(-1), 'data: [DONE]');
    }
    simulator.redisOn();
    assert.equal((await send(simulator, 'o-2')).status, 200);
  });

  test('a foreground run is locked but not deduplicated, and cannot be read again', async () => {
    await using simulator = await start();
    await frames(await send(simulator, 'o-1', { background: false }));
    await frames(await send(simulator, 'o-1', { background: false }));
    assert.equal(simulator.turns.length, 2);
    const [run] = simulator.turns.map(({ runId }) => runId);
    const response = await resumeRun(simulator, run ?? '');
    assert.deepEqual(
      [response.status, await response.json()],
      [400, { detail: 'Run was not created in background mode, so it cannot be retrieved.' }],
    );
    // By otid it is found all the same, and nothing ever comes.
    const opened = simulator.waitFor(({ kind }) => kind === 'stream-opened');
    const forEver = resume(simulator, 'o-1');
    await opened;
    simulator.pingAll();
    assert.deepEqual(await frames(await forEver, 1), ['ping']);
  });

  test('flushed: the otid is unknown, the rows are still there, a repetition runs again', async () => {
    await using simulator = await start();
    await frames(await send(simulator, 'o-1'));
    simulator.flushRedis();
    const unknown = await resume(simulator, 'o-1');
    assert.deepEqual(
      [unknown.status, await unknown.json()],
      [404, { detail: 'No run found for otid=o-1. The run may have expired or never existed.' }],
    );
    const rows: { otid: string }[] = JSON.parse(await (await call(simulator, `/v1/agents/${AGENT}/messages`, { method: 'GET' })).text());
    assert.ok(rows.some(({ otid }) => otid === 'o-1'));
    assert.equal(await statusOfRun(simulator, simulator.turns[0]?.runId ?? ''), 'completed');
    await frames(await send(simulator, 'o-1'));
    assert.equal(simulator.turns.length, 2);
  });

  test('flushed while a run goes on: its stream keeps only what comes after, its lock is gone', async () => {
    await using simulator = await start();
    simulator.hold();
    const first = await send(simulator, 'o-1');
    const { runId } = await simulator.turnStarted();
    assert.equal((await frames(first, 1)).length, 1);
    simulator.flushRedis();
    const opened = simulator.waitFor(({ kind }) => kind === 'stream-opened');
    const again = resumeRun(simulator, runId);
    await opened;
    const second = send(simulator, 'o-2');
    await simulator.turnStarted({ number: 2 });
    simulator.release();
    assert.deepEqual(await frames(await again), WHOLE.slice(1));
    await frames(await second);
  });

  test('the window closes after three hours: no dedupe, no resumption, 410 by run', async () => {
    await using simulator = await start();
    await frames(await send(simulator, 'o-1'));
    simulator.advance(OTID_WINDOW_MS - 60_000);
    await frames(await send(simulator, 'o-1'));
    assert.equal(simulator.turns.length, 1);
    simulator.advance(120_000);
    assert.equal((await resume(simulator, 'o-1')).status, 404);
    const expired = await resumeRun(simulator, simulator.turns[0]?.runId ?? '');
    assert.deepEqual(
      [expired.status, await expired.json()],
      [410, { detail: 'Run was created more than 3 hours ago, and is now expired.' }],
    );
    await frames(await send(simulator, 'o-1'));
    assert.equal(simulator.turns.length, 2);
  });

  test('a turn of more than five minutes loses its lock', async () => {
    await using simulator = await start();
    simulator.hold();
    const first = send(simulator, 'o-1');
    await simulator.turnStarted();
    assert.equal((await send(simulator, 'o-2')).status, 409);
    simulator.advance(LOCK_TTL_MS + 1);
    const second = send(simulator, 'o-2');
    await simulator.turnStarted({ number: 2 });
    simulator.release();
    await Promise.all([frames(await first), frames(await second)]);
  });

  test('a cursor past the end of a finished run waits for ever', async () => {
    await using simulator = await start();
    await frames(await send(simulator, 'o-1'));
    const opened = simulator.waitFor(({ kind }) => kind === 'stream-opened');
    const forEver = resume(simulator, 'o-1', WHOLE.length);
    await opened;
    simulator.pingAll();
    assert.deepEqual(await frames(await forEver, 1), ['ping']);
  });
});

describe('vanished runs and restarts', { timeout: 20_000 }, () => {
  test('a vanished run pings for ever; its record says what it says', async () => {
    await using simulator = await start();
    simulator.hold();
    for (const status of ['running', 'failed', 'gone'] as const) {
      const response = await send(simulator, status);
      const { runId } = await simulator.turnStarted({ otid: status });
      simulator.vanishRun(runId, status);
      assert.equal(simulator.turns.at(-1)?.outcome, 'lost');
      simulator.pingAll();
      assert.deepEqual(await frames(response, 2), ['ping', 'ping']);
      assert.equal(await statusOfRun(simulator, runId), status === 'gone' ? null : status);
      simulator.flushRedis({ locks: true });
    }
  });

  test('restart, runs go on: connections break, memory stays, the same port', async () => {
    await using simulator = await start();
    simulator.hold();
    const { url } = simulator;
    const response = await send(simulator, 'o-1');
    await simulator.turnStarted();
    await simulator.restart('go-on');
    await assert.rejects(frames(response), TypeError);
    assert.equal(simulator.url, url);
    simulator.release();
    await simulator.turnEnded();
    assert.deepEqual(await frames(await send(simulator, 'o-1')), WHOLE);
    assert.equal(simulator.turns.length, 1);
  });

  test('restart, runs lost: running for ever, locked until the lock expires', async () => {
    await using simulator = await start();
    simulator.hold();
    await send(simulator, 'o-1');
    const turn = await simulator.turnStarted();
    await simulator.restart('lost');
    simulator.release();
    assert.deepEqual([turn.outcome, await statusOfRun(simulator, turn.runId)], ['lost', 'running']);
    assert.equal((await send(simulator, 'o-2')).status, 409);
    simulator.advance(LOCK_TTL_MS + 1);
    assert.deepEqual(await frames(await send(simulator, 'o-2')), WHOLE);
    assert.equal(await statusOfRun(simulator, turn.runId), 'running');
    assert.equal((await call(simulator, `/v1/agents/${AGENT}/messages/cancel`, { body: {} })).status, 200);
    assert.equal(await statusOfRun(simulator, turn.runId), 'cancelled');
  });

  test('restart, runs failed in good order', async () => {
    await using simulator = await start();
    simulator.hold();
    await send(simulator, 'o-1');
    await simulator.turnStarted();
    await simulator.restart('failed');
    const text = await (await resume(simulator, 'o-1')).text();
    assert.match(text, /event: error\ndata: .*stream_task_cancelled/);
  });

  test('offline refuses connections; a request held when it went down is never carried out', async () => {
    await using simulator = await start();
    const held = simulator.fault({ kind: 'hold' });
    const response = assert.rejects(send(simulator, 'o-1'));
    await held.fired;
    await simulator.goOffline();
    await response;
    held.release();
    await assert.rejects(send(simulator, 'o-2'), TypeError);
    await simulator.goOnline();
    assert.deepEqual(await frames(await send(simulator, 'o-3')), WHOLE);
    assert.deepEqual(
      simulator.turns.map(({ otid }) => otid),
      ['o-3'],
    );
  });
});
