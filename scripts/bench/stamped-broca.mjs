// In the place of an agent's Broca: writes down when its first instruction ran (monotonic, ns), then is that Broca.
import { appendFileSync } from 'node:fs';

appendFileSync('run/first-instruction', `${process.hrtime.bigint()}\n`);
await import(new URL('broca-itself.mjs', import.meta.url).href);
