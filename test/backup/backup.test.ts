/** `animus backup` on a fleet that works meanwhile: what is in it, what it leaves alone, and what a kill leaves. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { randomFrom } from '../fleet/random.ts';
import { type Agent, FleetRig, killAtMoments, until } from '../fleet/rig.ts';

const SEED = Number(process.env['ANIMUS_TEST_SEED'] ?? Date.now() % 100_000);

type Taken = {
  id: string;
  ok: boolean;
  file: string;
  bytes: number;
  hasSecrets: boolean;
  skipped: string[];
  removed: string[];
  message: string;
};
type Verified = { ok: boolean; agent: string; turns: number; open: number; files: number; hasSecrets: boolean; message?: string };

describe(`backup (seed ${SEED})`, () => {
  let fleet: FleetRig;
  let one: Agent;
  let two: Agent;
  let identity: string;
  let recipient: string;

  before(async () => {
    fleet = await FleetRig.make();
    [one, two] = [await fleet.deployed('one'), await fleet.deployed('two')];
    await fleet.done('up', '-d');
    identity = path.join(fleet.rig.folder, 'age.txt');
    const key = await generateX25519Identity();
    recipient = await identityToRecipient(key);
    fs.writeFileSync(identity, `# public key: ${recipient}\n${key}\n`);
    fs.writeFileSync(path.join(one.folder, 'plugins/README.md'), 'mine\n');
    fs.symlinkSync('/etc/passwd', path.join(one.folder, 'plugins/passwd'));
  });
  after(async () => await fleet[Symbol.asyncDispose]());

  const backUp = async (...words: string[]): Promise<Taken[]> => JSON.parse(await fleet.done('backup', '--json', ...words)).backups;
  const verify = async (file: string, ...words: string[]): Promise<Verified> =>
    JSON.parse((await fleet.rig.animus(['backup', 'verify', file, '--json', ...words])).stdout).backups[0];
  const only = (taken: Taken[]): Taken => {
    const [first] = taken;
    assert.ok(first !== undefined && taken.length === 1);
    return first;
  };
  const hiddenIn = (folder: string): string[] =>
    fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => path.basename(name).startsWith('.'));

  it('takes every agent while messages flow, each into a private file that is whole', async () => {
    for (let count = 0; count < 20; count += 1) fleet.spool(one, `m${count}`, `message ${count}`);
    const taken = await backUp();
    assert.deepEqual(
      taken.map(({ id, ok }) => [id, ok]),
      [
        ['agent-one', true],
        ['agent-two', true],
      ],
    );
    for (const { file, id, hasSecrets } of taken) {
      assert.match(file, new RegExp(`/backups/\\d{8}/${id}@\\d{6}\\.tar\\.gz$`));
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
      assert.equal(fs.statSync(path.dirname(file)).mode & 0o777, 0o700);
      assert.equal(hasSecrets, false);
      assert.equal((await verify(file)).ok, true);
    }
    assert.deepEqual(taken[0]?.skipped, ['plugins/passwd']);
    await until('every message is answered', () => (fleet.spooled(one).size === 20 ? true : null));
    assert.deepEqual(hiddenIn(path.join(fleet.home, 'backups')), []);
  });

  it('holds no key unless it is encrypted', async () => {
    const { file } = only(await backUp('one'));
    const names = execFileSync('tar', ['-tzf', file], { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(names, ['animus.db', 'settings.json', 'plugins/README.md', 'manifest.json']);
    assert.equal(execFileSync('tar', ['-xzOf', file]).includes(one.key), false);
    const sealed = only(await backUp('one', '--encrypt', `age:${recipient}`));
    assert.match(sealed.file, /\.tar\.gz\.age$/);
    assert.equal(sealed.hasSecrets, true);
    assert.deepEqual([(await verify(sealed.file, '--identity', identity)).hasSecrets, (await verify(sealed.file)).ok], [true, false]);
  });

  it('--to writes elsewhere, --keep leaves the newest, and neither touches what is not a backup of this agent', async () => {
    const to = path.join(fleet.rig.folder, 'disk');
    const other = only(await backUp('two', '--to', to)).file;
    const stranger = path.join(path.dirname(other), 'agent-one.tar.gz');
    fs.writeFileSync(stranger, 'not ours');
    const files: string[] = [];
    for (let count = 0; count < 4; count += 1) files.push(only(await backUp('one', '--to', to, '--keep', '2')).file);
    assert.deepEqual(
      files.map((file) => fs.existsSync(file)),
      [false, false, true, true],
    );
    assert.ok(fs.existsSync(other) && fs.existsSync(stranger));
    const listed = JSON.parse(await fleet.done('backup', 'list', 'one', '--to', to, '--json')).backups;
    assert.deepEqual(
      listed.map(({ file }: { file: string }) => file),
      files.slice(2),
    );
  });

  it('says what is wrong, and with what exit code', async () => {
    const cases: [string[], number, RegExp][] = [
      [['backup', 'nobody'], 1, /there is no agent agent-nobody/],
      [['backup', 'one', '--encrypt', 'zip:me'], 2, /write age:<recipient>/],
      [['backup', 'one', '--encrypt', 'age:age1wrong'], 2, /no recipient of age/],
      [['backup', 'one', '--keep', '0'], 2, /keep at least 1/],
      [['backup', 'verify'], 2, /which backup\?/],
      [['backup', 'verify', 'not-there'], 1, /there is no file/],
      [['backup', 'one', '--to', '/etc/passwd/x'], 1, /could not be backed up/],
      // Where no folder can be made, Node's own recursive mkdir tries for ever.
      [['backup', 'one', '--to', '/proc/x'], 1, /could not be backed up: ENOENT.*'\/proc\/x'/],
    ];
    for (const [words, code, message] of cases) {
      const ran = await fleet.rig.animus(words);
      assert.deepEqual([ran.code, message.test(ran.stderr)], [code, true], `${words.join(' ')}: ${ran.stderr}`);
    }
  });

  it('a damaged backup is found out', async () => {
    const { file } = only(await backUp('two'));
    const bytes = fs.readFileSync(file);
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
    fs.writeFileSync(file, bytes);
    const ran = await fleet.rig.animus(['backup', 'verify', file]);
    assert.equal(ran.code, 1);
    fs.rmSync(file);
  });

  it('a stopped agent is backed up as well, and one without a database is told of', async () => {
    await fleet.done('stop', 'two');
    assert.equal(only(await backUp('two')).ok, true);
    const database = path.join(two.folder, 'animus.db');
    fs.renameSync(database, `${database}.aside`);
    const ran = await fleet.rig.animus(['backup', 'two']);
    assert.deepEqual([ran.code, /has no animus\.db to back up/.test(ran.stderr)], [1, true]);
    fs.renameSync(`${database}.aside`, database);
    await fleet.done('start', 'two');
  });

  it('kill -9 at any moment leaves whole backups only, and the next one clears what is left', async () => {
    const before = fleet.spooled(one).size;
    // Enough to write that a kill meets it in the middle.
    fs.writeFileSync(path.join(one.folder, 'plugins/large.bin'), randomBytes(32 * 1024 * 1024));
    const since = performance.now();
    await backUp('one');
    const usualMs = performance.now() - since;
    let count = 0;
    const write = (): void => {
      fleet.spool(one, `k${count}`, `kill ${count}`);
      count += 1;
    };
    const killed = await killAtMoments(
      8,
      usualMs,
      randomFrom(SEED),
      () => fleet.start('backup', 'one'),
      write,
      async () => {},
    );
    assert.ok(killed > 3, `${killed}`);
    await backUp('one');
    for (const { file } of JSON.parse(await fleet.done('backup', 'list', 'one', '--json')).backups) {
      if (!file.endsWith('.age')) assert.equal((await verify(file)).ok, true, file);
    }
    assert.deepEqual(hiddenIn(path.join(fleet.home, 'backups')), []);
    await until('every message is answered', () => (fleet.spooled(one).size === before + count ? true : null));
  });
});
