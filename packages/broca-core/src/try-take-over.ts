/** `broca try-take-over`: deploy asks by it whether the database of a Python Broca can be taken over. Nothing is changed. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT, type ExitCode, parseEnvironment, readConfigFile } from 'animus-protocol';
import { takeOver } from './store/takeover/take-over.ts';

/** Prints what would be taken over as JSON, or null where there is no such database. */
export async function tryTakeOver(argv: string[]): Promise<ExitCode> {
  const { values } = parseArgs({ args: argv, options: { folder: { type: 'string', default: process.cwd() } } });
  const { folder } = values;
  const named = parseEnvironment(readConfigFile(join(folder, '.env'), 'private').text ?? '').values['DB_PATH'] ?? null;
  const tried = await takeOver({ folder, now: Date.now(), named, isTrial: true });
  if (!tried.ok) {
    process.stderr.write(`${tried.error.reason}\n`);
    return EXIT.failed;
  }
  process.stdout.write(`${JSON.stringify(tried.value)}\n`);
  return EXIT.done;
}
