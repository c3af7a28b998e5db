/** Names of backups, and which are pruned: also of many in one second. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { AgentId } from 'animus-protocol';
import { backupName, listBackups, makeDayFolder, pruneBackups } from './backup-files.ts';

test('a backup is newer than all before it, those that were pruned in its second too', (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'backup-files-'));
  t.after(() => fs.rmSync(root, { recursive: true }));
  const stamp = { day: '20261128', time: '030012' };
  const id = 'agent-one' as AgentId;
  for (let count = 1; count <= 12; count += 1) {
    const folder = makeDayFolder(root, stamp);
    const file = path.join(folder, backupName(folder, id, stamp, '.tar.gz'));
    fs.writeFileSync(file, `${count}`, { flag: 'wx' });
    fs.writeFileSync(path.join(folder, backupName(folder, 'agent-one-two' as AgentId, stamp, '.tar.gz')), '');
    pruneBackups(root, id, 2);
    assert.equal(listBackups(root).findLast(({ agent }) => agent === id)?.file, file);
  }
});
