/** The sandbox by itself, without Node's permission model in it: what a shell sees and may do there. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { DEFAULT_SUPERVISION, ok, type Supervision } from 'animus-protocol';
import { shareFleetConfig } from '../fleet/share-config.ts';
import { agentPaths, homePaths } from '../home/paths.ts';
import { runBriefly } from '../worker/process.ts';
import { chooseIsolation } from './choose-policy.ts';
import { isolate, type Launch } from './isolate.ts';
import { probeMachine } from './probe.ts';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'animus-sandbox-'));
after(() => rmSync(scratch, { recursive: true }));
const abilities = await probeMachine(process.env, scratch);
const skip = abilities.sandbox.works ? false : abilities.sandbox.reason;

class Home implements Disposable {
  readonly path: string = mkdtempSync(path.join(os.tmpdir(), 'animus home-'));
  readonly own = agentPaths(this.path, 'agent-own');
  readonly other = agentPaths(this.path, 'agent-other');

  constructor() {
    for (const agent of [this.own, this.other]) {
      for (const folder of [agent.clone, path.join(agent.releases, 'c0ffee'), agent.run, agent.logs])
        mkdirSync(folder, { recursive: true });
      writeFileSync(agent.environment, `of ${agent.folder}`);
    }
    writeFileSync(
      homePaths(this.path).config,
      '{ "defaults": { "x": 1 }, "agents": { "agent-other": { "environment": { "TOKEN": "t" } } } }',
    );
    shareFleetConfig(homePaths(this.path));
  }

  /** Runs a shell as the agent's Broca would be run, with nothing but the sandbox around it. */
  async run(script: string, wish: Partial<Supervision> = {}): Promise<string> {
    const codeCache = path.join(this.own.releases, 'c0ffee/.cache');
    const launch: Launch = { node: 'NODE', nodeMajor: 24, flags: [], program: ['PROGRAM'], readable: [], codeCache };
    const isolated = isolate({ home: this.path, agent: this.own, launch, supervision: { ...DEFAULT_SUPERVISION, ...wish }, abilities });
    assert.ok(isolated.ok, JSON.stringify(isolated));
    const { command, args } = isolated.value;
    const box = args.slice(0, args.indexOf('NODE'));
    const ran = await runBriefly(command, [...box, '/bin/sh', '-c', script], { PATH: '/usr/bin:/bin' }, 10_000);
    return ran.ok ? ran.value : `failed: ${ran.error}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

test('of the home only its own folder and the fleet’s defaults are there', { skip }, async () => {
  using home = new Home();
  assert.deepEqual((await home.run('ls -A ..')).split('\n'), ['agent-own', 'animus.config.json', 'run']);
  assert.equal(await home.run('ls -AR ../run'), '../run:\nshared\n\n../run/shared:\nanimus.config.json');
  assert.deepEqual(JSON.parse(await home.run('cat ../animus.config.json')), { defaults: { x: 1 } });
  assert.equal(await home.run('cat .env; echo changed > .env'), `of ${home.own.folder}`);
  assert.equal(readFileSync(home.own.environment, 'utf8'), 'changed\n');
});

test('links lead nowhere; what others run from cannot be changed; compiled code is its own', { skip }, async () => {
  using home = new Home();
  symlinkSync(home.other.environment, path.join(home.own.folder, 'link'));
  symlinkSync(home.other.folder, home.own.plugins);
  const script = 'cat link; ls plugins/; for f in broca releases/c0ffee .. / /usr; do touch $f/x && echo "$f was changed"; done; true';
  assert.equal(await home.run(`(${script}) 2>/dev/null`), '');
  await home.run('echo mine > releases/c0ffee/.cache/code');
  assert.equal(readFileSync(path.join(home.own.run, 'code-cache/code'), 'utf8'), 'mine\n');
});

test('a link in the place of a folder of ours leads out of no sandbox', { skip }, async () => {
  using home = new Home();
  mkdirSync(path.join(home.other.run, 'code-cache'));
  rmSync(home.own.run, { recursive: true });
  symlinkSync(home.other.run, home.own.run);
  await home.run('echo mine > releases/c0ffee/.cache/code; echo mine > run/code-cache/code; true');
  assert.deepEqual(readdirSync(path.join(home.other.run, 'code-cache')), []);
});

test('it sees no process but its own, has no powers, and nothing of the machine but programs', { skip }, async () => {
  using home = new Home();
  assert.match(await home.run('echo /proc/[0-9]*'), /^\/proc\/1 \/proc\/\d$/);
  assert.equal(await home.run(`kill -0 ${process.pid} 2>/dev/null || echo no`), 'no');
  assert.match(await home.run('grep CapEff /proc/self/status'), /0{16}/);
  assert.equal(await home.run('cat /etc/shadow /etc/sudoers 2>/dev/null; ls -d /home /root /var /run/dbus /sys 2>/dev/null; true'), '');
  assert.match(await home.run('(echo x > /proc/sys/kernel/core_pattern) 2>&1; cat /etc/passwd | wc -l; ls /tmp | wc -l; pwd'), /\n\d+\n/);
  assert.equal((await home.run('echo $(id -u)')).trim(), String(process.getuid?.()));
});

test('what is wished for and what there is make the level', () => {
  const works = {
    works: true,
    program: 'bwrap',
    version: '1',
    system: { folders: { links: [], readable: [], etc: null }, boundsTemporary: true },
    countsProcesses: true,
  } as const;
  const not = { works: false, reason: 'nothing here' } as const;
  const rows = [
    ['off', false, works, 'none'],
    ['auto', false, works, 'bwrap'],
    ['auto', true, works, 'bwrap+user'],
    ['auto', false, not, 'permission'],
    ['require', false, works, 'bwrap'],
  ] as const;
  for (const [wish, hasUser, sandbox, level] of rows) assert.deepEqual(chooseIsolation({ wish, hasUser, sandbox }), ok(level));
  const refused = chooseIsolation({ wish: 'require', hasUser: false, sandbox: not });
  assert.match(refused.ok ? '' : refused.error, /gives none: nothing here\. Mend that/);
  for (const [wish, sandbox] of [
    ['off', works],
    ['auto', not],
  ] as const) {
    const none = chooseIsolation({ wish, hasUser: true, sandbox });
    assert.match(none.ok ? '' : none.error, /a user of its own needs/);
  }
});

/** Root itself is bounded nowhere: there it takes a user of the agent's own. */
const counted = process.getuid?.() === 0 ? { user: '65533' } : {};
const isCounted = abilities.sandbox.works && (abilities.sandbox.countsProcesses || process.getuid?.() === 0);

test('programs started without end come to an end at the bound, and to the one that starts them', { skip: !isCounted }, async () => {
  using home = new Home();
  const startMany = 'i=0; while [ $i -lt 60 ]; do sleep 30 & i=$((i+1)); done; echo all of them';
  assert.match(await home.run(startMany, { processes: 40, ...counted }), /^failed: .*[fF]ork/);
  assert.equal(await home.run('sleep 0; sleep 0; echo as ever', { processes: 40, ...counted }), 'as ever');
  assert.equal(await home.run(startMany, { processes: null, ...counted }), 'all of them');
});
