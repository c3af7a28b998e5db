// Prints numbered lines as fast as it can and ends right after the last one, by a kill -9 of itself when told to, which is the worst case.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const [count = 200_000, how = 'kill', done = 'printed'] = JSON.parse(process.env.BENCH_PRINTER ?? readFileSync('printer.json', 'utf8'));
// Configuration: nobody is to start it again.
if (existsSync(done)) process.exit(78);
writeFileSync(done, '');
for (let number = 1; number <= count; number += 1) console.log(`line ${number} – größer als 😀 und € ${'x'.repeat(20)}`);
// Tells who waits that the last line was printed.
if (how === 'exit') writeFileSync(`${done}.all`, '');
if (how === 'kill') process.kill(process.pid, 'SIGKILL');
process.exit(0);
