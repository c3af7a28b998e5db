/** Takes over the folder argv[2] in a process of its own, which ends as by kill -9 at the step argv[3]; prints the result. */
import { takeOver } from '../../packages/broca-core/src/store/takeover/take-over.ts';

const [folder = '', last] = process.argv.slice(2);
const taken = await takeOver({
  folder,
  now: Date.now(),
  named: null,
  reached: (step) => {
    if (step === last) process.kill(process.pid, 'SIGKILL');
  },
});
process.stdout.write(JSON.stringify(taken));
