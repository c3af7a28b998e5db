/**
 * The whole gate: types, lint and format, who imports whom, dead code, generated files, then all tests.
 * The quick checks run side by side and all of them report before any test starts.
 *
 *     npm run check [-- --no-tests]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';

type Check = { name: string; program: string; args: string[] };

const root = path.dirname(import.meta.dirname);
const hasColour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const module = (file: string): string => path.join(root, 'node_modules', file);

const CHECKS: Check[] = [
  { name: 'types', program: process.execPath, args: [module('typescript/bin/tsc'), '-b', '--pretty', String(hasColour)] },
  {
    name: 'lint and format',
    program: process.execPath,
    args: [module('@biomejs/biome/bin/biome'), 'ci', '--diagnostic-level=warn', `--colors=${hasColour ? 'force' : 'off'}`],
  },
  {
    name: 'who imports whom',
    program: process.execPath,
    args: [module('dependency-cruiser/bin/dependency-cruiser.mjs'), '--config', '.dependency-cruiser.mjs', 'packages', 'scripts', 'test'],
  },
  { name: 'dead code', program: process.execPath, args: [module('knip/bin/knip.js')] },
  { name: 'bundles', program: process.execPath, args: ['scripts/build.ts'] },
  { name: 'generated files', program: process.execPath, args: ['scripts/schemas.ts', '--check'] },
];

async function passes({ name, program, args }: Check): Promise<boolean> {
  const startedAt = performance.now();
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${code === 0 ? '✓' : '✖'} ${name} (${seconds} s)`);
  if (code !== 0) console.log(`${stdout}${stderr}`.trimEnd());
  return code === 0;
}

async function testsPass(): Promise<boolean> {
  const child = spawn(process.execPath, ['scripts/test.ts'], { cwd: root, stdio: 'inherit' });
  process.on('SIGINT', () => {});
  const [code] = await once(child, 'exit');
  return code === 0;
}

const present = CHECKS.filter(({ name }) => name !== 'generated files' || fs.existsSync(path.join(root, 'scripts/schemas.ts')));
const results = await Promise.all(present.map(passes));
const isGood = results.every(Boolean) && (process.argv.includes('--no-tests') || (await testsPass()));
process.exitCode = isGood ? 0 : 1;
