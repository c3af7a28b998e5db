import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { type LettaErrorName, lettaErrors } from 'animus-testkit';
import { createLettaRest } from '../../packages/broca-core/src/turn/letta-rest.ts';
import { AGENT, KEY, openRig, toldRun, until } from './rig.ts';

const CREATE = 'conversations.messages.create';

test('a turn is sent once, in the background on the deduplicating route, and its run is told before it is over', async () => {
  await using rig = await openRig();
  rig.simulator.hold();
  const asked = rig.letta.ask(rig.attempt({ text: 'hi' }), rig.tell, rig.signal);
  const turn = await rig.simulator.turnStarted();
  await until(() => rig.news.length > 0, rig);
  assert.deepEqual(rig.news, [{ kind: 'run', runId: turn.runId }]);
  rig.simulator.release();
  const outcome = await asked;
  assert.deepEqual(outcome.kind === 'answered' && outcome.messages, ['echo: hi']);
  assert.deepEqual(
    rig.news.map(({ kind }) => kind),
    ['run', 'progress'],
  );
  assert.equal(turn.otid, 'db-1:1');
  assert.equal(turn.route, 'conversations');
  assert.equal(turn.background, true);
  assert.equal(rig.simulator.requests.length, 1);
});

test('every assistant message of a turn is kept in order, also when it comes in pieces', async () => {
  await using rig = await openRig();
  rig.simulator.answerNext([
    { kind: 'reasoning', text: 'hm' },
    { kind: 'assistant', text: 'Let me look.' },
    { kind: 'tool', name: 'search' },
    { kind: 'assistant', text: 'Here it is, with more words.' },
  ]);
  const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  assert.equal(outcome.kind, 'answered');
  assert.deepEqual(outcome.messages, ['Let me look.', 'Here it is, with more words.']);
  const newest = await rig.letta.newestMessageId(rig.signal);
  assert.deepEqual(newest, { kind: 'ok', value: outcome.newestMessageId });
});

test('an agent that says nothing is silent, which is no failure', async () => {
  await using rig = await openRig();
  rig.simulator.answerNext([{ kind: 'tool', name: 'note' }]);
  assert.equal((await rig.letta.ask(rig.attempt(), rig.tell, rig.signal)).kind, 'silent');
});

test('a run that fails, is cancelled, or lacks what a person must give', async () => {
  await using rig = await openRig();
  const outcomes: string[] = [];
  for (const errorType of ['llm_error', 'llm_rate_limit', 'internal_error', 'llm_authentication']) {
    rig.simulator.answerNext([
      { kind: 'assistant', text: 'half of' },
      { kind: 'fail', errorType, message: 'because' },
    ]);
    const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
    outcomes.push(`${outcome.kind} ${'reason' in outcome ? outcome.reason : ''}`);
  }
  assert.deepEqual(outcomes, [
    'failed the run failed: llm_error: because simulated failure',
    'failed the run failed: llm_rate_limit: because simulated failure',
    'failed the run failed: internal_error: because simulated failure',
    "held the model's provider does not accept the agent's key: because simulated failure",
  ]);
  rig.simulator.hold();
  const asked = rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  const turn = await rig.simulator.turnStarted({ number: 5 });
  await rig.letta.cancel(turn.runId, rig.signal);
  assert.deepEqual(await asked, { kind: 'failed', reason: 'the run was cancelled', isCancelled: true });
});

test('tool calls that want approval are denied, one after another, until the turn ends', async () => {
  await using rig = await openRig();
  rig.simulator.answerNext([
    { kind: 'assistant', text: 'I need a shell.' },
    { kind: 'approval', name: 'bash', toolCallId: 'call_a' },
  ]);
  rig.simulator.answerNext([{ kind: 'approval', name: 'bash', toolCallId: 'call_b' }]);
  rig.simulator.answerNext([{ kind: 'assistant', text: 'Then without.' }]);
  const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  assert.deepEqual(outcome.kind === 'answered' && outcome.messages, ['I need a shell.', 'Then without.']);
  const [first, ...denials] = rig.simulator.turns;
  assert.equal(denials.length, 2);
  assert.equal(toldRun(rig.news), first?.runId);
  assert.equal(rig.news.filter(({ kind }) => kind === 'run').length, 1);
});

for (const pendingApprovalAs of ['status', 'frame'] as const) {
  test(`what an older turn wants approved is denied first, and its answer is nobody's (said by ${pendingApprovalAs})`, async () => {
    await using rig = await openRig({ simulator: { pendingApprovalAs } });
    rig.simulator.answerNext([{ kind: 'approval', name: 'bash', toolCallId: 'call_old' }]);
    // Left pending by somebody else, who did not wait for the end.
    const elsewhere = rig.letta.ask(rig.attempt(), rig.tell, AbortSignal.abort());
    await elsewhere;
    await postAs(rig.simulator.url, 'somebody else');
    rig.simulator.answerNext([{ kind: 'assistant', text: 'stale words' }]);
    let outcome = await rig.letta.ask(rig.attempt({ text: 'new' }), rig.tell, rig.signal);
    if (pendingApprovalAs === 'frame') {
      assert.deepEqual([outcome.kind, outcome.kind === 'unavailable' && outcome.afterMs], ['unavailable', 0]);
      outcome = await rig.letta.ask(rig.attempt({ text: 'new' }), rig.tell, rig.signal);
    }
    assert.deepEqual(outcome.kind === 'answered' && outcome.messages, ['echo: new']);
  });
}

test('while another has the conversation it is waited for, and then sent with the same otid', async () => {
  await using rig = await openRig();
  rig.simulator.hold();
  const other = rig.letta.ask(rig.attempt({ text: 'other' }), () => undefined, rig.signal);
  const blocking = await rig.simulator.turnStarted();
  const asked = rig.letta.ask(rig.attempt({ text: 'mine' }), rig.tell, rig.signal);
  await rig.simulator.requested({ route: 'runs.retrieve' });
  rig.simulator.release();
  assert.deepEqual([(await other).kind, (await asked).kind], ['answered', 'answered']);
  assert.equal(blocking.text, 'other');
  assert.deepEqual(
    rig.simulator.turns.map(({ text }) => text),
    ['other', 'mine'],
  );
});

const refusals: [LettaErrorName, string][] = [
  ['unauthorized', 'held'],
  ['providerUnauthorized', 'held'],
  ['insufficientCredits', 'held'],
  ['forbidden', 'held'],
  ['outOfCredits', 'held'],
  ['quotaReached', 'held'],
  ['rateLimited', 'unavailable'],
  ['providerRateLimit', 'unavailable'],
  ['unavailable', 'unavailable'],
  ['shuttingDown', 'unavailable'],
  ['databaseLocked', 'unavailable'],
  ['internal', 'unavailable'],
  ['badGateway', 'unknown'],
  ['providerBadRequest', 'rejected'],
  ['providerError', 'failed'],
];

for (const [name, kind] of refusals) {
  test(`refused with ${name}, an attempt is ${kind}, and is not sent again`, async () => {
    await using rig = await openRig();
    rig.simulator.fault({ kind: 'status', ...lettaErrors[name], route: CREATE });
    const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
    assert.equal(outcome.kind, kind);
    assert.equal(rig.simulator.requests.filter(({ route }) => route === CREATE).length, 1);
    assert.equal(rig.simulator.turns.length, 0);
  });
}

test('Retry-After is kept, within reason', async () => {
  await using rig = await openRig();
  rig.simulator.fault({ kind: 'status', status: 429, body: { error: 'Rate limited' }, headers: { 'retry-after': '17' }, route: CREATE });
  const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  assert.equal(outcome.kind === 'unavailable' && outcome.afterMs, 17_000);
  const years = { 'retry-after': '999999999' };
  rig.simulator.fault({ kind: 'status', status: 429, body: { error: 'Rate limited' }, headers: years, route: CREATE });
  const never = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  assert.equal(never.kind === 'unavailable' && never.afterMs, 3_600_000, 'an hour at most');
});

test('a gateway that gives up while the agent works on: the run is found and followed, not run again', async () => {
  await using rig = await openRig();
  rig.simulator.fault({ kind: 'status', ...lettaErrors.badGateway, ran: true, route: CREATE });
  const outcome = await rig.letta.ask(rig.attempt({ text: 'hi' }), rig.tell, rig.signal);
  assert.deepEqual(outcome.kind === 'answered' && outcome.messages, ['echo: hi']);
  assert.equal(rig.simulator.turns.length, 1);
});

test('refused in words that are not Letta’s, an attempt is unknown: the request may be on its way still', async () => {
  await using rig = await openRig();
  const bodies = ['<html>503 Service Unavailable</html>', { message: 'Endpoint request timed out' }];
  for (const [at, body] of bodies.entries()) {
    rig.simulator.fault({ kind: 'status', status: at === 0 ? 503 : 504, body, route: CREATE });
    assert.equal((await rig.letta.ask(rig.attempt(), rig.tell, rig.signal)).kind, 'unknown');
  }
});

test('Letta says that it broke, and the run goes on all the same: it is not asked anew', async () => {
  await using rig = await openRig();
  rig.simulator.hold();
  rig.simulator.fault({ kind: 'status', ...lettaErrors.internal, ran: true, route: CREATE });
  // Its memory of the otid is gone with what broke; the active run is the only trace.
  rig.simulator.fault({ kind: 'status', status: 404, body: { detail: 'No run found for otid=x' }, route: 'conversations.messages.stream' });
  const outcome = await rig.letta.ask(rig.attempt({ text: 'hi' }), rig.tell, rig.signal);
  assert.equal(outcome.kind, 'unknown');
  rig.simulator.release();
});

test('an agent or a key that Letta does not know is held', async () => {
  await using rig = await openRig();
  const wrongKey = rig.restarted({ apiKey: 'sk-other-secret' });
  assert.equal((await wrongKey.check(rig.signal)).kind, 'held');
  assert.equal((await wrongKey.ask(rig.attempt(), rig.tell, rig.signal)).kind, 'held');
  const noId = rig.restarted({ agentId: 'agent-x' });
  assert.equal((await noId.check(rig.signal)).kind, 'held');
  assert.equal((await noId.ask(rig.attempt(), rig.tell, rig.signal)).kind, 'held');
  assert.deepEqual(await rig.letta.check(rig.signal), { kind: 'reachable', agentName: 'Ada' });
  rig.simulator.removeAgent(AGENT);
  assert.equal((await rig.letta.check(rig.signal)).kind, 'held');
});

test('an endpoint written with /v1, with a slash, or plain is one endpoint', async () => {
  await using rig = await openRig();
  for (const ending of ['', '/', '/v1', '/v1/']) {
    const letta = rig.restarted({ endpoint: `${rig.simulator.url}${ending}` });
    assert.equal((await letta.check(rig.signal)).kind, 'reachable');
  }
});

for (const how of ['close', 'reset', 'end'] as const) {
  for (const place of [{ afterBytes: 0 }, { afterFrames: 1 }, { afterBytes: 150 }]) {
    test(`an answer cut off (${how}, ${JSON.stringify(place)}) leaves the attempt unknown, and settling finds the answer`, async () => {
      await using rig = await openRig();
      rig.simulator.hold();
      rig.simulator.fault({ kind: 'cut', how, ...place, route: CREATE });
      const attempt = rig.attempt({ text: 'hi' });
      const asked = rig.letta.ask(attempt, rig.tell, rig.signal);
      await rig.simulator.turnStarted();
      rig.simulator.release();
      assert.equal((await asked).kind, 'unknown');
      const found = await rig.letta.settle({ ...attempt, runId: toldRun(rig.news) }, rig.tell, rig.signal);
      assert.deepEqual(found.kind === 'over' && found.outcome.kind === 'answered' && found.outcome.messages, ['echo: hi']);
      assert.equal(rig.simulator.turns.length, 1);
    });
  }
}

test('nobody listening is unavailable; a connection dropped with the request in it is unknown', async () => {
  await using rig = await openRig();
  rig.simulator.fault({ kind: 'drop', route: CREATE });
  assert.equal((await rig.letta.ask(rig.attempt(), rig.tell, rig.signal)).kind, 'unknown');
  await rig.simulator.goOffline();
  assert.equal((await rig.letta.ask(rig.attempt(), rig.tell, rig.signal)).kind, 'unavailable');
  assert.equal((await rig.letta.check(rig.signal)).kind, 'unreachable');
  const nowhere = createLettaRest({ endpoint: 'http://no-such-host.invalid', apiKey: KEY, agentId: AGENT });
  assert.equal((await nowhere.ask(rig.attempt(), rig.tell, rig.signal)).kind, 'unavailable');
  await nowhere.close();
});

test('a stream that falls silent, pings and all, is left after the idle timeout', async () => {
  await using rig = await openRig({ letta: { idleTimeoutMs: 60 } });
  rig.simulator.fault({ kind: 'stall', afterFrames: 1, route: CREATE });
  const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  assert.deepEqual(outcome, { kind: 'unknown', reason: 'no word for 60 ms' });
});

for (const [status, reason] of [
  ['gone', /gone/],
  ['failed', /over/],
  ['completed', /over/],
] as const) {
  test(`pings alone do not hold an attempt whose run is ${status}`, async () => {
    await using rig = await openRig({ letta: { pingsOnlyMs: 40 } });
    rig.simulator.hold();
    const asked = rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
    const turn = await rig.simulator.turnStarted();
    await rig.simulator.waitFor((event) => event.kind === 'request' && event.request.route === 'runs.retrieve');
    rig.simulator.vanishRun(turn.runId, status);
    const outcome = await asked;
    assert.equal(outcome.kind, 'unknown');
    assert.match('reason' in outcome ? outcome.reason : '', reason);
  });
}

test('pings hold an attempt as long as its run goes on', async () => {
  await using rig = await openRig({ letta: { pingsOnlyMs: 15, idleTimeoutMs: 2_000 } });
  rig.simulator.hold();
  const asked = rig.letta.ask(rig.attempt({ text: 'slow' }), rig.tell, rig.signal);
  await rig.simulator.requested({ route: 'runs.retrieve', number: 3 });
  rig.simulator.release();
  assert.equal((await asked).kind, 'answered');
});

test('without Redis a turn runs in the foreground, with its otid, and the server is not asked for more each time', async () => {
  await using rig = await openRig();
  rig.simulator.redisOff();
  for (const text of ['one', 'two']) {
    const outcome = await rig.letta.ask(rig.attempt({ text }), rig.tell, rig.signal);
    assert.deepEqual(outcome.kind === 'answered' && outcome.messages, [`echo: ${text}`]);
  }
  assert.deepEqual(
    rig.simulator.turns.map(({ route, background, otid }) => [route, background, otid]),
    [
      ['agents', false, 'db-1:1'],
      ['agents', false, 'db-2:1'],
    ],
  );
  assert.equal(rig.simulator.requests.filter(({ route }) => route === CREATE).length, 1);
});

test('without Redis, too, tool calls are denied', async () => {
  await using rig = await openRig();
  rig.simulator.redisOff();
  rig.simulator.answerNext([{ kind: 'approval', name: 'bash' }]);
  rig.simulator.answerNext([{ kind: 'assistant', text: 'Without, then.' }]);
  const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  assert.deepEqual(outcome.kind === 'answered' && outcome.messages, ['Without, then.']);
});

test('waiting ends with the signal, and with close; the run goes on', async () => {
  await using rig = await openRig();
  rig.simulator.hold();
  const stop = new AbortController();
  const first = rig.letta.ask(rig.attempt(), rig.tell, stop.signal);
  const turn = await rig.simulator.turnStarted();
  stop.abort();
  assert.equal((await first).kind, 'unknown');
  assert.equal(turn.endedAt, null);
  const second = rig.letta.settle(rig.attempt({ otid: 'db-1:1', runId: turn.runId }), rig.tell, rig.signal);
  await rig.simulator.requested({ route: 'runs.messages.stream' });
  await rig.letta.close();
  assert.equal((await second).kind, 'later');
  rig.simulator.release();
  assert.equal((await rig.simulator.turnEnded()).outcome, 'completed');
});

test('the key is in no reason, even when the server repeats it', async () => {
  await using rig = await openRig();
  rig.simulator.fault({ kind: 'status', status: 401, body: { detail: `bad key ${KEY}` }, times: Number.POSITIVE_INFINITY });
  const outcome = await rig.letta.ask(rig.attempt(), rig.tell, rig.signal);
  const check = await rig.letta.check(rig.signal);
  assert.match(JSON.stringify([outcome, check]), /bad key \[key\]/);
  assert.doesNotMatch(JSON.stringify([outcome, check]), /secret/);
});

test('an answer that is no HTTP at all is a broken one', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const letta = createLettaRest({ endpoint: `http://127.0.0.1:${port}`, apiKey: KEY, agentId: AGENT });
  assert.equal((await letta.check(AbortSignal.timeout(5_000))).kind, 'unreachable');
  await letta.close();
  server.close();
});

/** A turn of another client, read to its end. */
async function postAs(url: string, content: string): Promise<void> {
  const response = await fetch(`${url}/v1/conversations/default/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ agent_id: AGENT, messages: [{ role: 'user', content }], streaming: true, background: true }),
  });
  await response.text();
}

test('images go along as content parts; one whose file is gone is said to be, under the same otid', async () => {
  await using rig = await openRig();
  const image = { path: `attachments/ab/${'ab'.repeat(32)}.png`, type: 'image/png', bytes: 3, name: 'a.png' };
  const gone = { ...image, path: `attachments/cd/${'cd'.repeat(32)}.png`, name: 'b.png' };
  const letta = rig.restarted({ readImage: async ({ name }) => (name === 'a.png' ? Buffer.from('png') : null) });
  const attempt = rig.attempt({ text: 'look', images: [image, gone] });
  assert.equal((await letta.ask(attempt, rig.tell, rig.signal)).kind, 'answered');
  assert.deepEqual(rig.simulator.turns[0]?.content, [
    { type: 'text', text: 'look' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'cG5n' } },
    { type: 'text', text: '[Image Attachment: b.png, image/png, 3 bytes: the file is gone]' },
  ]);
  assert.equal(rig.simulator.turns[0]?.otid, attempt.otid);
});
