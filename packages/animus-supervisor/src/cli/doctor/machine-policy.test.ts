import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Finding } from './check.ts';
import { judgeClock, judgeDisk, judgeInotify, judgeMemory } from './machine-policy.ts';

const GB = 1024 ** 3;
const told = (findings: readonly Finding[]): string[] => findings.map(({ severity, reason }) => `${severity}: ${reason}`);

it('disk: little room is a warning, hardly any a fault; inodes by themselves', () => {
  const many = { free: 1_000_000, total: 2_000_000 };
  assert.deepEqual(told(judgeDisk({ place: '/h', free: 5 * GB, inodes: many })), []);
  assert.deepEqual(told(judgeDisk({ place: '/h', free: 5 * GB, inodes: null })), []);
  assert.deepEqual(told(judgeDisk({ place: '/h', free: GB / 2, inodes: many })), ['warning: 512 MB are free on the disk of /h']);
  assert.deepEqual(told(judgeDisk({ place: '/h', free: 0, inodes: { free: 0, total: 9 } })), [
    'fault: only 0 B are free on the disk of /h',
    'fault: only 0 more files fit on the disk of /h (inodes)',
  ]);
  assert.match(told(judgeDisk({ place: '/h', free: 5 * GB, inodes: { free: 5_000, total: 9_000 } })).join(), /^warning: 5000 more files/);
});

it('memory and inotify: a warning near the bound, a fault at it', () => {
  assert.deepEqual(
    [GB, GB / 8, GB / 32].map((free) => judgeMemory(free)[0]?.severity),
    [undefined, 'warning', 'fault'],
  );
  const watches = { used: 10, limit: 65_536 };
  assert.deepEqual(judgeInotify({ instances: { used: 100, limit: 128 }, watches }), []);
  const [near] = judgeInotify({ instances: { used: 120, limit: 128 }, watches });
  assert.equal(near?.severity, 'warning');
  assert.match(near?.remedy ?? '', /sysctl -w fs\.inotify\.max_user_instances=1024/);
  assert.deepEqual(told(judgeInotify({ instances: { used: 1, limit: 128 }, watches: { used: 700_000, limit: 700_000 } })), [
    'fault: 700000 of 700000 of fs.inotify.max_user_watches are used by this user',
  ]);
});

it('clock: ahead and behind are told apart', () => {
  assert.deepEqual(judgeClock(1_500), []);
  assert.deepEqual(told(judgeClock(6_000)), ["warning: this machine's clock is 6 s ahead of Letta's"]);
  assert.deepEqual(told(judgeClock(-90_000)), ["fault: this machine's clock is 90 s behind Letta's"]);
});
