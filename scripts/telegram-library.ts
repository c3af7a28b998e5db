/**
 * Puts another build of the Telegram library in the place of `telegram`, for this checkout: `teleproto`, which is kept up
 * where `telegram` is archived. Every import is of `telegram`, so that nothing but this differs.
 *
 *     node scripts/telegram-library.ts teleproto      then `npm test -- test/telegram/*.test.ts`
 *     node scripts/telegram-library.ts telegram       back
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
}

const [wanted = ''] = process.argv.slice(2);
const version = Object.hasOwn(LIBRARIES, wanted) ? LIBRARIES[wanted] : undefined;
if (version === undefined) {
  console.error(`say which: node scripts/telegram-library.ts ${Object.keys(LIBRARIES).join('|')}`);
  process.exitCode = 2;
} else {
  use(version);
  const installed = spawnSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: root, stdio: ['ignore', 2, 2] });
  // By the machine's Node, as npm itself: npm may just have removed the one that runs this.
  const placed =
    installed.status === 0 && spawnSync('node', ['scripts/bootstrap.mjs', '--no-build'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (placed === false || placed.status !== 0) process.exitCode = 1;
  else console.log(`${MANIFESTS.join(' and ')} take ${version} as telegram.`);
}
