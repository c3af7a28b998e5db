/** A supervisor that says it is of an older version: `older-supervisor.fixture.ts HOME`. */
import path from 'node:path';
import { startSupervisor } from '../supervisor.ts';

const started = await startSupervisor({
  home: process.argv[2] ?? '',
  root: path.join(import.meta.dirname, '../../../..'),
  command: [process.execPath],
  version: '0.0.9',
  pid: process.pid,
  environment: process.env,
});
if (!started.ok) throw new Error(started.error);
process.on('SIGTERM', () => started.value.leave('SIGTERM'));
process.send?.('ready');
await started.value.ended;
process.exit();
