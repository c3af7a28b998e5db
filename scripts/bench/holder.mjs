// A bare Node that holds as many children as it is told: the floor of a supervisor's memory.
import { spawn } from 'node:child_process';

const children = Array.from({ length: Number(process.argv[2]) }, () => spawn('/bin/sleep', ['1000'], { stdio: 'ignore' }));
process.on('SIGTERM', () => {
  for (const child of children) child.kill('SIGKILL');
  process.exit(0);
});
process.stdout.write('.');
