import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lettaErrors } from './errors.ts';
import { AGENT, call, frames, resume, SEND, send, start, WHOLE } from './test-client.ts';

describe('status faults', { timeout: 20_000 }, () => {
  test('a burst hits n requests of its route, and nobody was asked', async () => {
    await using simulator = await start();
    const burst = simulator.fault({ kind: 'status', route: SEND, times: 3, ...lettaErrors.rateLimited });
    for (let n = 0; n < 3; n += 1) {
      const refused = await send(simulator, 'o-1');
      assert.deepEqual([refused.status, await refused.json()], [429, { error: 'Rate limited', reasons: ['too-many-requests'] }]);
    }
    assert.equal((await call(simulator, `/v1/agents/${AGENT}`, { method: 'GET' })).status, 200);
    assert.deepEqual(await frames(await send(simulator, 'o-1')), WHOLE);
    assert.deepEqual([burst.hits, simulator.turns.length], [3, 1]);
    assert.equal((await burst.fired).number, 1);
  });

  test('ran: the gateway gives up, the turn was run all the same', async () => {
    await using simulator = await start();
    simulator.fault({ kind: 'status', ran: true, ...lettaErrors.badGateway });
    assert.equal((await send(simulator, 'o-1')).status, 502);
    assert.equal((await simulator.turnEnded({ otid: 'o-1' })).outcome, 'completed');
    assert.deepEqual(await frames(await resume(simulator, 'o-1')), WHOLE);
  });

  test('matching: method, path, agent; lasting until removed', async () => {
    await using simulator = await start();
    simulator.addAgent({ id: 'agent-two', apiKey: 'key-a' });
    const get = async (id: string): Promise<number> => (await call(simulator, `/v1/agents/${id}`, { method: 'GET' })).status;
    const lasting = simulator.fault({
      kind: 'status',
      agentId: 'agent-two',
      method: 'GET',
      path: /agents/,
      times: Infinity,
      status: 500,
      body: null,
    });
    assert.deepEqual([await get(AGENT), await get('agent-two'), await get('agent-two')], [200, 500, 500]);
    lasting.remove();
    assert.equal(await get('agent-two'), 200);
    simulator.fault({ kind: 'status', times: Infinity, status: 500, body: null });
    simulator.clearFaults();
    assert.equal(await get(AGENT), 200);
  });
});

describe('connection faults', { timeout: 20_000 }, () => {
  test('drop: closed before anything ran', async () => {
    await using simulator = await start();
    simulator.fault({ kind: 'drop' });
    await assert.rejects(send(simulator, 'o-1'), TypeError);
    assert.equal(simulator.turns.length, 0);
  });

  test('cut at nothing: the turn ran, not a byte came', async () => {
    await using simulator = await start();
    simulator.fault({ kind: 'cut' });
    await assert.rejects(send(simulator, 'o-1'), TypeError);
    assert.equal((await simulator.turnEnded()).outcome, 'completed');
    assert.deepEqual(await frames(await resume(simulator, 'o-1')), WHOLE);
  });

  test('cut after frames: the run is known, then the connection breaks', async () => {
    await using simulator = await start();
    for (const how of ['close', 'reset'] as const) {
      simulator.fault({ kind: 'cut', afterFrames: 1, how });
      const response = await send(simulator, how);
      await assert.rejects(frames(response), TypeError, how);
      await simulator.turnEnded({ otid: how });
    }
  });

  test('cut after bytes, politely: a clean end in the middle of a frame', async () => {
    await using simulator = await start();
    simulator.fault({ kind: 'cut', afterBytes: 40, how: 'end' });
    const text = await (await send(simulator, 'o-1')).text();
    assert.equal(text.length, 40);
    assert.ok(text.startsWith('data: {"id":"ping-'));
    assert.equal((await simulator.turnEnded()).outcome, 'completed');
  });

  test('a cut JSON answer cannot be read', async () => {
    await using simulator = await start();
    simulator.fault({ kind: 'cut', route: 'agents.retrieve', afterBytes: 10 });
    const response = await call(simulator, `/v1/agents/${AGENT}`, { method: 'GET' });
    await assert.rejects(response.text(), TypeError);
  });

  test('stall: silence with an open connection, pings only where they are let through', async () => {
    await using simulator = await start();
    for (const pings of [true, false]) {
      simulator.fault({ kind: 'stall', afterFrames: 1, pings });
      const left = new AbortController();
      const response = await send(simulator, `o-${pings}`, { signal: left.signal });
      await simulator.turnEnded({ otid: `o-${pings}` });
      simulator.pingAll();
      assert.equal(response.status, 200);
      if (pings) {
        assert.deepEqual(await frames(response, 2), ['ping', 'ping']);
      } else {
        assert.deepEqual(await frames(response, 1), ['ping']);
      }
      left.abort();
    }
  });

  test('hold: looked at when released; a client that left in between is carried out all the same', async () => {
    await using simulator = await start();
    const held = simulator.fault({ kind: 'hold' });
    const left = new AbortController();
    const response = send(simulator, 'o-1', { signal: left.signal });
    await held.fired;
    left.abort();
    await assert.rejects(response);
    assert.equal(simulator.turns.length, 0);
    held.release();
    assert.equal((await simulator.turnEnded({ otid: 'o-1' })).outcome, 'completed');
  });

  test('delay: later, and as if nothing had been', async () => {
    await using simulator = await start();
    simulator.fault({ kind: 'delay', ms: 1 });
    assert.deepEqual(await frames(await send(simulator, 'o-1')), WHOLE);
  });
});

describe('what tests hold in hand', { timeout: 20_000 }, () => {
  test('scripts, queued answers, holding one turn, an agent taken away', async () => {
    await using simulator = await start();
    simulator.setScript(({ number, text }) => [{ kind: 'assistant', text: `${number}: ${text}` }]);
    simulator.answerNext(
      [
        { kind: 'pause', ms: 1 },
        { kind: 'assistant', text: 'planned' },
      ],
      AGENT,
    );
    await frames(await send(simulator, 'a'));
    simulator.hold(AGENT);
    const held = send(simulator, 'b');
    const turn = await simulator.turnStarted({ number: 2 });
    await simulator.requested({ route: SEND, number: 2 });
    simulator.releaseOne(turn);
    await frames(await held);
    assert.deepEqual(
      simulator.turnsOf(AGENT).map(({ replies }) => replies),
      [['planned'], ['2: b']],
    );
    simulator.removeAgent(AGENT);
    assert.equal((await send(simulator, 'c')).status, 401);
  });
});
