/** Takes the lock named by its argument, says so, and holds it until it is killed. */
import { takeLock } from './lock.ts';

const lock = takeLock(process.argv[2] ?? '', 0);
process.stdout.write(lock === null ? 'taken\n' : 'held\n');
setInterval(() => lock, 60_000);
