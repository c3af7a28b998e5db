import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { commitAll, runGit, writeFiles } from 'animus-testkit';
import { bundleClone, unbundleClone } from './clone-bundle.ts';

const { signal } = new AbortController();

describe('a clone as files', () => {
  let temp: string;
  let clone: string;
  let stage: string;

  beforeEach(() => {
    temp = fs.mkdtempSync(path.join(os.tmpdir(), 'bundle-'));
    clone = path.join(temp, 'clone');
    stage = path.join(temp, 'stage');
    writeFiles(clone, { 'a.txt': 'a\n', 'run.sh': '#!/bin/sh\n', '.gitignore': 'ignored\n' });
    fs.chmodSync(path.join(clone, 'run.sh'), 0o755);
    commitAll(clone, 'First');
  });
  afterEach(() => fs.rmSync(temp, { recursive: true, force: true }));

  async function pack(): Promise<void> {
    const folder = path.join(temp, 'work');
    fs.mkdirSync(folder);
    const bundled = await bundleClone(clone, folder, signal);
    assert.ok(bundled.ok, bundled.ok ? '' : bundled.error);
    for (const entry of bundled.value) {
      const target = path.join(stage, entry.name);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      if ('file' in entry) fs.copyFileSync(entry.file, target);
      else fs.writeFileSync(target, entry.text);
    }
  }

  it('comes back with history, branches, own commits, edits and files git does not know, as they were', async () => {
    runGit(clone, ['checkout', '--quiet', '-b', 'mine']);
    writeFiles(clone, { 'mine.txt': 'mine' });
    const head = commitAll(clone, 'Mine');
    runGit(clone, ['remote', 'add', 'origin', 'https://example.org/broca.git']);
    writeFiles(clone, { 'a.txt': 'edited\n', 'plugins/own.mjs': 'own', ignored: 'not taken' });
    fs.rmSync(path.join(clone, 'mine.txt'));
    const before = runGit(clone, ['status', '--porcelain']);
    await pack();
    assert.equal(runGit(clone, ['status', '--porcelain']), before);
    assert.doesNotMatch(runGit(clone, ['for-each-ref']), /edits/);
    const target = path.join(temp, 'target');
    const made = await unbundleClone(stage, target, signal);
    assert.deepEqual(made, { ok: true, value: { commit: head, origin: 'https://example.org/broca.git', isOwnOrigin: true } });
    assert.equal(runGit(target, ['status', '--porcelain']), before);
    assert.equal(runGit(target, ['symbolic-ref', '--short', 'HEAD']), 'mine');
    assert.deepEqual(runGit(target, ['branch', '--format=%(refname:short)']).split('\n'), ['main', 'mine']);
    assert.equal(fs.readFileSync(path.join(target, 'a.txt'), 'utf8'), 'edited\n');
    assert.equal(fs.existsSync(path.join(target, 'ignored')), false);
    assert.equal(fs.statSync(path.join(target, 'run.sh')).mode & 0o100, 0o100);
    assert.equal(runGit(target, ['stash', 'list']), '');
  });

  it('of a detached HEAD comes back detached', async () => {
    runGit(clone, ['checkout', '--quiet', '--detach']);
    await pack();
    assert.ok((await unbundleClone(stage, path.join(temp, 'target'), signal)).ok);
    assert.equal(runGit(path.join(temp, 'target'), ['rev-parse', '--abbrev-ref', 'HEAD']), 'HEAD');
  });

  it('that leads out, starts a program or is cut short is refused', async () => {
    fs.symlinkSync('/etc/passwd', path.join(clone, 'link'));
    await pack();
    const refuse = async (name: string, reason: RegExp): Promise<void> => {
      const made = await unbundleClone(stage, path.join(temp, name), signal);
      assert.ok(!made.ok);
      assert.match(made.error, reason);
    };
    await refuse('one', /a link that leads out of it \(link\)/);
    const about = path.join(stage, 'clone/about.json');
    const written = JSON.parse(fs.readFileSync(about, 'utf8'));
    fs.writeFileSync(about, JSON.stringify({ ...written, origin: 'ext::sh -c id' }));
    await refuse('two', /an origin that is not taken/);
    fs.writeFileSync(about, JSON.stringify({ ...written, head: '0'.repeat(40) }));
    await refuse('three', /cannot be made anew/);
    fs.truncateSync(path.join(stage, 'clone/bundle'), 100);
    fs.writeFileSync(about, JSON.stringify(written));
    await refuse('four', /cannot be made anew/);
  });
});
