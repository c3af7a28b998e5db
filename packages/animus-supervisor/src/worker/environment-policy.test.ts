import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workerEnvironment } from './environment-policy.ts';

test('a Broca gets where it is and how to reach the network, and nothing else', () => {
  const of = {
    HOME: '/h',
    PATH: '/bin',
    LC_ALL: 'C',
    https_proxy: 'http://p',
    AGENT_API_KEY: 'k',
    NODE_OPTIONS: '--inspect',
    LCX: '1',
    TZ: undefined,
  };
  assert.deepEqual(workerEnvironment(of, {}, 'n'), {
    HOME: '/h',
    PATH: '/bin',
    LC_ALL: 'C',
    https_proxy: 'http://p',
    MALLOC_ARENA_MAX: '1',
    MALLOC_TRIM_THRESHOLD_: '262144',
    MALLOC_MMAP_THRESHOLD_: '131072',
    ANIMUS_WORKER_NONCE: 'n',
  });
});

test('what animus.config.json adds goes first, and null takes away', () => {
  const given = workerEnvironment({ HOME: '/h', TZ: 'UTC' }, { TZ: null, LANG: 'C', MALLOC_ARENA_MAX: '2', HTTP_PROXY: null }, 'n');
  assert.equal(given['LANG'], 'C');
  assert.equal(given['MALLOC_ARENA_MAX'], '2');
  assert.deepEqual(
    Object.keys(given).filter((name) => ['TZ', 'HTTP_PROXY'].includes(name)),
    [],
  );
});
