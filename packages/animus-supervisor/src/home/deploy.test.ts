import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadBrocaConfig, parseAgentId } from 'animus-protocol';
import { commitAll, runGit, standInRepository, writeFiles } from 'animus-testkit';
import { type Deployed, type DeployRequest, deployAgent } from './deploy.ts';
import { initHome } from './init.ts';
import { findInstallation, type Installation } from './installation.ts';
import { findWrongAgentModes, findWrongHomeModes } from './modes.ts';
import { agentPaths } from './paths.ts';
import { currentRelease } from './release-file.ts';
import { scanAgents } from './scan.ts';

const found = findInstallation(import.meta.dirname, { binary: process.execPath, version: process.version });
assert.ok(found.ok);
const installation: Installation = found.value;
const KEY = 'sk-let-0123456789abcdef';

describe('deployAgent', () => {
  let temp: string;
  let home: string;
  let repository: string;

  before(() => {
    temp = fs.mkdtempSync(path.join(os.tmpdir(), 'deploy-'));
    home = path.join(temp, 'home');
    repository = standInRepository(path.join(temp, 'repository'));
    initHome(home, installation);
  });
  after(() => fs.rmSync(temp, { recursive: true, force: true }));

  function requestFor(name: string, changed: Partial<DeployRequest> = {}): DeployRequest {
    const id = parseAgentId(name);
    assert.ok(id.ok);
    return {
      home,
      installation,
      id: id.value,
      endpoint: 'http://127.0.0.1:9',
      key: KEY,
      source: { repository, ref: null },
      isChecked: false,
      now: new Date(),
      signal: new AbortController().signal,
      report: () => {},
      ...changed,
    };
  }

  async function deploy(name: string, changed: Partial<DeployRequest> = {}): Promise<Deployed> {
    const deployed = await deployAgent(requestFor(name, changed));
    assert.ok(deployed.ok, deployed.ok ? '' : deployed.error);
    return deployed.value;
  }

  /** Expects a failure whose reason matches, and that nothing of the agent is left. */
  async function refuse(name: string, changed: Partial<DeployRequest>, reason: RegExp): Promise<string> {
    const before = fs.readdirSync(home);
    const deployed = await deployAgent(requestFor(name, changed));
    assert.ok(!deployed.ok);
    assert.match(deployed.error, reason);
    assert.doesNotMatch(deployed.error, new RegExp(KEY));
    assert.deepEqual(fs.readdirSync(home), before);
    return deployed.error;
  }

  it('makes the whole folder of the seed, private, each value in one place', async () => {
    const deployed = await deploy('whole');
    const agent = agentPaths(home, 'agent-whole');
    assert.deepEqual(fs.readdirSync(agent.folder).sort(), [
      '.env',
      'animus.db',
      'broca',
      'inbox',
      'logs',
      'outbox',
      'plugins',
      'releases',
      'run',
      'settings.json',
    ]);
    assert.deepEqual([...findWrongAgentModes(agent), ...findWrongHomeModes(home)], []);
    const environment = fs.readFileSync(agent.environment, 'utf8');
    assert.equal(environment, `# An agent\nAGENT_ID=agent-whole\nAGENT_ENDPOINT=http://127.0.0.1:9\nAGENT_API_KEY=${KEY}\n# The end\n`);
    const settings = fs.readFileSync(agent.settings, 'utf8');
    const loaded = loadBrocaConfig({ agentIdOfFolder: 'agent-whole', environment, settings, fleet: null });
    assert.deepEqual(loaded.problems, []);
    assert.equal(deployed.commit, runGit(repository, ['rev-parse', 'HEAD']));
    assert.equal(runGit(agent.clone, ['status', '--porcelain']), '');
    assert.deepEqual(scanAgents(home), ['agent-whole']);
  });

  it('runs the release on the home’s own runtime, from the clone’s own sources', async () => {
    await deploy('runs');
    const agent = agentPaths(home, 'agent-runs');
    const current = currentRelease(home, agent);
    assert.ok(current.ok);
    const { runtime, release } = current.value;
    assert.equal(release.version, '9.9.9');
    assert.ok(runtime.folder.startsWith(path.join(home, 'runtime')));
    const said = JSON.parse(runOutput(runtime.node, [agent.program, 'hello', '--x'], agent.folder));
    assert.deepEqual(said, { origin: 'the clone', command: 'hello', args: ['--x'], folder: agent.folder, node: runtime.node });
    assert.equal(fs.statSync(path.join(agent.currentRelease, 'node_modules/better-sqlite3/package.json')).isFile(), true);
  });

  it('makes the runtime once for all agents', async () => {
    const [one, two] = [await deploy('one'), await deploy('two')];
    assert.equal(one.runtime, two.runtime);
    assert.deepEqual(fs.readdirSync(path.join(home, 'runtime')), [one.runtime]);
  });

  it('gives the clone no objects in common with its source', async () => {
    await deploy('alone');
    const clone = agentPaths(home, 'agent-alone').clone;
    assert.equal(fs.existsSync(path.join(clone, '.git/objects/info/alternates')), false);
    for (const entry of fs.readdirSync(path.join(clone, '.git/objects'), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) assert.equal(fs.statSync(path.join(entry.parentPath, entry.name)).nlink, 1);
    }
  });

  it('takes a branch, which it follows, a tag and a commit', async () => {
    const source = standInRepository(path.join(temp, 'refs'));
    const first = runGit(source, ['rev-parse', 'HEAD']);
    runGit(source, ['tag', 'v1']);
    runGit(source, ['checkout', '--quiet', '-b', 'feature/x']);
    writeFiles(source, { 'more.txt': 'more' });
    const second = commitAll(source, 'More');
    runGit(source, ['checkout', '--quiet', 'main']);
    const at = async (name: string, ref: string): Promise<string> => (await deploy(name, { source: { repository: source, ref } })).commit;
    assert.equal(await at('tag', 'v1'), first);
    assert.equal(await at('branch', 'feature/x'), second);
    assert.equal(await at('commit', second), second);
    assert.equal(runGit(agentPaths(home, 'agent-branch').clone, ['rev-parse', '--abbrev-ref', '@{upstream}']), 'origin/feature/x');
    await refuse('missing', { source: { repository: source, ref: 'nope' } }, /no branch, tag or commit nope/);
  });

  it('builds the plugins of the clone', async () => {
    const source = standInRepository(path.join(temp, 'plugins'), {
      'plugins/hello/index.ts': "import * as v from 'valibot';\nexport default { name: 'hello', check: v.string() };\n",
      'plugins/single.ts': "export default { name: 'single' };\n",
      'plugins/README.md': 'not a plugin',
    });
    await deploy('plugged', { source: { repository: source, ref: null } });
    const folder = path.join(agentPaths(home, 'agent-plugged').currentRelease, 'plugins');
    assert.deepEqual(fs.readdirSync(folder).sort(), ['hello.mjs', 'single.mjs']);
    const loaded: unknown = await import(path.join(folder, 'hello.mjs'));
    assert.match(JSON.stringify(loaded), /"name":"hello"/);
  });

  it('refuses an agent that is there, and leaves it as it is', async () => {
    await deploy('twice');
    const agent = agentPaths(home, 'agent-twice');
    fs.writeFileSync(agent.settings, '{}');
    await refuse('twice', {}, /agent-twice is deployed already .*animus remove agent-twice/);
    fs.writeFileSync(path.join(home, 'agent-file'), '');
    await refuse('file', {}, /agent-file is no folder, .*remove it or give it another name/);
    fs.symlinkSync('nowhere', path.join(home, 'agent-link'));
    await refuse('link', {}, /agent-link is no folder/);
    for (const name of ['agent-file', 'agent-link']) fs.rmSync(path.join(home, name));
    assert.equal(fs.readFileSync(agent.settings, 'utf8'), '{}');
  });

  it('leaves one agent when two deploys of it race', async () => {
    const both = await Promise.all([deployAgent(requestFor('race')), deployAgent(requestFor('race'))]);
    assert.equal(both.filter(({ ok }) => ok).length, 1);
    assert.deepEqual(
      fs.readdirSync(home).filter((name) => name.startsWith('.stage')),
      [],
    );
  });

  it('refuses sources that would run something or lead outside', async () => {
    const marker = path.join(temp, 'was-run');
    await refuse('ext', { source: { repository: `ext::touch ${marker}`, ref: null } }, /starts a program/);
    await refuse('option', { source: { repository: `--upload-pack=touch ${marker}`, ref: null } }, /could not clone/);
    await refuse('ref', { source: { repository, ref: '--orphan' } }, /cannot be a branch/);
    const linked = standInRepository(path.join(temp, 'linked'));
    fs.symlinkSync('../../../../etc', path.join(linked, 'packages/outside'));
    commitAll(linked, 'Link');
    await refuse('linked', { source: { repository: linked, ref: null } }, /link that leads out of it \(packages\/outside\)/);
    assert.equal(fs.existsSync(marker), false);
  });

  it('takes a link that stays inside', async () => {
    const linked = standInRepository(path.join(temp, 'inner'));
    fs.symlinkSync('templates/env', path.join(linked, 'env-example'));
    commitAll(linked, 'Link');
    await deploy('inner', { source: { repository: linked, ref: null } });
  });

  it('leaves nothing behind when a step fails', async () => {
    const main = 'packages/broca-core/src/main.ts';
    const broken = standInRepository(path.join(temp, 'broken'), { [main]: 'export const = 1;\n' });
    await refuse(
      'broken',
      { source: { repository: broken, ref: null } },
      /could not be built:\n {2}broca\/packages\/broca-core\/src\/main\.ts:1/,
    );
    const silent = standInRepository(path.join(temp, 'silent'), { [main]: 'process.exitCode = 0;\n' });
    await refuse('silent', { source: { repository: silent, ref: null } }, /database could not be created/);
    const bad = standInRepository(path.join(temp, 'bad'), { 'templates/settings.json': '{ "message_processing": { "mode": "loud" } }' });
    await refuse('bad', { source: { repository: bad, ref: null } }, /message_processing\.mode = "loud"/);
    await refuse('nowhere', { source: { repository: path.join(temp, 'nowhere'), ref: null } }, /could not clone .*nowhere/);
    await refuse('key', { key: 'two words' }, /only plain characters/);
  });

  it('sweeps the stage of a maker that was killed, and only that', async () => {
    const dead = path.join(home, `.stage-agent-x.999999999.1.00000000`);
    const mine = path.join(home, '.stage-other');
    fs.mkdirSync(dead);
    fs.mkdirSync(mine);
    // As the `git clone` of a deploy that was killed.
    const orphan = spawn('sleep', ['300'], { cwd: dead, stdio: 'ignore' });
    const orphanEnded = once(orphan, 'exit');
    await once(orphan, 'spawn');
    await deploy('sweeper');
    assert.deepEqual(await orphanEnded, [null, 'SIGKILL']);
    assert.equal(fs.existsSync(dead), false);
    assert.equal(fs.existsSync(mine), true);
    fs.rmdirSync(mine);
  });

  it('stops when it is interrupted, and leaves nothing', async () => {
    const controller = new AbortController();
    const report = (step: string): void => {
      if (step.startsWith('creating')) controller.abort();
    };
    await refuse('late', { signal: controller.signal, report }, /^interrupted$/);
  });

  it('asks Letta, and tells each way it can say no', async () => {
    const server = createServer((request, response) => {
      const key = request.headers.authorization;
      const isKnown = request.url === '/api/v1/agents/agent-known';
      if (request.url?.startsWith('/web') === true) response.end('<html></html>');
      else if (key !== `Bearer ${KEY}`) response.writeHead(401).end('{"detail":"Unauthorized"}');
      else if (isKnown) response.end('{"id":"agent-known"}');
      else response.writeHead(404).end('{"detail":"Agent not found"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const origin = `http://127.0.0.1:${address.port}`;
    try {
      const endpoint = `${origin}/api`;
      await refuse('unknown', { isChecked: true, endpoint }, /has no agent agent-unknown: .* whose path \/api may be wrong/);
      await refuse('known', { isChecked: true, endpoint, key: 'wrong-key-000' }, /does not take this key \(401\)/);
      await refuse('known', { isChecked: true, endpoint: `${origin}/web` }, /not as Letta's API does.*--no-check/);
      await deploy('known', { isChecked: true, endpoint });
    } finally {
      server.closeAllConnections();
      server.close();
    }
    await refuse('unreachable', { isChecked: true, endpoint: origin }, /cannot be reached \(.*\)\. To deploy it anyway, add --no-check/);
  });
});

describe('deployAgent from an installed package', () => {
  it('makes the clone from the packaged sources', async () => {
    const temp = fs.mkdtempSync(path.join(os.tmpdir(), 'deploy-package-'));
    try {
      const root = standInRepository(path.join(temp, 'lib/node_modules/animus'));
      fs.rmSync(path.join(root, '.git'), { recursive: true });
      writeFiles(root, { 'dist/animus.mjs': '', 'node_modules/x/index.js': '' });
      const home = path.join(temp, 'home');
      const packaged: Installation = { ...installation, kind: 'package' };
      initHome(home, packaged);
      // The runtime is made from the real installation: only the sources are those of the package.
      const request = {
        home,
        installation: { ...packaged, root },
        id: 'agent-packaged' as const,
        endpoint: 'http://127.0.0.1:9',
        key: KEY,
        source: { repository: null, ref: null },
        isChecked: false,
        now: new Date(),
        signal: new AbortController().signal,
        report: () => {},
      };
      linkPackages(root, ['better-sqlite3', 'valibot', 'node-addon-api']);
      const deployed = await deployAgent(request);
      assert.ok(deployed.ok, deployed.ok ? '' : deployed.error);
      const clone = agentPaths(home, 'agent-packaged').clone;
      assert.equal(runGit(clone, ['status', '--porcelain']), '');
      assert.deepEqual(fs.readdirSync(clone).sort(), ['.git', '.gitignore', 'package.json', 'packages', 'templates']);
    } finally {
      fs.rmSync(temp, { recursive: true, force: true });
    }
  });
});

/** Gives a package that lies elsewhere the dependencies of this checkout. */
function linkPackages(root: string, names: readonly string[]): void {
  const manifest = path.join(root, 'packages/broca-core/package.json');
  const dependencies = Object.fromEntries(names.map((name) => [name, '*']));
  fs.writeFileSync(manifest, JSON.stringify({ name: 'broca-core', version: '9.9.9', dependencies }));
  for (const name of names) fs.symlinkSync(path.join(installation.root, 'node_modules', name), path.join(root, 'node_modules', name));
}

function runOutput(program: string, args: readonly string[], cwd: string): string {
  return execFileSync(program, args, { cwd, encoding: 'utf8' });
}
