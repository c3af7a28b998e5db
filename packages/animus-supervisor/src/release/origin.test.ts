import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Installation } from '../home/installation.ts';
import { findOrigin, type OriginRequest, setOrigin } from './origin.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'origin-'));
after(() => rmSync(folder, { recursive: true }));
const signal = AbortSignal.timeout(60_000);
const REMOTE = 'https://git.example.org/broca.git';

/** A repository, with a remote or without. */
function repository(name: string, remote: string | null): string {
  const at = path.join(folder, name);
  mkdirSync(at);
  execFileSync('git', ['init', '-q', at]);
  if (remote !== null) execFileSync('git', ['-C', at, 'remote', 'add', 'origin', remote]);
  return at;
}

function request(clone: string, checkout: string, configured: string | null): OriginRequest {
  const node = { binary: process.execPath, version: process.version };
  const installation: Installation = { kind: 'checkout', root: checkout, version: '1', node, supervisorProgram: '', commandProgram: '' };
  return { clone, home: folder, installation, repository: configured, signal };
}

test('what a person set in the clone goes first, then broca.repository, then the remote of the checkout', async () => {
  const checkout = repository('with-remote', REMOTE);
  const own = repository('own', 'https://git.example.org/mine.git');
  assert.deepEqual(await findOrigin(request(own, checkout, '/elsewhere')), {
    ok: true,
    value: { source: 'https://git.example.org/mine.git', isOwn: true },
  });
  const plain = repository('plain', null);
  assert.deepEqual(await findOrigin(request(plain, checkout, './near')), {
    ok: true,
    value: { source: path.join(folder, 'near'), isOwn: false },
  });
  assert.deepEqual(await findOrigin(request(plain, checkout, null)), { ok: true, value: { source: REMOTE, isOwn: false } });
  await setOrigin(plain, '/elsewhere', signal);
  assert.deepEqual(await findOrigin(request(plain, checkout, null)), { ok: true, value: { source: REMOTE, isOwn: false } });
});

test('where there is nothing to fetch from it says what to set', async () => {
  const checkout = repository('without-remote', null);
  const found = await findOrigin(request(repository('lonely', null), checkout, null));
  assert.ok(!found.ok);
  assert.match(found.error, /set broca\.repository in animus\.config\.json/);
  assert.ok(found.error.includes(JSON.stringify(checkout)), 'the checkout itself is named as a way out');
});
