import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLog } from '../log/log.ts';
import { openStore } from '../store/open.ts';
import { Condition } from './condition.ts';

test('a change that needs a restart asks for one only where no supervisor sees to it', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'broca-condition-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const opened = openStore(join(folder, 'animus.db'));
  assert.ok(opened.ok);
  const log = createLog({ folder, level: 'info', secrets: [], keep: { days: 1, bytes: 1_000_000 } });
  const tell = (calledFor: string | null): string[] => {
    const condition = new Condition({
      folder,
      store: opened.value,
      log,
      calledFor,
      mode: () => 'live',
      letta: () => ({ state: 'unchecked' }),
      channels: () => null,
      eventLoopDelayMs: () => 0,
      onNews: () => undefined,
    });
    condition.restartNeeded(['endpoint', 'key']);
    return condition.beat().problems;
  };
  assert.deepEqual(tell(null), ['restart Broca to apply the change of endpoint, key']);
  assert.deepEqual(tell('agent-1'), ['Broca is about to restart, to apply the change of endpoint, key']);
  log.close();
  opened.value.close();
});
