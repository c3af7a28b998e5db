/** Three agents of one fleet, each with a Letta, an endpoint and a key of its own: none ever sees anything of another. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { withSocketPath } from 'animus-protocol';
import { type Agent, FleetRig, until } from './rig.ts';

/** Given to `animus up` in its environment, as somebody's shell profile would: nothing may inherit it. */
const KEY_OF_SHELL = `sk-let-${randomUUID()}`;

describe('three agents with different endpoints and keys', () => {
  let fleet: FleetRig;
  let agents: Agent[];
  const textOf = ({ short }: Agent): string => `only ${short} may know: violet-${short}-otter`;
  const othersOf = (agent: Agent): Agent[] => agents.filter((other) => other !== agent);
  /** What only this agent may know of. Its id may be known to the fleet. */
  const secretsOf = (agent: Agent): string[] => [agent.key, `violet-${agent.short}-otter`];
  const allKeys = (): string[] => [...agents.map(({ key }) => key), KEY_OF_SHELL];

  before(async () => {
    fleet = await FleetRig.make({ logs: { level: 'trace' } });
    agents = await Promise.all(['ada', 'bob', 'cyd'].map(async (name) => await fleet.deployed(name)));
    const up = await fleet.rig.animus(['up', '-d'], { environment: { ANIMUS_AGENT_KEY: KEY_OF_SHELL } });
    assert.equal(up.code, 0, up.stdout + up.stderr);
    await Promise.all(
      agents.map(async (agent) => {
        assert.match(await fleet.send(agent, textOf(agent)), new RegExp(`^echo: .*violet-${agent.short}-otter\n$`));
        fleet.spool(agent, `file-of-${agent.short}`, textOf(agent));
        await until(`${agent.id} answers through the spool`, () => fleet.spooled(agent).get(`file-of-${agent.short}`) ?? null);
      }),
    );
  });
  after(async () => await fleet[Symbol.asyncDispose]());

  it('each Letta got its own key, its own agent and its own texts', () => {
    const keys = new Set<string>();
    for (const agent of agents) {
      const { requests, turns } = agent.letta;
      assert.equal(turns.length, 2);
      const used = new Set(requests.map(({ headers }) => headers['authorization']));
      assert.equal(used.size, 1, `${agent.id}: every request carries one key`);
      for (const each of used) keys.add(String(each));
      for (const { agentId } of requests) assert.ok(agentId === null || agentId === agent.id, `${agentId} asked of ${agent.id}'s Letta`);
      const asked = JSON.stringify(requests);
      for (const other of othersOf(agent)) {
        for (const secret of [other.id, other.letta.url, ...secretsOf(other)])
          assert.ok(!asked.includes(secret), `${agent.id}'s Letta got ${secret}`);
      }
    }
    assert.equal(keys.size, 3);
  });

  it('no file of an agent holds anything of another; its key is in its .env alone', () => {
    for (const agent of agents) {
      const foreign = othersOf(agent).flatMap((other) => [other.id, other.letta.url, ...secretsOf(other)]);
      let looked = 0;
      for (const file of filesBelow(agent.folder)) {
        looked += 1;
        const content = fs.readFileSync(file);
        for (const secret of [...foreign, KEY_OF_SHELL]) assert.ok(!content.includes(secret), `${file} holds ${secret}`);
        if (content.includes(agent.key)) assert.equal(path.relative(agent.folder, file), '.env');
      }
      assert.ok(looked > 100, 'clone, release, database and logs were looked at');
    }
  });

  it('what the fleet shares holds no key and no text', () => {
    const secrets = [...agents.flatMap(secretsOf), KEY_OF_SHELL];
    for (const name of fs.readdirSync(fleet.home).filter((each) => !each.startsWith('agent-'))) {
      for (const file of filesBelow(path.join(fleet.home, name))) {
        if (file.endsWith('/bin/node')) continue;
        const content = fs.readFileSync(file);
        for (const secret of secrets) assert.ok(!content.includes(secret), `${file} holds ${secret}`);
      }
    }
  });

  it('no process has a key on its command line or in its environment', () => {
    const processes = fleet.processes();
    assert.equal(fleet.ownProcesses().length, 7, 'the supervisor, three shims and three Brocas');
    for (const { pid, command, environment } of processes) {
      for (const key of allKeys()) {
        assert.ok(!command.includes(key), `process ${pid} shows a key: ${command}`);
        assert.ok(!environment.includes(key), `process ${pid} inherited a key: ${command}`);
      }
    }
  });

  it('a Broca’s files are open in no other Broca', () => {
    for (const agent of agents) {
      const own = fleet.ownProcesses().filter(({ command }) => command.includes(`${agent.folder}/`));
      assert.equal(own.length, 2, 'shim and Broca');
      for (const { pid, command } of own) {
        for (const other of othersOf(agent)) {
          const open = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
          assert.deepEqual(
            open.filter((file) => file.startsWith(other.folder)),
            [],
            command,
          );
        }
      }
    }
  });

  it('nothing that is asked of the fleet tells a key', async () => {
    const said = await Promise.all([
      ...['/v1/status', '/v1/nothing'].map(async (url) => await fleet.get(url)),
      ...[
        ['status', '--json'],
        ['status'],
        ['health', '--json'],
        ['health'],
        ['ls', '--json'],
        ['logs', '-n', '10000', '--json'],
        ['logs', '--output'],
        ...agents.flatMap(({ short }) => [
          ['settings', short, 'show'],
          ['settings', short, 'show', '--json'],
          ['settings', short, 'get', 'AGENT_API_KEY', '--json'],
          ['settings', short, 'validate', '--json'],
        ]),
      ].map(async (words) => (await fleet.rig.animus(words)).stdout),
      eventsOf(fleet, async () => void (await fleet.done('restart', 'bob'))),
    ]);
    // Brocas that are well print nothing by themselves: `logs --output` alone may be empty.
    assert.ok(said.filter((text) => text === '').length <= 1);
    for (const text of said) {
      for (const key of allKeys()) assert.ok(!text.includes(key));
    }
  });

  it('a key that Letta refuses is shown nowhere while everybody complains of it', async () => {
    const [ada] = agents;
    assert.ok(ada);
    ada.letta.changeKey(ada.id, 'sk-let-another-key-1234');
    await fleet.send(ada, 'do you hear me?', '--no-wait');
    const health = await until('health says that ada is held', async () => {
      const { agents: all } = await fleet.health('ada');
      return all[0]?.letta?.state === 'held' ? all : null;
    });
    assert.match(JSON.stringify(health), /key/);
    const said = [JSON.stringify(health), await fleet.done('logs', '-n', '10000', '--json'), await fleet.done('status', '--json')];
    for (const text of said) assert.ok(!text.includes(ada.key));
    for (const file of filesBelow(path.join(ada.folder, 'logs'))) assert.ok(!fs.readFileSync(file).includes(ada.key), file);
    const { agents: others } = await fleet.health('bob', 'cyd');
    for (const other of others) assert.deepEqual([other.ok, other.letta?.state], [true, 'reachable']);
    ada.letta.changeKey(ada.id, ada.key);
  });
});

/** Regular files; links are not followed (a release's packages are the shared runtime's). */
function filesBelow(folder: string): string[] {
  if (!fs.statSync(folder).isDirectory()) return [folder];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

function linkOf(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}

/** What the stream of events says while `deed` is done. */
async function eventsOf(fleet: FleetRig, deed: () => Promise<void>): Promise<string> {
  return await withSocketPath(path.join(fleet.home, 'run/animus.sock'), async (socketPath) => {
    const request = http.get({ socketPath, path: '/v1/events', agent: false });
    const [response]: http.IncomingMessage[] = await once(request, 'response');
    assert.ok(response);
    let text = '';
    response
      .on('error', () => {})
      .on('data', (chunk: Buffer) => {
        text += String(chunk);
      });
    await deed();
    await until('an event comes', () => text || null);
    request.destroy();
    return text;
  });
}
