import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeRig, type Ran, type Rig, standInRepository, writeFiles } from 'animus-testkit';
import { takeHomeLock } from '../fleet/lock.ts';
import { checkHomeOwner } from '../home/modes.ts';
import { agentPaths, homePaths } from '../home/paths.ts';

const ANIMUS = path.join(import.meta.dirname, 'main.ts');
const KEY = 'key-0123456789';

describe('animus without a supervisor', () => {
  let rig: Rig;
  let home: string;

  before(() => {
    rig = makeRig(ANIMUS);
    ({ home } = rig);
  });
  after(async () => await rig[Symbol.asyncDispose]());

  async function deploy(...words: string[]): Promise<Ran> {
    return await rig.animus(['deploy', ...words, '--no-check'], { environment: { ANIMUS_AGENT_KEY: KEY } });
  }

  it('says what to do when there is no home, and makes one', async () => {
    for (const command of ['health', 'ls', 'up', 'logs']) {
      const ran = await rig.animus([command]);
      assert.equal(ran.code, 1);
      assert.match(ran.stderr, /there is no home at .*; make it with: animus init/);
    }
    assert.equal((await rig.animus(['init'])).code, 0);
    for (const folder of ['.', 'run', 'logs', 'runtime', 'backups'])
      assert.equal(fs.statSync(path.join(home, folder)).mode & 0o777, 0o700, folder);
    assert.equal(fs.statSync(homePaths(home).config).mode & 0o777, 0o600);
    const repository = standInRepository(path.join(rig.folder, 'repository'), {
      'templates/settings.json': '{ "agent": { "name": "Mine" } }\n',
    });
    fs.writeFileSync(homePaths(home).config, JSON.stringify({ broca: { repository } }));
    assert.match((await rig.animus(['init'])).stdout, /as it should be/);
    assert.match(fs.readFileSync(homePaths(home).config, 'utf8'), /repository/);
  });

  it('ends with 3 where a supervisor is needed, and says how to start one', async () => {
    for (const words of [['status'], ['down'], ['start', 'all'], ['stop', 'x'], ['restart', 'all']]) {
      const ran = await rig.animus(words);
      assert.equal(ran.code, 3, words.join(' '));
      assert.match(ran.stderr, /start it with: animus up -d/);
    }
  });

  it('ends with 2 for what it does not understand, and names the nearest', async () => {
    const cases: [string[], RegExp][] = [
      [['helth'], /did you mean health\?/],
      [['constructor'], /no command "constructor"/],
      [['deploy', 'x'], /<endpoint> is missing/],
      [['deploy', '../x', 'https://letta.example'], /cannot be an agent id/],
      [['deploy', 'x', 'letta.example'], /did you mean https:\/\/letta\.example\?/],
      [['deploy', 'x', 'https://letta.example'], /a key is missing/],
      [['deploy', 'x', 'https://letta.example', '--key-stdin'], /--key-stdin: nothing came in/],
      [['deploy', 'x\n', 'https://letta.example'], /"x\\n" cannot be an agent id/],
      [['deploy', ' x', 'https://letta.example'], /" x" cannot be an agent id/],
      [['deploy', 'x', 'https://letta.example', 'schlüssel€'], /this key cannot be right: a key has only plain characters/],
      [['queue'], /needs an agent first/],
      [['send', '--json', 'one', 'hi'], /needs an agent first, and options after it/],
      [['status', '--jsno'], /did you mean --json\?/],
    ];
    for (const [words, reason] of cases) {
      const ran = await rig.animus(words);
      assert.equal(ran.code, 2, words.join(' '));
      assert.match(ran.stderr, reason);
      assert.equal(ran.stdout, '');
    }
  });

  it('tells every problem of animus.config.json before it deploys', async () => {
    const { config } = homePaths(home);
    const text = fs.readFileSync(config, 'utf8');
    fs.writeFileSync(config, '{ "broca": { "ref": "-x" }, "timezone": "Mars/Base" }');
    const ran = await deploy('bad', 'http://127.0.0.1:9');
    assert.equal(ran.code, 78);
    assert.match(ran.stderr, /broca\.ref[\s\S]*timezone/);
    assert.ok(ran.stderr.startsWith(`${config}: `), ran.stderr);
    assert.equal((await rig.animus(['up', '-d'])).code, 78);
    fs.writeFileSync(config, text);
  });

  it('hands the rest of the line to the agent’s own Broca, for its folder and from the person’s, without the key, and ends as it ends', async () => {
    assert.equal((await deploy('7216-one', 'http://127.0.0.1:9')).code, 0);
    const agent = agentPaths(home, 'agent-7216-one');
    const sent = await rig.animus(['send', '7216', 'two words', '--json', '--', '-x'], { environment: { ANIMUS_AGENT_KEY: KEY } });
    assert.equal(sent.code, 0, sent.stderr);
    const said: { command: string; args: string[]; folder: string; node: string } = JSON.parse(sent.stdout);
    assert.equal(said.command, 'send');
    assert.deepEqual(said.args, ['--folder', agent.folder, 'two words', '--json', '--', '-x']);
    assert.equal(said.folder, rig.folder);
    assert.ok(said.node.startsWith(homePaths(home).runtimes));
    assert.equal((await rig.animus(['queue', 'agent-7216', 'list'])).code, 7);
    const unknown = await rig.animus(['queue', 'nobody', 'list']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /there is no agent agent-nobody\. Known: agent-7216-one/);
  });

  it('lists the agents', async () => {
    assert.equal((await deploy('7216-two', 'http://127.0.0.1:9/v1')).code, 0);
    const { agents }: { agents: { id: string; name: string; endpoint: string }[] } = JSON.parse(
      (await rig.animus(['ls', '--json'])).stdout,
    );
    assert.deepEqual(
      agents.map(({ id, name, endpoint }) => [id, name, endpoint]),
      [
        ['agent-7216-one', 'Mine', 'http://127.0.0.1:9'],
        ['agent-7216-two', 'Mine', 'http://127.0.0.1:9'],
      ],
    );
    assert.match((await rig.animus(['send', '7216', 'x'])).stderr, /"7216" fits 2 agents/);
  });

  it('shows no key: not in argv of what it starts, not in what it prints', async () => {
    const ran = await deploy('quiet', 'http://127.0.0.1:9');
    assert.equal(ran.code, 0);
    assert.doesNotMatch(ran.stdout + ran.stderr, new RegExp(KEY));
    for (const words of [
      ['ls', '--json'],
      ['health', '--json'],
      ['logs', '--json'],
    ])
      assert.doesNotMatch((await rig.animus(words)).stdout, new RegExp(KEY));
  });

  it('removes an agent only when it is told to, keeps its data, and not while its Broca runs', async () => {
    assert.equal((await deploy('gone', 'http://127.0.0.1:9')).code, 0);
    const agent = agentPaths(home, 'agent-gone');
    assert.equal((await rig.animus(['remove', 'gone'])).code, 2);
    const lock = takeHomeLock(agent.lock);
    const refused = await rig.animus(['remove', 'gone', '--yes']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /the Broca of agent-gone still runs/);
    assert.equal(fs.existsSync(agent.database), true);
    lock?.release();
    writeFiles(agent.folder, { 'plugins/mine.ts': 'export default {};\n' });
    const removed = await rig.animus(['remove', 'gone', '-y', '--json']);
    assert.equal(removed.code, 0, removed.stderr);
    const { backup }: { backup: string } = JSON.parse(removed.stdout);
    assert.equal(path.dirname(path.dirname(backup)), homePaths(home).backups);
    assert.deepEqual(fs.readdirSync(backup).sort(), ['.env', 'animus.db', 'inbox', 'logs', 'outbox', 'plugins', 'settings.json']);
    assert.equal(fs.statSync(path.join(backup, '.env')).mode & 0o777, 0o600);
    assert.equal(fs.statSync(backup).mode & 0o777, 0o700);
    assert.equal(fs.existsSync(agent.folder), false);
  });

  it('keeps a removed agent’s clone when somebody worked in it, and a second removal beside the first', async () => {
    assert.equal((await deploy('gone', 'http://127.0.0.1:9')).code, 0);
    writeFiles(agentPaths(home, 'agent-gone').clone, { 'notes.md': 'mine' });
    const { backup }: { backup: string } = JSON.parse((await rig.animus(['remove', 'gone', '-y', '--json'])).stdout);
    assert.match(backup, /agent-gone\.2$/);
    assert.equal(fs.readFileSync(path.join(backup, 'broca/notes.md'), 'utf8'), 'mine');
  });
});

describe('animus logs', () => {
  let rig: Rig;
  before(async () => {
    rig = makeRig(ANIMUS);
    assert.equal((await rig.animus(['init'])).code, 0);
    const line = (minute: number, level: string, event: string): string =>
      `${JSON.stringify({ level, time: `2026-11-23T10:${minute}:00.000Z`, event, turn: minute })}\n`;
    writeFiles(rig.home, {
      'animus.config.json': '{ "timezone": "Asia/Tokyo" }',
      'agent-a/logs/broca-20261123T101500000Z.log': line(10, 'info', 'oldest') + line(12, 'warn', 'trouble.began'),
      'agent-a/logs/broca.log': `${line(20, 'error', 'trouble.grew')}Error: a stack\n    at somewhere\n${line(40, 'info', 'newest')}`,
      'agent-a/logs/output.log': 'one\ntwo\n',
      'agent-b/logs/broca.log': line(30, 'info', 'between'),
      'logs/supervisor.log': `${JSON.stringify({ level: 30, time: Date.UTC(2026, 10, 23, 10, 25), msg: 'started', kind: 'agent-spawned', agent: 'agent-b' })}\n`,
    });
  });
  after(async () => await rig[Symbol.asyncDispose]());

  async function events(...words: string[]): Promise<string[]> {
    const ran = await rig.animus(['logs', ...words, '--json']);
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const parsed: { event?: string; msg?: string; raw?: string } = JSON.parse(line);
        return parsed.event ?? parsed.msg ?? parsed.raw ?? '';
      });
  }

  it('merges agents, the supervisor and rotated files by time', async () => {
    const all = ['oldest', 'trouble.began', 'trouble.grew', 'Error: a stack', '    at somewhere', 'started', 'between', 'newest'];
    assert.deepEqual(await events(), all);
    assert.deepEqual(await events('-n', '3'), all.slice(-3));
    assert.deepEqual(await events('b', 'supervisor'), ['started', 'between']);
    assert.deepEqual(await events('--lines', '0'), []);
  });

  it('chooses by level, time and text', async () => {
    assert.deepEqual(await events('--level', 'warn'), ['trouble.began', 'trouble.grew']);
    assert.deepEqual(await events('--since', '2026-11-23T10:26:00Z'), ['between', 'newest']);
    assert.deepEqual(await events('a', '--grep', 'TROUBLE'), ['trouble.began', 'trouble.grew']);
    assert.deepEqual(await events('--until', '2026-11-23T10:12:00Z'), ['oldest']);
    assert.deepEqual(await events('--since', '2026-11-23T10:12:00Z', '--until', '2026-11-23T10:20:30Z'), [
      'trouble.began',
      'trouble.grew',
      'Error: a stack',
      '    at somewhere',
    ]);
    assert.deepEqual(await events('--until', '2026-11-23T10:26:00Z', '-n', '1'), ['started']);
    // The zone in which times are shown is the one in which they are asked for: 19:26 in Tokyo.
    assert.deepEqual(await events('--since', '2026-11-23 19:26'), ['between', 'newest']);
    const wrong: [string[], RegExp][] = [
      [['--since', 'yesterday'], /--since takes a span as in 30m/],
      [['--until', '2026-13-01'], /--until takes a span as in 30m/],
      [['--since', '1h', '--until', '2h'], /--until is not after --since/],
      [['-f', '--until', '2h'], /does not go with --until/],
      [['--output', '--level', 'warn'], /--level does not go with --output/],
    ];
    for (const [words, reason] of wrong) {
      const ran = await rig.animus(['logs', ...words]);
      assert.equal(ran.code, 2, words.join(' '));
      assert.match(ran.stderr, reason);
    }
  });

  it('shows them to a person in the configured zone', async () => {
    const { stdout } = await rig.animus(['logs', '-n', '2']);
    assert.equal(stdout, '2026-11-23 19:30:00 agent-b    INFO  between turn=30\n2026-11-23 19:40:00 agent-a    INFO  newest turn=40\n');
    const many = path.join(rig.home, 'agent-b/logs/broca.log');
    const before = fs.readFileSync(many, 'utf8');
    fs.appendFileSync(
      many,
      `${JSON.stringify({ level: 'error', time: '2026-11-23T10:50:00.000Z', event: 'e', err: { stack: 'Error: x\n    at y' } })}\n`,
    );
    assert.match((await rig.animus(['logs', '-n', '1'])).stdout, /^2026-11-23 19:50:00 agent-b +ERROR e \n {4}Error: x\n {8}at y\n$/);
    fs.writeFileSync(many, before);
    assert.match((await rig.animus(['logs', 'supervisor'])).stdout, /supervisor INFO {2}agent-b: started\n$/);
    assert.equal((await rig.animus(['logs', 'a', '--output'])).stdout, 'one\ntwo\n');
  });

  it('follows through a rotation and into a new agent', async () => {
    const following = rig.start(['logs', '-f', '-n', '1', '--json']);
    await following.said('newest');
    const file = path.join(rig.home, 'agent-b/logs/broca.log');
    const append = (event: string): void =>
      fs.appendFileSync(file, `${JSON.stringify({ level: 'info', time: '2026-11-23T11:00:00.000Z', event })}\n`);
    append('before-rotation');
    fs.renameSync(file, path.join(rig.home, 'agent-b/logs/broca-20261123T110000000Z.log'));
    append('after-rotation');
    await following.said('before-rotation');
    await following.said('after-rotation');
    writeFiles(rig.home, {
      'agent-c/logs/broca.log': `${JSON.stringify({ level: 'info', time: '2026-11-23T11:00:00.000Z', event: 'newcomer' })}\n`,
    });
    await following.said('newcomer');
    following.child.kill('SIGINT');
    assert.equal((await following.ended).code, 0);
  });
});

describe('animus events', () => {
  let rig: Rig;
  before(async () => {
    rig = makeRig(ANIMUS);
    assert.equal((await rig.animus(['init'])).code, 0);
    const event = (id: number, level: string, agent: string | null, message: string): string =>
      `${JSON.stringify({ id, at: Date.UTC(2026, 10, 23, 10, id), kind: 'x', level, agent, message, details: {} })}\n`;
    writeFiles(rig.home, {
      'animus.config.json': '{ "timezone": "Asia/Tokyo" }',
      'agent-a/.env': '',
      'agent-b/.env': '',
      'logs/events.log.1': event(1, 'info', null, 'supervisor runs') + event(2, 'warn', 'agent-a', 'died; started again'),
      'logs/events.log': `${event(3, 'info', 'agent-b', 'ready')}{"id":4,"at`,
    });
  });
  after(async () => await rig[Symbol.asyncDispose]());

  it('shows what is kept, without a supervisor, in the configured zone', async () => {
    const { stdout, code } = await rig.animus(['events']);
    assert.equal(code, 0);
    assert.deepEqual(stdout.split('\n').slice(0, 3), [
      '2026-11-23 19:01:00 supervisor INFO  supervisor runs',
      '2026-11-23 19:02:00 agent-a    WARN  died; started again',
      '2026-11-23 19:03:00 agent-b    INFO  ready',
    ]);
  });

  it('chooses by agent, level, time and number', async () => {
    const ids = async (...words: string[]): Promise<number[]> =>
      (await rig.animus(['events', '--json', ...words])).stdout
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line).id);
    assert.deepEqual(await ids('a'), [2]);
    assert.deepEqual(await ids('b', 'a', '-n', '1'), [3]);
    assert.deepEqual(await ids('--level', 'warn'), [2]);
    assert.deepEqual(await ids('--since', '2026-11-23 19:02', '--until', '2026-11-23 19:03'), [2]);
    const unknown = await rig.animus(['events', 'nobody']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /there is no agent agent-nobody/);
  });

  it('follows over a rotation, a line that was half written and a new supervisor', async () => {
    const following = rig.start(['events', '-f', '-n', '1', 'a', '--json']);
    await following.said('died; started again');
    const file = path.join(rig.home, 'logs/events.log');
    fs.appendFileSync(file, '":5,"level":"info","agent":"agent-a","message":"second half"}\n');
    await following.said('{"id":4,"at":5,"level":"info","agent":"agent-a","message":"second half"}');
    fs.renameSync(file, `${file}.1`);
    fs.writeFileSync(file, `${JSON.stringify({ id: 5, at: 6, level: 'info', agent: 'agent-a', message: 'after rotation' })}\n`);
    await following.said('after rotation');
    assert.equal(following.output().includes('"ready"'), false);
    following.child.kill('SIGINT');
    assert.equal((await following.ended).code, 0);
  });
});

describe('checkHomeOwner', () => {
  it('refuses a home of another user with the owner’s name', () => {
    const uid = fs.statSync('/').uid;
    const refused = checkHomeOwner('/', uid + 1);
    assert.ok(!refused.ok);
    assert.match(refused.error, /\/ belongs to the user root: run animus as that user, or set ANIMUS_HOME/);
    assert.ok(checkHomeOwner('/', uid).ok);
    assert.ok(checkHomeOwner('/nowhere/at/all', uid + 1).ok);
    assert.match(JSON.stringify(checkHomeOwner('/etc/passwd', uid)), /is not a folder/);
  });
});
