import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { createTarPacker, packTar, type TarEntry } from 'modern-tar';
import { parseEncryption, sealingOf, suffixOf } from './encryption.ts';
import { type Manifest, newManifest } from './manifest.ts';
import { readArchive } from './read.ts';
import { type ArchiveEntry, sweepUnfinished, writeArchive } from './write.ts';

const ABOUT = {
  agent: 'agent-one',
  takenAt: 1_700_000_000_000,
  isFinal: false,
  animus: '0.1.0',
  release: null,
  schema: 1,
  endpoint: null,
  hasSecrets: false,
} as const;

describe('an archive', () => {
  let folder: string;
  let file: string;
  let into: string;
  const signal = new AbortController().signal;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'archive-'));
    file = path.join(folder, 'one.tar.gz');
    into = path.join(folder, 'into');
  });
  beforeEach(() => {
    for (const name of [file, into]) fs.rmSync(name, { recursive: true, force: true });
    fs.mkdirSync(into);
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  const write = async (entries: readonly ArchiveEntry[], encrypt: string | null = null): Promise<Manifest> => {
    const encryption = encrypt === null ? null : await parseEncryption(encrypt);
    if (encryption?.ok === false) throw new Error(encryption.error);
    const request = { file, entries, manifest: newManifest(ABOUT), encryption: encryption?.value ?? null, signal };
    return (await writeArchive(request)).manifest;
  };
  const read = async (identity: string | null = null, isExpected: (name: string) => boolean = () => true) =>
    await readArchive({ file, into, identity, isExpected, signal });
  const refusalOf = async (identity: string | null = null): Promise<string> => {
    const outcome = await read(identity);
    assert.equal(outcome.ok, false);
    return outcome.ok ? '' : outcome.error;
  };

  it('gives back every file, of any size, and is private', async () => {
    const large = path.join(folder, 'large');
    fs.writeFileSync(large, randomBytes(5 * 1024 * 1024 + 7));
    const long = `plugins/${'deep/'.repeat(40)}x.ts`;
    const written = await write([
      { name: 'animus.db', file: large },
      { name: 'settings.json', text: '{}\n' },
      { name: 'attachments/empty', text: '' },
      { name: long, text: 'é' },
      { name: 'plugins/gone.ts', file: path.join(folder, 'not there') },
    ]);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    const outcome = await read();
    assert.deepEqual(outcome, { ok: true, value: written });
    assert.deepEqual(Object.keys(written.files), ['animus.db', 'settings.json', 'attachments/empty', long]);
    assert.ok(fs.readFileSync(path.join(into, 'animus.db')).equals(fs.readFileSync(large)));
    assert.equal(fs.readFileSync(path.join(into, long), 'utf8'), 'é');
    assert.equal(fs.statSync(path.join(into, 'attachments/empty')).mode & 0o777, 0o600);
    assert.deepEqual(
      fs.readdirSync(folder).filter((name) => name.startsWith('.')),
      [],
    );
  });

  it('is named after what opens it', () => {
    const suffixes = [null, { kind: 'age', recipient: 'age1' } as const, { kind: 'gpg', recipient: 'me' } as const].map(suffixOf);
    assert.deepEqual(suffixes, ['.tar.gz', '.tar.gz.age', '.tar.gz.gpg']);
  });

  it('is plain tar: the usual tools read it', async () => {
    await write([{ name: 'settings.json', text: '{}\n' }]);
    assert.equal(execFileSync('tar', ['-xzOf', file, 'settings.json'], { encoding: 'utf8' }), '{}\n');
  });

  it('never takes the place of another, and leaves nothing behind when it fails', async () => {
    await write([{ name: 'settings.json', text: 'first' }]);
    const before = fs.readFileSync(file);
    await assert.rejects(write([{ name: 'settings.json', text: 'second' }]), /EEXIST/);
    await assert.rejects(write([{ name: 'plugins', file: folder }]), /EISDIR|EEXIST/);
    assert.ok(fs.readFileSync(file).equals(before));
    assert.deepEqual(
      fs.readdirSync(folder).filter((name) => name.startsWith('.')),
      [],
    );
  });

  it('what a killed maker left is swept, what a living one writes is not', () => {
    for (const pid of [1, 2]) fs.writeFileSync(path.join(folder, `.unfinished-one.tar.gz.${pid}.0123abcd`), '');
    sweepUnfinished(folder, (pid) => pid === 1);
    const left = fs.readdirSync(folder).filter((name) => name.startsWith('.'));
    assert.deepEqual(left, ['.unfinished-one.tar.gz.1.0123abcd']);
    fs.rmSync(path.join(folder, left[0] ?? ''));
  });

  describe('encrypted with age', () => {
    let keys: string;
    let recipient: string;
    before(async () => {
      const identity = await generateX25519Identity();
      recipient = await identityToRecipient(identity);
      keys = path.join(folder, 'keys.txt');
      fs.writeFileSync(keys, `# created: today\n# public key: ${recipient}\n${identity}\n`);
    });

    it('is opened by its key alone', async () => {
      await write([{ name: '.env', text: 'AGENT_API_KEY=sk-let-secret\n' }], `age:${recipient}`);
      assert.equal(sealingOf(file), 'age');
      assert.equal(fs.readFileSync(file).includes('sk-let-secret'), false);
      assert.equal((await read(keys)).ok, true);
      assert.equal(fs.readFileSync(path.join(into, '.env'), 'utf8'), 'AGENT_API_KEY=sk-let-secret\n');
      const other = path.join(folder, 'other.txt');
      fs.writeFileSync(other, await generateX25519Identity());
      assert.match(await refusalOf(other), /none of the keys in --identity opens it/);
      assert.match(await refusalOf(), /add --identity FILE/);
      fs.writeFileSync(other, 'no key\n');
      assert.match(await refusalOf(other), /no line that begins with AGE-SECRET-KEY-/);
    });

    it('a changed byte is found', async () => {
      await write([{ name: 'animus.db', text: 'x'.repeat(300_000) }], `age:${recipient}`);
      const bytes = fs.readFileSync(file);
      bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 1;
      fs.writeFileSync(file, bytes);
      assert.match(await refusalOf(keys), /cannot be read/);
    });

    it('a recipient that is none is found out at once', async () => {
      for (const wrong of ['age:', 'age:age1nonsense', 'zip:me', 'age1abc', 'gpg:-o/tmp/x', 'gpg:a b']) {
        assert.equal((await parseEncryption(wrong)).ok, false, wrong);
      }
    });
  });

  describe('encrypted with gpg', () => {
    const environment: Record<string, string> = {};
    const formerHome = process.env['GNUPGHOME'];
    before(() => {
      // A socket of gpg's agent must fit 108 bytes.
      environment['GNUPGHOME'] = fs.mkdtempSync(path.join(os.tmpdir(), 'gpg-'));
      process.env['GNUPGHOME'] = environment['GNUPGHOME'];
      const make = ['--batch', '--quiet', '--passphrase', '', '--quick-generate-key', 'backup@example.com', 'default', 'default', 'never'];
      execFileSync('gpg', make, { stdio: 'pipe' });
    });
    after(() => {
      execFileSync('gpgconf', ['--kill', 'all'], { stdio: 'pipe' });
      fs.rmSync(environment['GNUPGHOME'] ?? '', { recursive: true, force: true });
      if (formerHome === undefined) delete process.env['GNUPGHOME'];
      else process.env['GNUPGHOME'] = formerHome;
    });

    it('goes there and back', async () => {
      const large = randomBytes(3 * 1024 * 1024).toString('hex');
      await write([{ name: 'animus.db', text: large }], 'gpg:backup@example.com');
      assert.equal(sealingOf(file), 'gpg');
      assert.deepEqual((await read()).ok, true);
      assert.equal(fs.readFileSync(path.join(into, 'animus.db'), 'utf8'), large);
    });

    it('a damaged one is refused with the words of gpg, and an unknown recipient at once', async () => {
      await write([{ name: 'animus.db', text: 'x'.repeat(300_000) }], 'gpg:backup@example.com');
      fs.truncateSync(file, fs.statSync(file).size - 40);
      assert.match(await refusalOf(), /gpg: |cut short/);
      const unknown = await parseEncryption('gpg:nobody@example.com');
      assert.match(unknown.ok ? '' : unknown.error, /gpg has no public key for nobody@example.com/);
    });
  });

  describe('of hostile making', () => {
    const manifestWith = (files: Record<string, { bytes: number; sha256: string }>): TarEntry => {
      const body = JSON.stringify({ ...newManifest(ABOUT), files });
      return { header: { name: 'manifest.json', size: Buffer.byteLength(body) }, body };
    };
    const EMPTY = { bytes: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' };
    const make = async (entries: TarEntry[]): Promise<void> => fs.writeFileSync(file, gzipSync(await packTar(entries)));
    const empty = (name: string): TarEntry => ({ header: { name, size: 0 } });

    it('names that lead out, or hide something, are refused', async () => {
      for (const name of ['../evil', 'plugins/../../evil', '/etc/evil', 'a//b', './a', 'a/.', 'a\\b', 'a\nb', `${'a/'.repeat(600)}b`]) {
        await make([empty(name), manifestWith({ [name]: EMPTY })]);
        assert.match(await refusalOf(), /is no name for a file/, name);
      }
      assert.deepEqual(fs.readdirSync(into), []);
      assert.equal(fs.existsSync(path.join(folder, 'evil')), false);
    });

    it('links, devices and pipes are refused', async () => {
      for (const type of ['symlink', 'link', 'fifo', 'character-device', 'block-device'] as const) {
        await make([{ header: { name: 'plugins', size: 0, type, linkname: '/etc' } }, empty('plugins/passwd'), manifestWith({})]);
        assert.match(await refusalOf(), new RegExp(`plugins is a ${type}, and only files are taken`));
      }
      assert.deepEqual(fs.readdirSync(into), []);
    });

    it('what is not expected, stands twice, or follows the manifest is refused', async () => {
      await make([empty('run/lock'), manifestWith({ 'run/lock': EMPTY })]);
      const unexpected = await read(null, (name) => name === 'animus.db');
      assert.match(unexpected.ok ? '' : unexpected.error, /run\/lock does not belong/);
      await make([empty('a'), empty('a'), manifestWith({ a: EMPTY })]);
      assert.match(await refusalOf(), /a is in it twice/);
      fs.rmSync(path.join(into, 'a'));
      await make([manifestWith({}), empty('a')]);
      assert.match(await refusalOf(), /something stands after/);
    });

    it('what differs from the manifest is refused', async () => {
      await make([empty('a'), manifestWith({})]);
      assert.match(await refusalOf(), /a is in it, and its manifest.json does not name it/);
      fs.rmSync(path.join(into, 'a'));
      await make([empty('a'), manifestWith({ a: { ...EMPTY, sha256: 'f'.repeat(64) } })]);
      assert.match(await refusalOf(), /a in it is not what was written/);
      await make([manifestWith({ a: EMPTY })]);
      assert.match(await refusalOf(), /a is missing/);
      fs.rmSync(path.join(into, 'a'), { force: true });
      await make([empty('a')]);
      assert.match(await refusalOf(), /it is not whole/);
    });

    it('more than there is room for is refused before it is written', async () => {
      const { bavail, bsize } = fs.statfsSync(into);
      const { readable, controller } = createTarPacker();
      controller.add({ name: 'animus.db', size: bavail * bsize + 1 });
      // Its extended header, what is in that, padding, its header.
      const reader = readable.getReader();
      const chunks: Uint8Array[] = [];
      for (let bytes = 0; bytes < 3 * 512; bytes += chunks.at(-1)?.length ?? 0)
        chunks.push((await reader.read()).value ?? new Uint8Array());
      fs.writeFileSync(file, gzipSync(Buffer.concat([...chunks, Buffer.alloc(100_000)])));
      assert.match(await refusalOf(), /no room for what it holds/);
    });

    it('what is no archive, or half of one, is refused', async () => {
      fs.writeFileSync(file, 'hello');
      assert.match(await refusalOf(), /no archive of ours/);
      await writeLarge();
      fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2));
      assert.match(await refusalOf(), /cut short/);
      fs.rmSync(file);
      assert.match(await refusalOf(), /there is no file/);
    });

    async function writeLarge(): Promise<void> {
      fs.rmSync(file);
      await write([{ name: 'animus.db', text: randomBytes(2_000_000).toString('hex') }]);
    }
  });
});
