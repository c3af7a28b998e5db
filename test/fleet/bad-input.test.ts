/** Every wrong input has its own words and its exit code, and leaves the home as it was. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { commitAll, runGit, standInRepository, writeFiles } from 'animus-testkit';
import { type Agent, FleetRig, isAlive, until } from './rig.ts';

describe('what is asked wrongly', () => {
  let fleet: FleetRig;
  let one: Agent;
  let other: Agent;

  before(async () => {
    fleet = await FleetRig.make();
    [one, other] = await Promise.all([fleet.deployed('same-one'), fleet.deployed('same-two')]);
  });
  afterEach(() => fleet.configure({}));
  after(async () => await fleet[Symbol.asyncDispose]());

  /** Runs it, and holds it to its code, its words, an empty stdout, and to having left nothing. */
  async function refuse(words: readonly string[], code: number, reason: RegExp, key = one.key): Promise<void> {
    const before = listHome();
    const ran = await fleet.rig.animus(words, { environment: key === '' ? {} : { ANIMUS_AGENT_KEY: key } });
    const what = JSON.stringify(words);
    assert.equal(ran.code, code, `${what}: ${ran.stderr}`);
    assert.match(ran.stderr, reason, what);
    assert.equal(ran.stdout, '', what);
    assert.doesNotMatch(ran.stderr, /\n +at /, `${what}: no stack`);
    assert.ok(!ran.stderr.includes(one.key), `${what}: shows the key`);
    assert.deepEqual(listHome(), before, what);
  }

  function listHome(): string[] {
    return ['.', 'run', 'run/agents', 'runtime', 'backups', one.id].flatMap((name) =>
      fs
        .readdirSync(path.join(fleet.home, name))
        .filter((each) => each !== 'animus.config.json')
        .map((each) => `${name}/${each}`),
    );
  }

  /** The smallest Broca that deploy takes: these tests are about what comes before it. */
  function useStandIn(): void {
    const repository = path.join(fleet.rig.folder, 'stand-in');
    if (!fs.existsSync(repository)) standInRepository(repository);
    fleet.configure({ broca: { repository } });
  }

  describe('deploy', () => {
    it('an id that is none', async () => {
      const none = /cannot be an agent id: use letters, digits/;
      const missing = /an agent id is missing|<id> is missing/;
      const cases: [string, RegExp][] = [
        ...['../x', 'a/b', 'a\\b', '..', '.', 'a..b', 'agent-../x', 'a\nb', 'a\tb', 'a\u0007b', 'a\u001b[31m', 'a b', 'é', '~'].map(
          (id): [string, RegExp] => [id, none],
        ),
        ...['', ' ', 'agent-', 'agent-agent-'].map((id): [string, RegExp] => [id, missing]),
        ['x'.repeat(129), /at most 128 characters/],
      ];
      await Promise.all(cases.map(async ([id, reason]) => await refuse(['deploy', id, one.letta.url], 2, reason)));
    });

    it('an endpoint that is none, with what was perhaps meant', async () => {
      const cases: [string, RegExp][] = [
        ['api.letta.com', /scheme is missing: did you mean https:\/\/api\.letta\.com\?/],
        ['localhost:8283', /scheme is missing: did you mean http:\/\/localhost:8283\?/],
        ['https://app.letta.com/agents/agent-1', /site for people, not its API: did you mean https:\/\/api\.letta\.com\?/],
        ['ws://localhost:8283', /ws:\/\/ .* is not supported yet/],
        ['wss://letta.example', /wss:\/\/ .* is not supported yet/],
        ['ftp://letta.example', /begins with https:\/\/ or http:\/\//],
        ['http://', /this is not an address/],
        ['http://localhost:99999', /this is not an address/],
        ['https://me:secret@letta.example', /carries no user or password: write https:\/\/letta\.example /],
        ['https://letta.example/v2', /no path of an endpoint: did you mean https:\/\/letta\.example\?/],
        ['https://letta.example/api/v1?x=1', /no "\?" or "#": did you mean https:\/\/letta\.example\/api\?/],
        ['https://your-letta-instance.com/api/v1', /template's example/],
        ['http://a\nb', /no spaces or control characters/],
        ['', /<endpoint> is missing/],
      ];
      await Promise.all(cases.map(async ([endpoint, reason]) => await refuse(['deploy', 'x', endpoint], 2, reason)));
    });

    it('each way to write a good one is taken, and written down in one form', async () => {
      useStandIn();
      for (const [number, tail] of ['', '/', '/v1', '/v1/'].entries()) {
        const id = `form-${number}`;
        one.letta.addAgent({ id: `agent-${id}`, apiKey: one.key });
        const ran = await fleet.rig.animus(['deploy', id, `${one.letta.url}${tail}`, one.key, '--json']);
        assert.equal(ran.code, 0, ran.stderr);
        assert.match(
          fs.readFileSync(path.join(fleet.home, `agent-${id}`, '.env'), 'utf8'),
          new RegExp(`^AGENT_ENDPOINT=${one.letta.url}$`, 'm'),
        );
        await fleet.done('remove', id, '--yes');
      }
    });

    it('a key that is none, or none at all where nobody can be asked', async () => {
      const deploy = ['deploy', 'x', one.letta.url];
      await refuse(deploy, 2, /a key is missing: write it after the endpoint, pipe it in with --key-stdin, or set ANIMUS_AGENT_KEY/, '');
      await refuse([...deploy, '--key-stdin'], 2, /--key-stdin: nothing came in/, '');
      await refuse([...deploy, 'a-key', '--key-stdin'], 2, /given twice/, '');
      await refuse([...deploy, 'two words'], 2, /a key has only plain characters without blanks/, '');
      await refuse([...deploy, 'two\nlines'], 2, /a key has only plain characters/, '');
      await refuse([...deploy, 'your_agent_specific_api_key'], 2, /template's example/, '');
    });

    it('a key from a pipe is taken without its line break', async () => {
      useStandIn();
      one.letta.addAgent({ id: 'agent-piped', apiKey: one.key });
      const ran = await fleet.rig.animus(['deploy', 'piped', one.letta.url, '--key-stdin'], { input: `${one.key}\r\n` });
      assert.equal(ran.code, 0, ran.stderr);
      await fleet.done('remove', 'piped', '--yes');
    });

    it('an agent that is there', async () => {
      await refuse(['deploy', 'same-one', one.letta.url], 1, /agent-same-one is deployed already .*animus remove agent-same-one/);
      await refuse(['deploy', one.id, one.letta.url, '--no-check'], 1, /is deployed already/);
    });

    it('a Letta that says no, or nothing', async () => {
      await refuse(['deploy', 'x', one.letta.url, 'sk-let-wrong'], 1, /does not take this key \(401\)/);
      await refuse(['deploy', 'x', one.letta.url], 1, /agent-x/);
      const id = 'agent-721679f6-c8af-4e01-8677-dc042dc80368';
      await refuse(['deploy', id, one.letta.url], 1, new RegExp(`has no agent ${id}`));
      await other.letta.goOffline();
      await refuse(['deploy', id, other.letta.url], 1, /cannot be reached .*To deploy it anyway, add --no-check/);
      useStandIn();
      const anyway = await fleet.rig.animus(['deploy', 'later', other.letta.url, other.key, '--no-check']);
      assert.equal(anyway.code, 0, anyway.stderr);
      await other.letta.goOnline();
      await fleet.done('remove', 'later', '--yes');
    });

    it('a repository that is not there, is none, leads outside, holds no Broca, or does not build', async () => {
      const folder = fleet.rig.folder;
      const made = (name: string, files: Record<string, string> = {}): string => standInRepository(path.join(folder, name), files);
      fs.mkdirSync(path.join(folder, 'plain'));
      fs.mkdirSync(path.join(folder, 'empty'));
      runGit(path.join(folder, 'empty'), ['init', '--quiet', '--template=']);
      writeFiles(path.join(folder, 'other'), { 'README.md': 'something else' });
      commitAll(path.join(folder, 'other'), 'Something else');
      const linked = made('linked');
      fs.symlinkSync('/etc', path.join(linked, 'packages/outside'));
      commitAll(linked, 'A way out');
      const unbuildable = made('unbuildable', { 'packages/broca-core/src/main.ts': 'export const = 1;\n' });
      const cases: [{ repository: string; ref?: string }, RegExp][] = [
        [{ repository: path.join(folder, 'nowhere') }, /could not clone .*nowhere.*does not exist/],
        [{ repository: path.join(folder, 'plain') }, /plain: this folder is no git repository/],
        [{ repository: path.join(folder, 'empty') }, /no commit/],
        [{ repository: 'https://127.0.0.1:9/x.git' }, /could not clone https:\/\/127\.0\.0\.1:9\/x\.git: .*Failed to connect/],
        [{ repository: path.join(folder, 'other') }, /the clone is no Broca/],
        [{ repository: linked }, /a link that leads out of it \(packages\/outside\)/],
        [{ repository: unbuildable }, /could not be built:\n {2}broca\/packages\/broca-core\/src\/main\.ts:1/],
        [{ repository: unbuildable, ref: 'nope' }, /has no branch, tag or commit nope\n.*broca\.ref/],
        [{ repository: `ext::touch ${folder}/was-run` }, /write what `git clone` takes|starts a program/],
      ];
      for (const [broca, reason] of cases) {
        fleet.configure({ broca });
        const isConfigured = !broca.repository.includes('::');
        await refuse(['deploy', 'x', one.letta.url, '--no-check'], isConfigured ? 1 : 78, reason);
      }
      assert.equal(fs.existsSync(path.join(folder, 'was-run')), false);
    });

    it('a repository beside the home may be named from it', async () => {
      standInRepository(path.join(fleet.rig.folder, 'beside'));
      fleet.configure({ broca: { repository: '../beside' } });
      const ran = await fleet.rig.animus(['deploy', 'beside', one.letta.url, one.key, '--no-check']);
      assert.equal(ran.code, 0, ran.stderr);
      fs.rmSync(path.join(fleet.home, 'agent-beside'), { recursive: true });
    });
  });

  it('an animus.config.json that cannot be used: 78, and every fault of it', async () => {
    for (const [text, reason] of [
      ['{', /animus\.config\.json: line .*not JSON/],
      ['[]', /the whole file: write an object/],
      ['{ "broca": { "repository": 5 }, "supervisor": { "watchdog": 1 } }', /broca\.repository = 5[\s\S]*supervisor\.watchdog = 1/],
      ['{ "agents": { "../x": {} } }', /cannot be an agent id/],
      ['{ "defaults": { "message_processing": { "mode": "loud" } } }', /mode = "loud": write one of "echo", "listen", "live"/],
    ] as const) {
      fs.writeFileSync(path.join(fleet.home, 'animus.config.json'), text);
      await refuse(['deploy', 'x', one.letta.url, '--no-check'], 78, reason);
      await refuse(['up', '-d'], 78, reason);
      const health = await fleet.rig.animus(['health']);
      assert.equal(health.code, 1);
      assert.match(health.stdout, reason);
      assert.match(await fleet.done('ls'), new RegExp(`${one.id} .*${one.letta.url}`), 'what is known is still told');
    }
    fs.writeFileSync(path.join(fleet.home, 'animus.config.json'), '{ "brocka": {} }');
    assert.match(
      (await fleet.rig.animus(['health'])).stdout,
      /! .*animus\.config\.json: brocka: unknown key, ignored; did you mean broca\?/,
    );
  });

  it('an id that fits several agents or none', async () => {
    for (const command of [['send'], ['queue'], ['settings'], ['health'], ['logs'], ['remove']]) {
      await refuse(
        [...command, 'same', 'list'].slice(0, command[0] === 'remove' ? 2 : 3),
        1,
        /"same" fits 2 agents \(agent-same-one, agent-same-two\): write more/,
      );
      await refuse([...command, 'nobody'], 1, /there is no agent agent-nobody\. Known: agent-same-one, agent-same-two/);
    }
  });

  it('what needs a supervisor and finds none: 3, and how to start one', async () => {
    for (const words of [['status'], ['start', 'all'], ['stop', 'same-one'], ['restart', 'same-one']])
      await refuse(words, 3, /no supervisor is running; start it with: animus up -d/);
    await refuse(['down'], 3, /nothing is running: no supervisor and no agent; start it with: animus up -d/);
    await refuse(['send', 'same-one', 'hello'], 1, /no Broca runs .*start it with animus start/);
  });

  it('a command or an option that is none: 2, and the nearest there is', async () => {
    const cases: [string[], RegExp][] = [
      [['helth'], /no command "helth"; did you mean health\?/],
      [['settigns', 'same-one', 'show'], /did you mean settings\?/],
      [['constructor'], /no command "constructor"/],
      [['health', '--jsno'], /no option --jsno; did you mean --json\?/],
      [['deploy', 'x', 'http://x.example', '--no-chek'], /did you mean --no-check\?/],
      [['up', 'now'], /"now" is one word too many/],
      [['logs', '-n', 'many'], /--lines takes a whole number/],
      [['logs', '--since', 'yesterday'], /--since takes a span as in 30m/],
      [['logs', '--level', 'loud'], /--level takes trace, debug/],
      [['queue'], /needs an agent first/],
      [['queue', 'same-one', 'lst'], /list/],
      [['send', 'same-one', 'x', '--timeout', 'soon'], /"soon" is no time: write seconds/],
      [['remove', 'same-one'], /add --yes/],
    ];
    await Promise.all(cases.map(async ([words, reason]) => await refuse(words, 2, reason)));
  });

  it('a home of another user, or one that is no folder', {
    skip: process.getuid?.() !== 0 ? 'needs root to give a folder away' : false,
  }, async () => {
    fs.chownSync(fleet.home, 65_534, 65_534);
    try {
      for (const words of [['health'], ['up', '-d'], ['ls'], ['deploy', 'x', one.letta.url], ['send', 'same-one', 'x'], ['init']]) {
        const ran = await fleet.rig.animus(words, { environment: { ANIMUS_AGENT_KEY: one.key } });
        assert.equal(ran.code, 1, words.join(' '));
        assert.match(ran.stderr, /belongs to the user nobody: run animus as that user, or set ANIMUS_HOME/);
      }
    } finally {
      fs.chownSync(fleet.home, 0, 0);
    }
    const file = path.join(fleet.rig.folder, 'a-file');
    fs.writeFileSync(file, '');
    const ran = await fleet.rig.animus(['health'], { environment: { ANIMUS_HOME: file } });
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /is not a folder/);
  });

  describe('while the fleet is up', () => {
    it('of several `up` at once one starts it, and all say that it runs', async () => {
      const all = await Promise.all([1, 2, 3].map(async () => await fleet.rig.animus(['up', '-d'])));
      const { supervisor } = await fleet.status();
      for (const { code, stdout, stderr } of all) {
        assert.equal(code, 0, stderr);
        assert.match(stdout, new RegExp(`the supervisor runs \\(pid ${supervisor.pid}\\)\n✓ ${one.id}: ready\n✓ ${other.id}: ready`));
      }
      assert.equal(fleet.ownProcesses().length, 5);
    });

    it('a settings.json or .env that breaks: what runs goes on as it was, health and the log tell; mended, it is taken', async () => {
      const pid = await fleet.brocaOf(one);
      const [settings, environment] = [path.join(one.folder, 'settings.json'), path.join(other.folder, '.env')];
      const [goodSettings, goodEnvironment] = [fs.readFileSync(settings, 'utf8'), fs.readFileSync(environment, 'utf8')];
      fs.writeFileSync(settings, '{ "message_processing": { "mode": "loud" } }');
      fs.writeFileSync(environment, goodEnvironment.replace(/^AGENT_ENDPOINT=.*$/m, 'AGENT_ENDPOINT=ws://nowhere'));
      for (const [agent, reason] of [
        [one, /mode = "loud"/],
        [other, /AGENT_ENDPOINT.*not supported yet/],
      ] as const) {
        await until(`${agent.id} tells that it kept its configuration`, async () =>
          (await fleet.done('logs', agent.id, '--json')).includes('"configuration-kept"') ? true : null,
        );
        const health = await fleet.rig.animus(['health', agent.id]);
        assert.equal(health.code, 1);
        assert.match(health.stdout, reason);
        assert.match(health.stdout, /ENV ✗ .*✓ ready/);
        assert.equal((await fleet.rig.animus(['settings', agent.id, 'validate'])).code, 78);
        assert.match(await fleet.send(agent, 'still there?'), /^echo: .*still there\?\n$/);
      }
      assert.equal(await fleet.brocaOf(one), pid);
      fs.writeFileSync(settings, goodSettings);
      fs.writeFileSync(environment, goodEnvironment);
      await until('health is well again', async () => (await fleet.health()).ok || null);
      assert.ok(isAlive(pid));
    });

    it('an animus.config.json that breaks is reported; who starts meanwhile has its defaults as they last could be read', async () => {
      const file = path.join(fleet.home, 'animus.config.json');
      const good = fs.readFileSync(file, 'utf8');
      const value = async (): Promise<string> => await fleet.done('settings', one.id, 'get', 'message_processing.give_up_after');
      fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(good), defaults: { message_processing: { give_up_after: 4711 } } }));
      await until('the default is taken over', async () => /4711/.test(await value()) || null);
      for (const text of ['{', '{ "defaults": { "message_processing": { "give_up_after": "never" } } }']) {
        fs.writeFileSync(file, text);
        await until('it is reported', async () => (await fleet.status()).supervisor.problems.length > 0 || null);
        await fleet.done('restart', one.id);
        assert.match(await value(), /4711/);
      }
      fs.writeFileSync(file, good);
      await until('it is well again', async () => (await fleet.status()).supervisor.problems.length === 0 || null);
      await until('the default is gone', async () => !/4711/.test(await value()) || null);
    });

    it('one that is broken at its start is broken, with every fault told once, and starts when it is mended', async () => {
      const file = path.join(one.folder, '.env');
      const good = fs.readFileSync(file, 'utf8');
      await fleet.done('stop', one.id);
      fs.writeFileSync(file, 'AGENT_ID=agent-same-two\nAGENT_ENDPOINT=letta.example\n');
      const start = await fleet.rig.animus(['start', one.id]);
      assert.equal(start.code, 1);
      assert.match(start.stdout, /^✗ agent-same-one: cannot start: \.env: /);
      const health = (await fleet.rig.animus(['health', one.id])).stdout;
      for (const key of ['AGENT_ID', 'AGENT_ENDPOINT', 'AGENT_API_KEY'])
        assert.equal(health.split('\n').filter((line) => line.includes(`✗ .env: ${key}`)).length, 1, health);
      // The supervisor sees the changed file by itself too, and tries again.
      await until('it is broken', async () => (await fleet.statusOf(one)).phase === 'broken' || null);
      fs.writeFileSync(file, good);
      await fleet.brocaOf(one);
    });
  });
});
