/**
 * Puts another build of the Telegram library in the place of `telegram`, for this checkout: `teleproto`, which is kept up
 * where `telegram` is archived. Every import is of `telegram`, so that nothing but this differs.
 *
 *     npm run telegram-library teleproto
 *     npm test -- 'packages/testkit/src/telegram-data-centre/*.test.ts' 'test/telegram/*.test.ts'
 *     npm run telegram-library telegram               back
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** Pinned exactly; the tag `latest` of teleproto lags, and its 214 is another thing. */
const LIBRARIES: Readonly<Record<string, string>> = { telegram: '2.26.22', teleproto: 'npm:teleproto@1.229.0' };
const MANIFESTS = ['packages/broca-telegram/package.json', 'packages/testkit/package.json'];

const root = path.dirname(import.meta.dirname);

function use(version: string): void {
  for (const name of MANIFESTS) {
    const file = path.join(root, name);
    const text = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, text.replace(/("telegram": )"[^"]*"/, `$1${JSON.stringify(version)}`));
  }
  forgetInstalled();
}

/**
 * One copy for both packages: npm puts a changed one below each where another lies above them, unless it knows of none.
 * (`npm dedupe` would move packages that have nothing to do with it.)
 */
function forgetInstalled(): void {
  const file = path.join(root, 'package-lock.json');
  const lock = JSON.parse(fs.readFileSync(file, 'utf8')) as { packages: Record<string, unknown> };
  for (const place of Object.keys(lock.packages).filter((name) => /(^|\/)node_modules\/telegram$/.test(name))) {
    delete lock.packages[place];
    fs.rmSync(path.join(root, place), { recursive: true, force: true });
  }
  fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  // npm's own record of what is installed, from which it would take it up again.
  fs.rmSync(path.join(root, 'node_modules/.package-lock.json'), { force: true });
}

const [wanted = ''] = process.argv.slice(2);
const version = Object.hasOwn(LIBRARIES, wanted) ? LIBRARIES[wanted] : undefined;
if (version === undefined) {
  console.error(`say which: npm run telegram-library ${Object.keys(LIBRARIES).join('|')}`);
  process.exitCode = 2;
} else {
  use(version);
  // The last step is for the machine's Node, as npm itself is: npm may just have removed the one that runs this.
  const steps: [command: string, words: string[]][] = [
    ['npm', ['install', '--no-audit', '--no-fund']],
    ['node', ['scripts/bootstrap.mjs']],
  ];
  const isDone = steps.every(([command, words]) => spawnSync(command, words, { cwd: root, stdio: ['ignore', 2, 2] }).status === 0);
  if (isDone) console.log(`${MANIFESTS.join(' and ')} take ${version} as telegram.`);
  else process.exitCode = 1;
}
