/** Writes a thousand lines and is gone: `node log-writer.fixture.ts FOLDER kill|end`. */
import { createLog } from './log.ts';

const [folder = '.', how] = process.argv.slice(2);
const log = createLog({ folder, level: 'info', secrets: [], keep: { days: 7, bytes: 1e9 } });
for (let number = 0; number < 1000; number += 1) log.info('line', { number });
if (how === 'kill') process.kill(process.pid, 'SIGKILL');
