import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BrocaBeat, type BrocaHello, encodeFrame, type LettaState, UPDATE_PLAN, withSocketPath } from 'animus-protocol';
import { makeRig, type Rig, standInRepository } from 'animus-testkit';
import { takeHomeLock } from '../../fleet/lock.ts';
import { agentPaths, homePaths } from '../../home/paths.ts';

const ANIMUS = path.join(import.meta.dirname, '../main.ts');

/** Root may write a file whatever its mode; only an attribute of the file system keeps it from that. */
function lock(file: string, isLocked: boolean): void {
  if (process.getuid?.() === 0) execFileSync('chattr', [isLocked ? '+i' : '-i', file]);
  else fs.chmodSync(file, isLocked ? 0o400 : 0o600);
}

type Answer = {
  ok: boolean;
  agents: AgentAnswer[];
  runtime: { ok: boolean; supervisor: unknown; versions: unknown[]; warnings: string[]; faults: string[] };
};
type AgentAnswer = {
  id: string;
  ok: boolean;
  db: boolean;
  env: boolean;
  broca: boolean;
  logs: boolean;
  process: { phase: string; pid: number | null; uptimeMs: number | null };
  letta: { state: string } | null;
  channels: { name: string }[];
  queue: { waiting: number } | null;
  faults: string[];
  warnings: string[];
};

/** A Broca's socket without a Broca. `says` null: it takes the connection and stays silent, as a stopped process does. */
async function listenAs(id: `agent-${string}`, home: string, says: 'starting' | LettaState | BrocaBeat | null): Promise<Server> {
  const hello: BrocaHello = {
    type: 'hello',
    protocol: 1,
    pid: process.pid,
    agentId: id,
    version: '9.9.9',
    release: null,
    startedAt: Date.now() - 60_000,
    nonce: null,
  };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      if (says === null) return;
      socket.write(encodeFrame(hello));
      if (says === 'starting') return;
      const beat = 'type' in says ? says : beatWith(says);
      socket.write(encodeFrame({ type: 'ready', at: Date.now(), startMs: 3 }) + encodeFrame(beat));
    });
  });
  await withSocketPath(
    agentPaths(home, id).socket,
    async (fitting) => await new Promise<void>((resolve) => server.listen(fitting, resolve)),
  );
  return server;
}

function beatWith(letta: LettaState, rest: Partial<BrocaBeat> = {}): BrocaBeat {
  const queue = { waiting: 3, running: 1, parked: 0, outbox: 0, settled: 9 };
  const channels = [{ name: 'console', state: 'up' as const }];
  return {
    type: 'beat',
    at: Date.now(),
    eventLoopDelayMs: 1,
    mode: 'live',
    queue,
    letta,
    channels,
    problems: ['the disk is nearly full'],
    ...rest,
  };
}

/** Path, mode, size and time of change of everything below a folder. */
function listTree(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const { mode, size, mtimeMs } = fs.lstatSync(path.join(folder, name));
      return `${name} ${mode} ${size} ${mtimeMs}`;
    })
    .sort();
}

describe('animus health', () => {
  let rig: Rig;
  let home: string;
  const id = 'agent-one';

  before(async () => {
    rig = makeRig(ANIMUS);
    ({ home } = rig);
    const repository = standInRepository(path.join(rig.folder, 'repository'));
    assert.equal((await rig.animus(['init'])).code, 0);
    fs.writeFileSync(homePaths(home).config, JSON.stringify({ broca: { repository } }));
    const deployed = await rig.animus(['deploy', 'one', 'http://127.0.0.1:9', '--key-stdin', '--no-check'], { input: 'key-0123456789\n' });
    assert.equal(deployed.code, 0, deployed.stderr);
  });
  after(async () => await rig[Symbol.asyncDispose]());

  async function askHealth(code: number): Promise<{ whole: Answer; one: AgentAnswer }> {
    const ran = await rig.animus(['health', '--json']);
    assert.equal(ran.code, code, ran.stdout + ran.stderr);
    const whole: Answer = JSON.parse(ran.stdout);
    const [one] = whole.agents;
    assert.ok(one !== undefined);
    assert.equal(whole.ok, code === 0);
    return { whole, one };
  }

  async function while_(says: Parameters<typeof listenAs>[2], work: () => Promise<void>): Promise<void> {
    const server = await listenAs(id, home, says);
    // By which it is known whose pid it says.
    const lock = takeHomeLock(agentPaths(home, id).lock);
    try {
      await work();
    } finally {
      server.close();
      lock?.release();
    }
  }

  it('says that a wanted agent does not run', async () => {
    const { one, whole } = await askHealth(1);
    assert.deepEqual([one.db, one.env, one.broca, one.logs], [true, true, true, true]);
    assert.deepEqual({ phase: one.process.phase, pid: one.process.pid }, { phase: 'stopped', pid: null });
    assert.deepEqual(one.faults, ['wanted, but not running']);
    assert.equal(whole.runtime.supervisor, null);
    assert.equal(whole.runtime.versions.length, 1);
  });

  it('asks Broca itself when no supervisor runs, and changes nothing', async () => {
    await while_({ state: 'reachable', since: 1 }, async () => {
      const before = listTree(home);
      const { one, whole } = await askHealth(0);
      assert.deepEqual(listTree(home), before);
      assert.equal(one.process.phase, 'ready');
      assert.equal(one.process.pid, process.pid);
      assert.ok((one.process.uptimeMs ?? 0) >= 60_000);
      assert.deepEqual([one.letta?.state, one.channels[0]?.name, one.queue?.waiting], ['reachable', 'console', 3]);
      assert.deepEqual(one.warnings, ['the disk is nearly full']);
      assert.match(whole.runtime.warnings.join(), /no supervisor to restart them/);
      const ran = await rig.animus(['health', 'one']);
      assert.match(
        ran.stdout,
        /^Agent agent-one: DB ✓ ENV ✓ BROCA ✓ LOGS ✓ · ✓ ready, pid \d+, up 1 min.* · Letta ✓ · console ✓ · queue 3 waiting, 1 running$/m,
      );
      assert.match(ran.stdout, /^Runtime:\n✓ .*node24/m);
    });
  });

  it('is not well while Letta is away, Broca starts, or Broca does not answer', async () => {
    await while_({ state: 'held', since: 1, reason: 'the key is wrong' }, async () =>
      assert.deepEqual((await askHealth(1)).one.faults, ['Letta held: the key is wrong']),
    );
    await while_('starting', async () => assert.deepEqual((await askHealth(1)).one.faults, ['starting']));
    await while_(null, async () => assert.deepEqual((await askHealth(1)).one.faults, ['unhealthy: its process does not answer']));
  });

  it('is not well with a fault that Broca tells of, and shows a mode in which the agent is not asked', async () => {
    const full = { mode: 'echo', problems: ['1 turn is parked', 'the disk is full'], faults: ['the disk is full'] };
    await while_(beatWith({ state: 'unchecked' }, full), async () => {
      const { one } = await askHealth(1);
      assert.deepEqual([one.faults, one.warnings], [['the disk is full'], ['1 turn is parked']]);
      assert.match((await rig.animus(['health', 'one'])).stdout, / · queue 3 waiting, 1 running · mode echo$/m);
    });
  });

  it('tells of a damaged database that was set aside once, until it is moved away', async () => {
    const name = 'animus.db.damaged-2026-11-28T120000.000Z';
    const file = path.join(agentPaths(home, id).folder, name);
    fs.writeFileSync(file, 'rubbish', { mode: 0o600 });
    const told = /set aside as animus\.db\.damaged-2026.*animus queue agent-one list/;
    await while_(beatWith({ state: 'unchecked' }, { problems: [] }), async () =>
      assert.match((await askHealth(1)).one.faults.join('\n'), told),
    );
    const itself = { problems: [], faults: [`it lies there as ${name}`] };
    await while_(beatWith({ state: 'unchecked' }, itself), async () => assert.deepEqual((await askHealth(1)).one.faults, itself.faults));
    assert.match((await askHealth(1)).one.faults.join('\n'), told);
    fs.rmSync(file);
    await while_(beatWith({ state: 'unchecked' }, { problems: [] }), async () => assert.deepEqual((await askHealth(0)).one.faults, []));
  });

  it('names an update that was interrupted: its Broca looks ready and takes nothing in; one under way is no fault', async () => {
    const agent = agentPaths(home, id);
    fs.mkdirSync(agent.update);
    fs.writeFileSync(path.join(agent.folder, UPDATE_PLAN), '{}');
    await while_(beatWith({ state: 'unchecked' }, { problems: [] }), async () => {
      const told = /^an update was interrupted in the middle of its switch: no message is taken in .* animus up -d /;
      assert.match((await askHealth(1)).one.faults.join('\n'), told);
      const lock = takeHomeLock(agent.switchLock);
      assert.deepEqual((await askHealth(0)).one.warnings, ['an update is under way: messages wait until it is decided']);
      lock?.release();
    });
    fs.rmSync(agent.update, { recursive: true });
  });

  it('warns of an event loop that is late; the agent works all the same', async () => {
    await while_(beatWith({ state: 'unchecked' }, { eventLoopDelayMs: 2_400, problems: [] }), async () => {
      const { one } = await askHealth(0);
      assert.match(
        one.warnings.join('\n'),
        /^its event loop is 2\.4 s late: a plugin computes too long at a time, or the machine is short of CPU$/,
      );
    });
  });

  it('takes an agent stopped by hand, or never meant to start, for well', async () => {
    const record = path.join(homePaths(home).runAgents, `${id}.json`);
    fs.writeFileSync(record, JSON.stringify({ wanted: 'stopped' }));
    assert.deepEqual((await askHealth(0)).one.faults, []);
    assert.match((await rig.animus(['health'])).stdout, /stopped by hand/);
    fs.rmSync(record);
    const { config } = homePaths(home);
    const text = fs.readFileSync(config, 'utf8');
    fs.writeFileSync(config, JSON.stringify({ ...JSON.parse(text), agents: { one: { autostart: false } } }));
    assert.deepEqual((await askHealth(0)).one.faults, []);
    fs.writeFileSync(config, text);
  });

  it('finds each missing piece, each mode that is too wide and each shadowed or wrong key', async () => {
    const agent = agentPaths(home, id);
    const settings = fs.readFileSync(agent.settings, 'utf8');
    const aside = async (file: string, work: () => Promise<void>): Promise<void> => {
      fs.renameSync(file, `${file}.aside`);
      await work();
      fs.rmSync(file, { force: true, recursive: true });
      fs.renameSync(`${file}.aside`, file);
    };
    await while_({ state: 'reachable', since: 1 }, async () => {
      await aside(agent.database, async () => assert.equal((await askHealth(1)).one.db, false));
      await aside(agent.database, async () => {
        fs.writeFileSync(agent.database, 'this is no database');
        assert.equal((await askHealth(1)).one.db, false);
      });
      lock(agent.database, true);
      const readOnly = await askHealth(1).finally(() => lock(agent.database, false));
      assert.equal(readOnly.one.db, false);
      assert.match(readOnly.one.faults.join(), /animus\.db is read-only/);
      await aside(agent.environment, async () => assert.equal((await askHealth(1)).one.env, false));
      await aside(agent.clone, async () => assert.equal((await askHealth(1)).one.broca, false));
      await aside(agent.currentRelease, async () => assert.match((await askHealth(1)).one.faults.join(), /no release to run/));
      await aside(agent.logs, async () => assert.equal((await askHealth(1)).one.logs, false));
      fs.chmodSync(agent.environment, 0o644);
      const loose = (await askHealth(1)).one;
      assert.match(loose.faults.join(), /agent-one\/\.env has mode 644.*chmod 600/);
      assert.deepEqual([loose.env, loose.db, loose.warnings], [false, true, ['the disk is nearly full']]);
      fs.chmodSync(agent.environment, 0o600);
      fs.appendFileSync(agent.environment, 'MESSAGE_MODE=live\n');
      assert.match((await askHealth(0)).one.warnings.join(), /\.env: MESSAGE_MODE = live: has no effect: settings\.json says/);
      fs.writeFileSync(agent.settings, '{ "message_processing": { "mode": "loud" } }');
      const { one } = await askHealth(1);
      assert.equal(one.env, false);
      assert.match(one.faults.join(), /settings\.json: message_processing\.mode = "loud"/);
      fs.writeFileSync(agent.settings, settings);
    });
  });
});
