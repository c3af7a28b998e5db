/** A folder made by hand for the Python Broca becomes an agent of ours by one command, or stays as it was. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAgentId } from 'animus-protocol';
import { type LettaSimulator, runGit, snapshotRepository, standInRepository, startLettaSimulator } from 'animus-testkit';
import { type DeployRequest, deployAgent } from '../../packages/animus-supervisor/src/home/deploy.ts';
import { initHome } from '../../packages/animus-supervisor/src/home/init.ts';
import { findInstallation, type Installation } from '../../packages/animus-supervisor/src/home/installation.ts';
import { findWrongAgentModes } from '../../packages/animus-supervisor/src/home/modes.ts';
import { agentPaths } from '../../packages/animus-supervisor/src/home/paths.ts';
import { currentRelease } from '../../packages/animus-supervisor/src/home/release-file.ts';
import { type TakenOver, type TakeOverRequest, takeOverAgent } from '../../packages/animus-supervisor/src/home/take-over.ts';
import { INSTALL_STEPS } from '../../packages/animus-supervisor/src/home/take-over-journal.ts';
import { column, PythonHome } from './home.ts';

const KEY = 'sk-let-0123456789abcdef';
const found = findInstallation(import.meta.dirname, { binary: process.execPath, version: process.version });
assert.ok(found.ok);
const installation: Installation = found.value;

/** Finds no database to take over, as a Broca does in a folder without one. */
const PROGRAM = "process.stdout.write(process.argv[2] === 'try-take-over' ? 'null' : '');\n";

/** Every file of a folder with its content, links with where they lead. */
function picture(folder: string): Record<string, string> {
  const entries = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    entries.map((name) => {
      const file = path.join(folder, name);
      const stat = fs.lstatSync(file);
      return [name, stat.isFile() ? fs.readFileSync(file, 'base64') : stat.isDirectory() ? 'folder' : fs.readlinkSync(file)];
    }),
  );
}

/** As the seed's guide has it made: with a clone, its own edits in it, and `.env` filled in. */
function makeByHand(home: PythonHome, filled: Record<string, string>): void {
  fs.mkdirSync(home.path('broca', 'runtime'), { recursive: true });
  fs.writeFileSync(home.path('broca', 'main.py'), 'print("the Python Broca")\n');
  fs.writeFileSync(home.path('broca', 'runtime', 'edited.py'), '# my own work\n');
  let text = fs.readFileSync(home.path('.env'), 'utf8');
  for (const [key, value] of Object.entries(filled)) text = text.replace(new RegExp(`^${key}=.*$`, 'm'), `${key}=${value}`);
  fs.writeFileSync(home.path('.env'), text);
}

function requestFor(home: PythonHome, repository: string, changed: Partial<TakeOverRequest> = {}): TakeOverRequest {
  const id = parseAgentId(home.id);
  assert.ok(id.ok);
  return {
    home: home.home,
    installation,
    id: id.value,
    endpoint: null,
    key: null,
    fallbackKey: null,
    source: { repository, ref: null },
    isChecked: false,
    now: new Date('2026-12-01T00:00:00Z'),
    signal: new AbortController().signal,
    report: () => undefined,
    ...changed,
  };
}

async function take(request: TakeOverRequest): Promise<TakenOver> {
  const taken = await takeOverAgent(request);
  assert.ok(taken.ok, taken.ok ? '' : taken.error);
  return taken.value;
}

const FILLED = { AGENT_ENDPOINT: 'http://127.0.0.1:9/api/v1', AGENT_API_KEY: KEY };

describe('taking over a folder', () => {
  let temp: string;
  let repository: string;
  before(() => {
    temp = fs.mkdtempSync(path.join(os.tmpdir(), 'take-over-'));
    repository = standInRepository(path.join(temp, 'repository'), { 'packages/broca-core/src/main.ts': PROGRAM });
  });
  after(() => fs.rmSync(temp, { recursive: true, force: true }));

  it('keeps configuration, database and the Python clone; the rest is as deploy makes it', async () => {
    using home = new PythonHome();
    makeByHand(home, FILLED);
    const before = picture(home.folder);
    const taken = await take(requestFor(home, repository));
    assert.equal(taken.aside, 'broca.python-2026-12-01T000000.000Z');
    const agent = agentPaths(home.home, home.id);
    const environment = fs.readFileSync(agent.environment, 'utf8');
    assert.equal(environment, `${Buffer.from(before['.env'] ?? '', 'base64').toString()}AGENT_ID=${home.id}\n`);
    const now = picture(home.folder);
    for (const name of ['settings.json', 'animus.db']) assert.equal(now[name], before[name], name);
    for (const [name, content] of Object.entries(before)) {
      if (name.startsWith('broca/')) assert.equal(now[name.replace('broca', taken.aside)], content, name);
    }
    assert.deepEqual(findWrongAgentModes(agent), []);
    assert.equal(runGit(agent.clone, ['status', '--porcelain']), '');
    assert.ok(currentRelease(home.home, agent).ok);
    assert.ok(fs.existsSync(path.join(agent.currentRelease, 'node_modules/better-sqlite3/package.json')));
    assert.deepEqual(
      fs.readdirSync(home.folder).filter((name) => name.startsWith('.') && name !== '.env'),
      [],
    );
  });

  it('asks for endpoint and key only where .env has the examples, and changes no other line', async () => {
    using home = new PythonHome();
    makeByHand(home, {});
    const before = picture(home.folder);
    const missing = await takeOverAgent(requestFor(home, repository));
    assert.ok(!missing.ok);
    assert.match(missing.error, /AGENT_ENDPOINT in \.env is missing or still the example: write Letta's address after the id/);
    assert.match(missing.error, /AGENT_API_KEY .*--key-stdin/);
    assert.deepEqual(picture(home.folder), before);
    await take(requestFor(home, repository, { endpoint: 'http://127.0.0.1:9', fallbackKey: KEY }));
    const lines = fs.readFileSync(home.path('.env'), 'utf8').split('\n');
    const former = Buffer.from(before['.env'] ?? '', 'base64')
      .toString()
      .split('\n');
    assert.deepEqual(
      lines.filter((line) => !former.includes(line)),
      ['AGENT_ENDPOINT=http://127.0.0.1:9', `AGENT_API_KEY=${KEY}`, `AGENT_ID=${home.id}`],
    );
    assert.equal(lines.length, former.length + 1);
  });

  it('does not replace an endpoint or key that stands in .env', async () => {
    using home = new PythonHome();
    makeByHand(home, FILLED);
    for (const changed of [{ endpoint: 'http://127.0.0.1:8283' }, { key: 'another-key-0123' }]) {
      const refused = await takeOverAgent(requestFor(home, repository, changed));
      assert.ok(!refused.ok);
      assert.match(refused.error, /\.env has another AGENT_(ENDPOINT|API_KEY) already/);
      assert.ok(!refused.error.includes(KEY));
    }
    await take(requestFor(home, repository, { endpoint: 'http://127.0.0.1:9/api', key: KEY, fallbackKey: 'of-another-agent' }));
  });

  it('says what to type where the folder is met without it', async () => {
    using home = new PythonHome();
    makeByHand(home, FILLED);
    const wanted = new RegExp(`animus deploy ${home.id} --take-over`);
    const request: DeployRequest = { ...requestFor(home, repository), endpoint: 'http://127.0.0.1:9', key: KEY };
    const refused = await deployAgent(request);
    assert.ok(!refused.ok);
    assert.match(refused.error, wanted);
    const current = currentRelease(home.home, agentPaths(home.home, home.id));
    assert.ok(!current.ok);
    assert.match(current.error, wanted);
  });

  it('refuses what is ours already, what is not there, and what was never the original’s', async () => {
    using home = new PythonHome();
    makeByHand(home, FILLED);
    fs.renameSync(home.path('broca', 'main.py'), home.path('broca', 'other.py'));
    const odd = await takeOverAgent(requestFor(home, repository));
    assert.match(odd.ok ? '' : odd.error, /was not made for the Python Broca/);
    fs.renameSync(home.path('broca', 'other.py'), home.path('broca', 'main.py'));
    await take(requestFor(home, repository));
    const again = await takeOverAgent(requestFor(home, repository));
    assert.match(again.ok ? '' : again.error, /is taken over already/);
    fs.rmSync(home.folder, { recursive: true });
    const gone = await takeOverAgent(requestFor(home, repository));
    assert.match(gone.ok ? '' : gone.error, /there is no .* to take over/);
  });

  it('a failure leaves the folder as it was', async () => {
    using home = new PythonHome();
    makeByHand(home, FILLED);
    const before = picture(home.folder);
    const broken = standInRepository(path.join(temp, 'broken'), {
      'packages/broca-core/src/main.ts': "process.stderr.write('it is in use by pid 7'); process.exitCode = 1;\n",
    });
    const refused = await takeOverAgent(requestFor(home, broken));
    assert.match(refused.ok ? '' : refused.error, /cannot be taken over: it is in use by pid 7/);
    for (const step of INSTALL_STEPS.slice(0, -2)) {
      const reached = (now: string): void => {
        if (now === step) throw new Error(`no ${step}`);
      };
      await assert.rejects(takeOverAgent(requestFor(home, repository, { reached })), /no /);
      assert.deepEqual(picture(home.folder), before, step);
    }
    assert.deepEqual(
      fs.readdirSync(home.home).filter((name) => name.startsWith('.stage')),
      [],
    );
  });

  for (const step of INSTALL_STEPS) {
    it(`killed at ${step}: the next try ends it, or puts back what was`, async () => {
      using home = new PythonHome();
      makeByHand(home, FILLED);
      fs.rmSync(home.path('settings.json'));
      const before = picture(home.folder);
      const program = path.join(import.meta.dirname, 'take-over-folder.fixture.ts');
      const ended = spawnSync(process.execPath, [program, home.home, home.id, repository, step], { encoding: 'utf8' });
      assert.equal(ended.signal, 'SIGKILL', ended.stderr);
      const request: DeployRequest = { ...requestFor(home, repository), endpoint: 'http://127.0.0.1:9', key: KEY };
      assert.equal((await deployAgent(request)).ok, false);
      const isDone = step === 'releases' || step === 'done';
      assert.equal(currentRelease(home.home, agentPaths(home.home, home.id)).ok, isDone);
      if (!isDone) {
        assert.deepEqual(picture(home.folder), before);
        await take(requestFor(home, repository));
      }
      assert.ok(fs.readFileSync(home.path('.env'), 'utf8').endsWith(`AGENT_ID=${home.id}\n`));
      const asides = fs.readdirSync(home.folder).filter((name) => name.startsWith('broca.python-'));
      assert.equal(asides.length, 1);
      assert.equal(fs.existsSync(home.path('.take-over')), false);
    });
  }

  it('with the real Broca: checked at Letta, tried, and its first start goes on where the other was', async () => {
    using home = new PythonHome();
    initHome(home.home, installation);
    await using letta: LettaSimulator = await startLettaSimulator({ agents: [{ id: home.id, apiKey: KEY }] });
    makeByHand(home, { AGENT_ENDPOINT: `${letta.url}/v1`, AGENT_API_KEY: KEY });
    const bytes = fs.readFileSync(home.database);
    const taken = await take(requestFor(home, snapshotRepository(installation.root), { isChecked: true }));
    assert.deepEqual([taken.found?.users, taken.found?.messages, taken.found?.turns['waiting']], [10, 60, 3]);
    assert.deepEqual(fs.readFileSync(home.database), bytes);
    const current = currentRelease(home.home, agentPaths(home.home, home.id));
    assert.ok(current.ok);
    const asked = letta.turnStarted();
    const broca = spawn(current.value.runtime.node, [agentPaths(home.home, home.id).program, 'run'], {
      cwd: home.folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(broca, 'exit');
    try {
      await Promise.race([asked, ended.then(([code]) => assert.fail(`Broca ended with ${code} before it asked`))]);
    } finally {
      broca.kill('SIGTERM');
      await ended;
    }
    assert.deepEqual(column(home.database, 'SELECT count(*) FROM turns'), [60]);
  });
});
