import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Finding } from './check.ts';
import { judgeClock, judgeDisk, judgeInotify, judgeLimits, judgeMemory } from './machine-policy.ts';

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

it('limits: too few files for so many agents is a fault, nearly used up a warning, root has no bound of processes', () => {
  const files = { used: 40, limit: 1024 };
  const processes = { used: 500, limit: 4096 };
  assert.deepEqual(judgeLimits({ agents: 50, files, processes }), []);
  assert.deepEqual(judgeLimits({ agents: 50, files: { used: 40, limit: Number.POSITIVE_INFINITY }, processes: null }), []);
  assert.deepEqual(told(judgeLimits({ agents: 600, files, processes })), [
    'fault: one program may open 1024 files (ulimit -n), and a supervisor of 600 agents needs 1328',
  ]);
  assert.deepEqual(told(judgeLimits({ agents: 9, files: { used: 1000, limit: 1024 }, processes: { used: 4000, limit: 4096 } })), [
    'warning: 1000 of 1024 files that one program may open are open (ulimit -n)',
    'warning: 4000 of 4096 processes and threads that this user may have are there (ulimit -u)',
  ]);
});

it('clock: ahead and behind are told apart', () => {
  assert.deepEqual(judgeClock(1_500), []);
  assert.deepEqual(told(judgeClock(6_000)), ["warning: this machine's clock is 6 s ahead of Letta's"]);
  assert.deepEqual(told(judgeClock(-90_000)), ["fault: this machine's clock is 90 s behind Letta's"]);
});
