import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { commitAll, runGit, writeFiles } from 'animus-testkit';
import { cloneRepository, makeRepository } from '../home/git.ts';
import { type Renewed, renewClone } from './renew-clone.ts';

const { signal } = new AbortController();

describe('renewClone', () => {
  let temp: string;
  let source: string;
  let copy: string;

  beforeEach(async () => {
    temp = fs.mkdtempSync(path.join(os.tmpdir(), 'renew-'));
    source = path.join(temp, 'source');
    copy = path.join(temp, 'copy');
    writeFiles(source, { 'a.txt': 'one\ntwo\nthree\nfour\nfive\n', 'b.txt': 'b\n' });
    commitAll(source, 'First');
    assert.ok((await cloneRepository({ source, ref: null, at: null, target: copy, signal })).ok);
  });
  afterEach(() => fs.rmSync(temp, { recursive: true, force: true }));

  async function renewed(ref: string | null = null): Promise<Renewed> {
    const done = await renewClone({ copy, source, ref, runs: null, signal });
    assert.ok(done.ok, done.ok ? '' : done.error);
    return done.value;
  }

  async function refused(reason: RegExp, ref: string | null = null): Promise<void> {
    const done = await renewClone({ copy, source, ref, runs: null, signal });
    assert.ok(!done.ok);
    assert.match(done.error, reason);
  }

  const push = (files: Record<string, string>, message = 'Newer'): string => {
    writeFiles(source, files);
    return commitAll(source, message);
  };
  const read = (name: string): string => fs.readFileSync(path.join(copy, name), 'utf8');
  const head = (): string => runGit(copy, ['rev-parse', 'HEAD']);

  it('moves an untouched clone forward, and says what that brings', async () => {
    const newest = push({ 'a.txt': 'new\n' });
    const { from, commit, brings, upstream } = await renewed();
    assert.notEqual(from, commit);
    assert.deepEqual([commit, upstream], [newest, { name: 'main', commit: newest }]);
    assert.match(brings.join(), /^[0-9a-f]+ Newer$/);
    assert.equal(read('a.txt'), 'new\n');
    assert.equal(runGit(copy, ['symbolic-ref', '--short', 'HEAD']), 'main');
    assert.deepEqual((await renewed()).brings, []);
  });

  it('keeps edits, staged and not, and files git does not know, ignored ones too', async () => {
    writeFiles(copy, { 'a.txt': 'ONE\ntwo\nthree\nfour\nfive\n', 'plugins/own.mjs': 'own', '.git/info/exclude': 'secret\n', secret: 's' });
    writeFiles(copy, { 'c.txt': 'staged' });
    runGit(copy, ['add', 'c.txt']);
    push({ 'a.txt': 'one\ntwo\nthree\nfour\nFIVE\n' });
    const { edited } = await renewed();
    assert.deepEqual(edited.sort(), ['a.txt', 'c.txt']);
    assert.equal(read('a.txt'), 'ONE\ntwo\nthree\nfour\nFIVE\n');
    assert.deepEqual([read('plugins/own.mjs'), read('secret'), read('c.txt')], ['own', 's', 'staged']);
    assert.equal(runGit(copy, ['stash', 'list']), '');
  });

  it('rebases own commits, whoever wrote them, on whatever branch', async () => {
    runGit(copy, ['checkout', '--quiet', '-b', 'mine']);
    writeFiles(copy, { 'mine.txt': 'mine' });
    commitAll(copy, 'Mine');
    const newest = push({ 'a.txt': 'new\n' });
    const { ownCommits, commit } = await renewed();
    assert.match(ownCommits.join(), /Mine$/);
    assert.equal(runGit(copy, ['rev-parse', 'HEAD^']), newest);
    assert.equal(head(), commit);
    assert.equal(runGit(copy, ['symbolic-ref', '--short', 'HEAD']), 'mine');
    assert.equal(read('mine.txt'), 'mine');
    assert.deepEqual((await renewed()).commit, commit);
  });

  it('names the files where edits do not fit', async () => {
    writeFiles(copy, { 'a.txt': 'ONE\ntwo\nthree\nfour\nfive\n' });
    push({ 'a.txt': 'uno\ntwo\nthree\nfour\nfive\n' });
    await refused(/own changes in its clone do not fit main:\n {2}a\.txt\nNothing was changed/);
  });

  it('gives advice that works as it is printed, with edits and own commits', async () => {
    const clone = path.join(temp, 'clone');
    writeFiles(copy, { 'mine.txt': 'mine' });
    commitAll(copy, 'Mine');
    writeFiles(copy, { 'a.txt': 'ONE\ntwo\nthree\nfour\nfive\n', 'b.txt': 'staged\n' });
    runGit(copy, ['add', 'b.txt']);
    fs.cpSync(copy, clone, { recursive: true });
    push({ 'a.txt': 'uno\ntwo\nthree\nfour\nfive\n' });
    const refusal = await renewClone({ copy, source, ref: null, runs: null, signal });
    assert.ok(!refusal.ok);
    const [commit = [], pull = []] = [...refusal.error.matchAll(/\(git ([^)]*)\)/g)].map(([, words = '']) => words.split(' '));
    runGit(clone, [...commit, '--quiet', '--message', 'What was edited']);
    assert.throws(() => runGit(clone, pull), /could not apply/);
    writeFiles(clone, { 'a.txt': 'Uno\ntwo\nthree\nfour\nfive\n' });
    runGit(clone, ['add', 'a.txt']);
    runGit(clone, ['-c', 'core.editor=true', 'rebase', '--continue']);
    copy = clone;
    const { edited, commit: renewedTo } = await renewed();
    assert.deepEqual([edited, renewedTo, read('a.txt').slice(0, 3), read('mine.txt')], [[], head(), 'Uno', 'mine']);
  });

  it('names the files of a person that git does not know, where the new commit has others', async () => {
    writeFiles(copy, { 'new.txt': 'my own', '.git/info/exclude': 'ignored\n', ignored: 'mine, too' });
    push({ 'new.txt': 'theirs', ignored: 'theirs, too' });
    await refused(/do not fit main:\n {2}ignored\n {2}new\.txt\n/);
    assert.deepEqual([read('new.txt'), read('ignored')], ['my own', 'mine, too']);
  });

  it('names the files where own commits do not fit', async () => {
    writeFiles(copy, { 'a.txt': 'ONE\ntwo\nthree\nfour\nfive\n' });
    commitAll(copy, 'Mine');
    push({ 'a.txt': 'uno\ntwo\nthree\nfour\nfive\n' });
    await refused(/do not fit main:\n {2}a\.txt\n/);
  });

  it('an unknown file that the new commit has just so is no conflict', async () => {
    writeFiles(copy, { 'new.txt': 'the same' });
    push({ 'new.txt': 'the same' });
    await renewed();
    assert.equal(runGit(copy, ['status', '--porcelain']), '');
  });

  it('takes a branch, a tag, a commit; older ones as well; and says when there is none', async () => {
    const first = head();
    const second = push({ 'a.txt': 'second\n' });
    runGit(source, ['tag', 'v2']);
    runGit(source, ['checkout', '--quiet', '-b', 'next']);
    const third = push({ 'a.txt': 'third\n' });
    assert.equal((await renewed('next')).commit, third);
    assert.equal(runGit(copy, ['symbolic-ref', '--short', 'HEAD']), 'next');
    assert.equal((await renewed('v2')).commit, second);
    assert.equal((await renewed(first)).commit, first);
    await refused(/no branch, tag or commit nope/, 'nope');
    await refused(/cannot be a branch, tag or commit/, '--upload-pack=x');
  });

  it('own commits stay when it goes to an older tag and back', async () => {
    runGit(source, ['tag', 'v1']);
    push({ 'b.txt': 'newer\n' });
    await renewed();
    writeFiles(copy, { 'mine.txt': 'mine' });
    commitAll(copy, 'Mine');
    await renewed('v1');
    assert.deepEqual([read('b.txt'), read('mine.txt')], ['b\n', 'mine']);
    await renewed('main');
    assert.deepEqual([read('b.txt'), read('mine.txt')], ['newer\n', 'mine']);
  });

  it('takes no commit of a rewritten origin for an own one', async () => {
    push({ 'a.txt': 'published\n' });
    await renewed();
    runGit(source, ['reset', '--quiet', '--hard', 'HEAD^']);
    const other = push({ 'b.txt': 'rewritten\n' });
    const { commit, ownCommits } = await renewed();
    assert.deepEqual([commit, ownCommits], [other, []]);
    assert.equal(read('a.txt'), 'one\ntwo\nthree\nfour\nfive\n');
  });

  it('a clone made of a package moves to a repository, with what was edited in it', async () => {
    fs.rmSync(copy, { recursive: true });
    writeFiles(copy, { 'a.txt': 'one\ntwo\nthree\nfour\nfive\n', 'b.txt': 'b\n' });
    assert.ok((await makeRepository(copy, 'Animus 0.1.0', new Date('2026-11-01'), signal)).ok);
    writeFiles(copy, { 'mine.txt': 'mine' });
    commitAll(copy, 'Mine');
    const newest = push({ 'b.txt': 'newer\n' });
    await renewed();
    assert.equal(runGit(copy, ['rev-parse', 'HEAD^']), newest);
    assert.deepEqual([read('b.txt'), read('mine.txt')], ['newer\n', 'mine']);
  });

  it('refuses what somebody began and did not end, and links that lead out', async () => {
    fs.writeFileSync(path.join(copy, '.git/MERGE_HEAD'), `${head()}\n`);
    await refused(/a git merge is under way in its clone/);
    fs.rmSync(path.join(copy, '.git/MERGE_HEAD'));
    fs.symlinkSync('/etc/passwd', path.join(source, 'link'));
    commitAll(source, 'A link');
    await refused(/has a link that leads out of it \(link\)/);
  });
});
