import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AgentStatus,
  type ControlRequest,
  encodeControlRequest,
  parseControlError,
  parseControlReply,
  parseControlRequest,
} from './index.ts';

const known = ['agent-alpha', 'agent-beta', 'agent-beta-2'] as const;

test('every request comes back as it was sent', () => {
  const requests: ControlRequest[] = [
    { kind: 'surface' },
    { kind: 'status' },
    { kind: 'status', isFresh: true },
    { kind: 'start', agent: 'agent-alpha' },
    { kind: 'stop', agent: 'agent-beta' },
    { kind: 'restart', agent: 'agent-beta-2' },
    { kind: 'start-all' },
    { kind: 'stop-all' },
    { kind: 'restart-all' },
    { kind: 'rescan' },
    { kind: 'down' },
    { kind: 'events', after: null, agent: null },
    { kind: 'events', after: 17, agent: 'agent-beta' },
  ];
  for (const request of requests) {
    const { method, path } = encodeControlRequest(request);
    assert.deepEqual(parseControlRequest(method, path, known), { ok: true, value: request });
  }
});

test('an id may be short while it fits one agent', () => {
  assert.deepEqual(parseControlRequest('POST', '/v1/agents/al/start', known), { ok: true, value: { kind: 'start', agent: 'agent-alpha' } });
});

test('what is not understood is refused with what to do', () => {
  const rows: [method: string, path: string, status: number, says: RegExp][] = [
    ['GET', '/v1/agents/alpha/start', 405, /with POST/],
    ['POST', '/v1/agents/gamma/start', 404, /Known: agent-alpha/],
    ['POST', '/v1/agents/be/stop', 404, /fits 2 agents/],
    ['POST', '/v1/agents/..%2Fx/stop', 400, /cannot be an agent id/],
    ['POST', '/v1/agents/%E0%A4%A/stop', 404, /there is no/],
    ['GET', '/', 404, /GET \/v1\/status/],
    ['GET', '/v1/status?fresh=now', 400, /fresh is true or false/],
    ['GET', '/v1/status?frsh=true', 400, /takes fresh, not frsh/],
    ['POST', '/v1/down?now', 400, /takes no query/],
    ['GET', '/v1/events?after=-1', 400, /after is the number of an event/],
    ['GET', '/v1/events?agent=gamma', 404, /Known: agent-alpha/],
  ];
  for (const [method, path, status, says] of rows) {
    const parsed = parseControlRequest(method, path, known);
    assert.ok(!parsed.ok, path);
    assert.equal(parsed.error.status, status, path);
    assert.match(parsed.error.message, says);
  }
});

test('a reply is parsed, a foreign one is an error', () => {
  const agent: AgentStatus = {
    id: 'agent-alpha',
    phase: 'ready',
    wanted: 'running',
    pid: 7,
    restarts: 0,
    deaths: {},
    lastDeath: null,
    startedAt: 1,
    uptimeMs: 2,
    reason: null,
    release: null,
    version: null,
    cpu: 0.5,
    memoryBytes: 1,
    beat: null,
    isolation: 'none',
    tree: 'marker',
    startedByHand: false,
  };
  const sandbox = { works: false, reason: 'x' } as const;
  const backup = { nextAt: 5, lastGoodAt: 4, isRunning: false, failure: null };
  const body = { supervisor: { pid: 1, version: '0', startedAt: 3, sandbox, problems: ['y'], backup }, agents: [agent] };
  assert.deepEqual(parseControlReply('status', structuredClone(body)), { ok: true, value: body });
  // As the first version answered: an upgrade must be able to ask it.
  const { deaths: _deaths, lastDeath: _last, version: _version, tree: _tree, isolation: _isolation, ...older } = agent;
  const answered = parseControlReply('status', { supervisor: { pid: 1, version: '0', startedAt: 3 }, agents: [older] });
  assert.ok(answered.ok);
  assert.deepEqual(answered.value.agents, [{ ...older, deaths: {}, lastDeath: null, version: null, tree: null, isolation: null }]);
  const wrong = parseControlReply('status', { agents: 7 });
  assert.ok(!wrong.ok);
  assert.match(wrong.error, /another version/);
  assert.equal(parseControlError({ error: { message: 'no' } }), 'no');
  assert.equal(parseControlError('<html>'), null);
});
