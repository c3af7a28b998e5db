// Writes down when its first instruction ran (monotonic, ns), as a line of the file it is told, and stays.
import { appendFileSync } from 'node:fs';

appendFileSync(process.argv[2] ?? 'first-instruction', `${process.hrtime.bigint()}\n`);
setInterval(() => {}, 1_000_000);
