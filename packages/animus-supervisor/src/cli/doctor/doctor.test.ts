import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type LettaSimulator, makeRig, type Rig, snapshotRepository, startLettaSimulator } from 'animus-testkit';
import DatabaseConstructor from 'better-sqlite3';
import { takeHomeLock } from '../../fleet/lock.ts';
import { agentPaths, homePaths } from '../../home/paths.ts';
import { writeOrder } from '../../release/journal.ts';
import { NONCE_VARIABLE } from '../../worker/host-pid.ts';
import { identify } from '../../worker/proc.ts';
import { AGENT_CHECKS, HOME_CHECKS } from './checks.ts';

const ROOT = path.join(import.meta.dirname, '../../../../..');
/** Built: it is run some sixty times, and reading it from its sources takes four times as long. */
const ANIMUS = path.join(ROOT, 'dist/animus.mjs');
const ID = 'agent-one';
const KEY = 'key-0123456789';

type Told = {
  agent: string | null;
  check: string;
  ok: boolean;
  findings: { severity: string; reason: string; remedy: string; canBeMended: boolean }[];
  mended: string[];
  notMended: string[];
};
type Diagnosis = { ok: boolean; checks: Told[] };

describe('animus doctor', () => {
  let rig: Rig;
  let home: string;
  let letta: LettaSimulator;

  before(async () => {
    rig = makeRig(ANIMUS);
    ({ home } = rig);
    letta = await startLettaSimulator({ agents: [{ id: ID, apiKey: KEY }] });
    const repository = snapshotRepository(ROOT);
    assert.equal((await rig.animus(['init'])).code, 0);
    fs.writeFileSync(homePaths(home).config, JSON.stringify({ broca: { repository } }));
    const deployed = await rig.animus(['deploy', 'one', letta.url, '--key-stdin'], { input: `${KEY}\n` });
    assert.equal(deployed.code, 0, deployed.stderr);
    const record = { wanted: 'stopped', restarts: 0, lastDeath: null, deaths: {}, run: null };
    fs.writeFileSync(path.join(homePaths(home).runAgents, `${ID}.json`), JSON.stringify(record), { mode: 0o600 });
  });
  after(async () => {
    await letta[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
  });

  async function diagnose(code: number, ...options: string[]): Promise<Diagnosis> {
    const ran = await rig.animus(['doctor', ...options, '--json']);
    assert.equal(ran.code, code, ran.stdout + ran.stderr);
    const diagnosis: Diagnosis = JSON.parse(ran.stdout);
    assert.equal(diagnosis.ok, code === 0);
    return diagnosis;
  }

  function row({ checks }: Diagnosis, check: string, agent: string | null = ID): Told {
    const found = checks.find((told) => told.check === check && told.agent === agent);
    assert.ok(found !== undefined, check);
    return found;
  }

  function reasons(told: Told): string {
    return told.findings.map(({ reason, remedy }) => `${reason} → ${remedy}`).join('\n');
  }

  it('makes every check, finds nothing in a home that is well, and changes nothing', async () => {
    // The lock that tells whether anybody is at work there is made by who looks first.
    const listing = (): string[] =>
      fs
        .readdirSync(home, { recursive: true, encoding: 'utf8' })
        .filter((name) => !name.endsWith('run/lock'))
        .sort();
    const before = listing();
    const { checks } = await diagnose(0);
    assert.deepEqual(
      checks.map(({ agent, check }) => [agent, check]),
      [...HOME_CHECKS.map(({ name }) => [null, name]), ...AGENT_CHECKS.map(({ name }) => [ID, name])],
    );
    // How much room this machine has, and whether it gives a sandbox, is its own business.
    const rest = checks.filter(({ check }) => !['disk', 'memory', 'inotify', 'limits', 'sandbox'].includes(check));
    assert.deepEqual(
      rest.flatMap(({ findings }) => findings),
      [],
    );
    assert.deepEqual(listing(), before);
    const shown = (await rig.animus(['doctor', 'one'])).stdout;
    assert.match(shown, /^Home \//m);
    assert.match(shown, /^✓ letta +Letta takes its key and knows it$/m);
    assert.match(shown, /^✓ database +whole \(schema \d+, .*, 0 turns, 0 of them open\)$/m);
  });

  it('finds what others could read, and takes that away', async () => {
    const agent = agentPaths(home, ID);
    fs.chmodSync(agent.environment, 0o644);
    fs.chmodSync(agent.database, 0o660);
    fs.chmodSync(homePaths(home).logs, 0o755);
    const found = await diagnose(1);
    assert.match(reasons(row(found, 'modes')), /agent-one\/\.env has mode 644.* → chmod 600 [\s\S]*animus\.db has mode 660/);
    assert.match(reasons(row(found, 'modes', null)), /logs has mode 755/);
    assert.match((await rig.animus(['doctor'])).stdout, /3 faults, \d+ to look at; some of it is mended by: animus doctor --fix$/m);
    const mended = await diagnose(0, '--fix');
    assert.deepEqual(row(mended, 'modes').mended, ['agent-one/.env has mode 600 now', 'agent-one/animus.db has mode 600 now']);
    assert.equal(fs.statSync(agent.environment).mode & 0o777, 0o600);
    assert.equal(fs.statSync(homePaths(home).logs).mode & 0o777, 0o700);
    assert.deepEqual(row(await diagnose(0), 'modes').findings, []);
  });

  it('sweeps what killed commands left: stages, a half-written .env, folders, a socket', async () => {
    const agent = agentPaths(home, ID);
    const left = [path.join(home, '.stage-agent-two.4194303.1.0123abcd'), path.join(agent.releases, '.stage-release.4194303.1.0123abcd')];
    for (const folder of left) fs.mkdirSync(folder);
    const half = path.join(agent.folder, '.env.4194303.0123abcd.new');
    fs.writeFileSync(half, 'AGENT_API_KEY=x\n', { mode: 0o600 });
    fs.rmdirSync(homePaths(home).backups);
    fs.writeFileSync(homePaths(home).socket, '', { mode: 0o600 });
    const living = path.join(home, `.stage-agent-three.${process.pid}.0.0123abcd`);
    fs.mkdirSync(living);
    const found = await diagnose(0);
    assert.equal(row(found, 'leftovers', null).findings.length, 1);
    assert.equal(row(found, 'leftovers').findings.length, 2);
    assert.match(reasons(row(found, 'supervisor', null)), /animus\.sock was left/);
    assert.match(reasons(row(found, 'folders', null)), /backups\/ is missing → animus init/);
    assert.ok([...left, half].every((file) => fs.existsSync(file)));
    const mended = await diagnose(0, '--fix');
    for (const name of ['leftovers', 'supervisor', 'folders']) assert.deepEqual(row(mended, name, null).findings, []);
    assert.ok([...left, half, homePaths(home).socket].every((file) => !fs.existsSync(file)));
    assert.ok(fs.existsSync(living) && fs.existsSync(homePaths(home).backups));
    fs.rmdirSync(living);
  });

  it('finishes or takes back what was interrupted in the middle', async () => {
    const agent = agentPaths(home, ID);
    const current = path.basename(fs.readlinkSync(agent.currentRelease));
    fs.mkdirSync(agent.update, { mode: 0o700 });
    writeOrder(agent, { from: current, to: 'f'.repeat(40), database: 'same', clone: null, at: '2026-01-01T00:00:00Z' });
    assert.match(reasons(row(await diagnose(0), 'update')), /prepared and given up/);
    fs.renameSync(path.join(agent.update, 'order.json'), path.join(agent.update, 'plan.json'));
    const restore = path.join(agent.folder, '.restore');
    fs.mkdirSync(restore, { mode: 0o700 });
    fs.writeFileSync(path.join(restore, 'animus.db'), 'the copy');
    const found = await diagnose(1);
    assert.match(reasons(row(found, 'update')), /interrupted in the middle of its switch/);
    assert.match(reasons(row(found, 'restore')), /a restore was interrupted/);
    const mended = await diagnose(0, '--fix');
    assert.deepEqual(row(mended, 'update').mended, ['the interrupted update was settled']);
    assert.deepEqual(row(mended, 'restore').mended, ['the interrupted restore had changed nothing, and was taken back']);
    assert.deepEqual(
      [agent.update, restore].filter((folder) => fs.existsSync(folder)),
      [],
    );
    assert.equal(path.basename(fs.readlinkSync(agent.currentRelease)), current);
  });

  it('finishes a restore whose database was in place already', async () => {
    const agent = agentPaths(home, ID);
    const before = fs.readFileSync(agent.settings, 'utf8');
    const restore = path.join(agent.folder, '.restore');
    fs.mkdirSync(restore, { mode: 0o700 });
    const { pid } = spawnSync('true');
    fs.writeFileSync(path.join(restore, 'plan.json'), JSON.stringify({ maker: { ...identify(process.pid), pid }, release: null }));
    fs.writeFileSync(path.join(restore, 'settings.json'), '{ "debug_mode": true }', { mode: 0o600 });
    assert.match(reasons(row(await diagnose(1), 'restore')), /a restore was interrupted → animus doctor agent-one --fix/);
    assert.deepEqual(row(await diagnose(0, '--fix'), 'restore').mended, ['the interrupted restore was finished']);
    assert.deepEqual([fs.readFileSync(agent.settings, 'utf8'), fs.existsSync(restore)], ['{ "debug_mode": true }', false]);
    fs.writeFileSync(agent.settings, before);
  });

  it('finds files of others in an agent’s folder', {
    skip: process.getuid?.() === 0 ? false : 'only root can give files away',
  }, async () => {
    const agent = agentPaths(home, ID);
    fs.chownSync(agent.settings, 65_534, 65_534);
    assert.match(
      reasons(row(await diagnose(1, '--fix'), 'owners')),
      /settings\.json belongs to user number 65534, its folder to 0 → as root: chown -h 0 /,
    );
    fs.chownSync(agent.settings, 0, 0);
  });

  it('finds a supervisor that has the home and does not answer', async () => {
    const { lock: file, socket } = homePaths(home);
    const lock = takeHomeLock(file);
    assert.ok(lock !== null);
    const deaf = net.createServer(() => undefined);
    try {
      await once(deaf.listen(socket), 'listening');
      const told = await diagnose(1, '--fix');
      assert.match(reasons(row(told, 'supervisor', null)), /has the home and does not answer → .*animus up -d/);
      assert.ok(fs.existsSync(socket), 'its socket is left alone');
    } finally {
      deaf.close();
      lock.release();
      fs.rmSync(socket, { force: true });
    }
  });

  it('says which agents this machine cannot isolate as they must be', async () => {
    const { config } = homePaths(home);
    const fleet = fs.readFileSync(config, 'utf8');
    fs.writeFileSync(config, JSON.stringify({ ...JSON.parse(fleet), agents: { one: { isolation: 'require' } } }), { mode: 0o600 });
    const ran = await rig.animus(['doctor', '--json'], { environment: { ANIMUS_BWRAP: 'off' } });
    assert.equal(ran.code, 1);
    assert.match(reasons(row(JSON.parse(ran.stdout), 'sandbox', null)), /agent-one must be isolated, and this machine gives no sandbox: /);
    fs.writeFileSync(config, fleet);
  });

  it('names what a person must mend, and leaves it alone', async () => {
    const agent = agentPaths(home, ID);
    fs.symlinkSync('/etc/passwd', path.join(agent.clone, 'leads-out'));
    fs.symlinkSync('/etc', path.join(agent.plugins, 'evil'));
    fs.symlinkSync('../broca/docs', path.join(agent.plugins, 'within'));
    const settings = fs.readFileSync(agent.settings, 'utf8');
    fs.writeFileSync(agent.settings, '{ "message_processing": { "mode": "loud" } }');
    const big = fs.openSync(path.join(agent.logs, 'old.log'), 'w', 0o600);
    fs.ftruncateSync(big, 65 * 1024 * 1024);
    fs.closeSync(big);
    letta.changeKey(ID, 'another-key');
    const { config } = homePaths(home);
    const fleet = fs.readFileSync(config, 'utf8');
    fs.writeFileSync(config, '{ "supervisor": { "isolation": "none" } }', { mode: 0o600 });
    const told = await diagnose(1, '--fix');
    assert.match(reasons(row(told, 'links')), /plugins\/evil is a link that leads out of the agent's folder, to \/etc → /);
    assert.doesNotMatch(reasons(row(told, 'links')), /plugins\/within/);
    assert.match(reasons(row(told, 'links')), /broca\/leads-out is a link that leads out of the clone, to \/etc\/passwd → .*rm /);
    assert.match(reasons(row(told, 'configuration')), /settings\.json: message_processing\.mode = "loud"/);
    assert.match(reasons(row(told, 'configuration', null)), /supervisor\.isolation = "none"/);
    assert.match(reasons(row(told, 'letta')), /does not take this key \(401\).* → .*animus rotate-key agent-one/);
    assert.match(reasons(row(told, 'logs')), /old\.log has 65\.0 MB/);
    assert.deepEqual(
      told.checks.flatMap(({ mended }) => mended),
      [],
    );
    assert.equal(JSON.stringify(told).includes(KEY), false);
    fs.writeFileSync(agent.settings, settings);
    fs.writeFileSync(config, fleet);
    letta.changeKey(ID, KEY);
    const links = [path.join(agent.clone, 'leads-out'), path.join(agent.plugins, 'evil'), path.join(agent.plugins, 'within')];
    for (const file of [...links, path.join(agent.logs, 'old.log')]) fs.rmSync(file);
    await diagnose(0);
  });

  it('reads the whole database, and leaves a damaged one as it is', async () => {
    const agent = agentPaths(home, ID);
    const sound = fs.readFileSync(agent.database);
    const damaged = Buffer.from(sound);
    damaged.fill(0xff, 4096);
    fs.writeFileSync(agent.database, damaged);
    const { findings } = row(await diagnose(1, '--fix'), 'database');
    assert.ok(findings.length > 0);
    assert.match(findings[0]?.remedy ?? '', /animus restore/);
    assert.ok(fs.readFileSync(agent.database).equals(damaged));
    fs.rmSync(agent.database);
    assert.match(reasons(row(await diagnose(1), 'database')), /animus\.db is missing/);
    fs.writeFileSync(agent.database, sound, { mode: 0o600 });
    const aside = path.join(agent.folder, 'animus.db.damaged-2026-11-28T120000.000Z');
    fs.writeFileSync(aside, damaged, { mode: 0o600 });
    assert.match(reasons(row(await diagnose(1), 'database')), /set aside as animus\.db\.damaged-.* → .*animus queue agent-one list/);
    fs.rmSync(aside);
    // Somebody is writing: it is read beside them, and nobody waits.
    const db = new DatabaseConstructor(agent.database);
    db.exec('BEGIN IMMEDIATE');
    assert.deepEqual(row(await diagnose(0), 'database').findings, []);
    db.exec('ROLLBACK');
    db.close();
  });

  it('finds a runtime that lacks a package or runs no Node, and a release that is gone', async () => {
    const agent = agentPaths(home, ID);
    const { runtimes } = homePaths(home);
    const runtime = path.join(runtimes, fs.readdirSync(runtimes)[0] ?? '');
    const aside = async (file: string, look: () => Promise<void>): Promise<void> => {
      fs.renameSync(file, `${file}.aside`);
      await look();
      fs.renameSync(`${file}.aside`, file);
    };
    await aside(path.join(runtime, 'node_modules/better-sqlite3'), async () =>
      assert.match(reasons(row(await diagnose(1), 'runtimes', null)), /lacks better-sqlite3 \d.* → animus upgrade makes it again/),
    );
    await aside(path.join(runtime, 'bin/node'), async () =>
      assert.match(reasons(row(await diagnose(1), 'runtimes', null)), /the Node of runtime\/.* does not run/),
    );
    const addon = path.join(runtime, `node_modules/better-sqlite3/prebuilds/${process.platform}-${process.arch}.node`);
    await aside(addon, async () => {
      fs.writeFileSync(addon, Buffer.alloc(fs.statSync(`${addon}.aside`).size, 1));
      assert.match(reasons(row(await diagnose(1), 'runtimes', null)), /prebuilds\/.*\.node is missing, or is not what was installed/);
    });
    await aside(agent.currentRelease, async () => assert.match(reasons(row(await diagnose(1), 'files')), /no release that can run/));
    fs.rmSync(agent.logs, { recursive: true });
    assert.match(reasons(row(await diagnose(1), 'files')), /logs\/ is missing/);
    assert.deepEqual(row(await diagnose(0, '--fix'), 'files').mended, ['agent-one/logs/ was made']);
  });

  it('makes a runtime again of which something is gone, as upgrade does', async () => {
    const { runtimes } = homePaths(home);
    const [version = ''] = fs.readdirSync(runtimes);
    const gone = path.join(runtimes, version, 'node_modules/better-sqlite3');
    const { ino } = fs.statSync(path.join(runtimes, version, 'bin/node'));
    fs.rmSync(gone, { recursive: true });
    assert.deepEqual(row(await diagnose(0, '--fix'), 'runtimes', null).mended, [`runtime/${version} was made again`]);
    fs.rmSync(path.join(runtimes, version), { recursive: true });
    assert.match(reasons(row(await diagnose(1), 'files')), /the runtime .* is missing: animus upgrade agent-one gives it one/);
    const upgraded = JSON.parse((await rig.animus(['upgrade', '--json'])).stdout);
    assert.deepEqual([upgraded.agents[0].outcome, upgraded.madeRuntime, fs.readdirSync(runtimes)], ['mended', 'new', [version]]);
    assert.equal(fs.statSync(path.join(runtimes, version, 'bin/node')).ino, ino);
    fs.rmSync(path.join(gone, 'package.json'));
    const again = await rig.animus(['upgrade']);
    assert.match(again.stderr, /was damaged and is made again/);
    fs.rmSync(agentPaths(home, ID).currentRelease);
    assert.match((await rig.animus(['upgrade', 'one'])).stdout, /could not run for want of its release or its runtime; it can again/);
    await diagnose(0);
  });

  it('finds a plugin that is enabled and was not built', async () => {
    const agent = agentPaths(home, ID);
    const settings = fs.readFileSync(agent.settings, 'utf8');
    fs.mkdirSync(agent.plugins, { recursive: true });
    fs.writeFileSync(path.join(agent.plugins, 'parrot.ts'), 'export default {};\n');
    fs.writeFileSync(agent.settings, JSON.stringify({ ...JSON.parse(settings), plugins: { parrot: { enabled: true } } }));
    assert.match(reasons(row(await diagnose(1), 'plugins')), /parrot is enabled .* built without it → .*animus update agent-one/);
    fs.rmSync(path.join(agent.plugins, 'parrot.ts'));
    assert.match(reasons(row(await diagnose(1), 'plugins')), /parrot is enabled, and there is no such plugin/);
    fs.writeFileSync(agent.settings, settings);
  });

  it('compares the clock with the one of Letta', async () => {
    const agent = agentPaths(home, ID);
    const environment = fs.readFileSync(agent.environment, 'utf8');
    const server = createServer((_, response) => {
      response.setHeader('Date', new Date(Date.now() - 120_000).toUTCString());
      response.setHeader('Content-Type', 'application/json');
      response.end('{"id":"agent-one"}');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    fs.writeFileSync(agent.environment, environment.replace(letta.url, `http://127.0.0.1:${port}`));
    assert.match(reasons(row(await diagnose(1), 'clock')), /clock is 1(19|20|21) s ahead of Letta's → .*timedatectl/);
    server.close();
    fs.writeFileSync(agent.environment, environment);
  });

  it('finds a process that outlived its Broca, and asks it to end', async () => {
    const { folder } = agentPaths(home, ID);
    const options = { cwd: folder, env: { [NONCE_VARIABLE]: 'of-a-run-that-is-over' }, stdio: 'ignore' } as const;
    const orphan = spawn('/bin/sleep', ['600'], options);
    const ended = once(orphan, 'exit');
    try {
      await once(orphan, 'spawn');
      const told = row(await diagnose(0), 'orphans', null);
      assert.match(reasons(told), new RegExp(`process ${orphan.pid} was started by a Broca of agent-one that is gone`));
      assert.equal(orphan.exitCode, null);
      assert.deepEqual(row(await diagnose(0, '--fix'), 'orphans', null).mended, [`process ${orphan.pid} was asked to end (SIGTERM)`]);
      assert.deepEqual(await ended, [null, 'SIGTERM']);
    } finally {
      orphan.kill('SIGKILL');
    }
  });

  it('knows what should run', async () => {
    const record = path.join(homePaths(home).runAgents, `${ID}.json`);
    const text = fs.readFileSync(record, 'utf8');
    fs.writeFileSync(record, text.replace('stopped', 'running'));
    assert.match(reasons(row(await diagnose(1), 'process')), /it should run and does not → .*animus up -d/);
    const { currentRelease, formerRelease } = agentPaths(home, ID);
    fs.symlinkSync(fs.readlinkSync(currentRelease), formerRelease);
    assert.match(reasons(row(await diagnose(1), 'process')), /Its release was changed .* ago: .* go back with animus rollback agent-one/);
    fs.rmSync(formerRelease);
    fs.writeFileSync(record, text);
  });

  it('says which agents there are not, and that there is no home', async () => {
    assert.equal((await rig.animus(['doctor', 'nobody'])).code, 1);
    const ran = await rig.animus(['doctor'], { environment: { ANIMUS_HOME: path.join(rig.folder, 'nowhere') } });
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /make it with: animus init/);
  });
});
