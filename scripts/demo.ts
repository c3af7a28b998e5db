/**
 * `npm start`: the main job on a throwaway home, with nothing set up before. Three agents are deployed
 * against an embedded Letta simulator, asked, killed and found well again; each step is the command a
 * person would type. On a terminal it then stays, to be tried out, until Ctrl-C; otherwise it ends by
 * itself, with exit code 0 only if every step held.
 */
import { DemoHome } from './demo/home.ts';
import { say, sayCommand, sayStep } from './demo/say.ts';
import { tour } from './demo/tour.ts';

/** npm and the terminal both deliver one Ctrl-C: a second one within this time is the same wish. */
const ONE_WISH_MS = 500;

const interrupted = new AbortController();
let interruptedAt = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted.signal.aborted && performance.now() - interruptedAt > ONE_WISH_MS) say('Still cleaning up, a moment please …');
    if (!interrupted.signal.aborted) interruptedAt = performance.now();
    interrupted.abort();
  });
}

const home = await DemoHome.create(interrupted.signal);
try {
  const isWell = await tour(home);
  if (!isWell) process.exitCode = 1;
  if (isWell && process.stdin.isTTY) await stay();
} finally {
  sayStep('Cleaning up: the fleet is stopped and the throwaway home removed');
  if (!(await home.remove())) process.exitCode = 1;
}

async function stay(): Promise<void> {
  sayStep('Now you. In another terminal:');
  sayCommand(`cd ${process.cwd()} && export ANIMUS_HOME=${home.folder}`);
  for (const command of [
    'npx animus status',
    'npx animus send atlas "what can you do?"',
    'npx animus chat borealis',
    'npx animus logs -f',
    'npx animus queue cosmo stats',
    'npx animus restart all',
  ]) {
    sayCommand(command);
  }
  say('Press Ctrl-C here to end: nothing stays behind.');
  await new Promise<void>((resolve) => {
    const awake = setInterval(() => undefined, 60_000);
    interrupted.signal.addEventListener('abort', () => {
      clearInterval(awake);
      resolve();
    });
    if (interrupted.signal.aborted) resolve();
  });
}
