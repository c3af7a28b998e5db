import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseProgramLine, programScript } from './program.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

describe('the program', { timeout: 20_000 }, () => {
  test('configured by stdin, says where it listens, takes more agents, ends with its input', async () => {
    const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    child.stdin.write(`${JSON.stringify({ agents: [{ id: 'agent-a', apiKey: 'secret-a' }] })}\n`);
    const lines = createInterface({ input: child.stdout });
    const [line]: string[] = await once(lines, 'line');
    const { url }: { url: string } = JSON.parse(line ?? '');
    const nameOf = async (id: string, key: string): Promise<string> =>
      JSON.parse(await (await fetch(`${url}/v1/agents/${id}`, { headers: { authorization: `Bearer ${key}` } })).text()).name;
    assert.equal(await nameOf('agent-a', 'secret-a'), 'agent-a');
    child.stdin.write(`${JSON.stringify({ agents: [{ id: 'agent-b', apiKey: 'secret-b', name: 'Bea' }] })}\n`);
    assert.deepEqual(await once(lines, 'line'), ['{"added":["agent-b"]}']);
    assert.equal(await nameOf('agent-b', 'secret-b'), 'Bea');
    child.stdin.end();
    assert.deepEqual(await ended, [0, null]);
  });

  test('SIGTERM ends it in good order', async () => {
    const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    child.stdin.write('{"agents":[]}\n');
    await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  });

  test('a line it cannot use ends it, and says why', async () => {
    const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'ignore', 'pipe'] });
    const ended = once(child, 'exit');
    child.stdin.write('{"agents":[{"id":"agent-a"}]}\n');
    const [line] = await once(createInterface({ input: child.stderr }), 'line');
    assert.equal(line, 'letta-simulator: every agent needs an id and an apiKey');
    assert.deepEqual(await ended, [2, null]);
  });

  test('lines and pauses', () => {
    assert.deepEqual(parseProgramLine('{"port":1,"pauseMs":2,"agents":[{"id":"a","apiKey":"k","name":"n"}]}'), {
      ok: true,
      value: { port: 1, pauseMs: 2, agents: [{ id: 'a', apiKey: 'k', name: 'n' }] },
    });
    assert.equal(parseProgramLine('[]').ok, false);
    const turn = { agentId: 'a', number: 1, kind: 'message', text: 'x', otid: null, approvals: [] } as const;
    assert.deepEqual(
      programScript(5)(turn).map(({ kind }) => kind),
      ['pause', 'assistant'],
    );
  });
});
