/** `broca prepare-restore`: makes a copy of a database fit to go on from; `animus restore` calls it with the release that will run it. */
import { parseArgs } from 'node:util';
import { EXIT, type ExitCode } from 'animus-protocol';
import { newestSpooled } from './channel/newest-spooled.ts';
import { prepareRestore } from './store/restore/prepare.ts';

/** Prints a report as JSON. */
export async function runPrepareRestore(argv: string[]): Promise<ExitCode> {
  const { values } = parseArgs({
    args: argv,
    options: {
      copy: { type: 'string' },
      present: { type: 'string' },
      'taken-at': { type: 'string', default: '0' },
      'alive-until': { type: 'string', default: '0' },
      folder: { type: 'string', default: process.cwd() },
      final: { type: 'boolean', default: false },
      'other-agent': { type: 'boolean', default: false },
    },
  });
  if (values.copy === undefined) return EXIT.usage;
  const prepared = prepareRestore({
    copy: values.copy,
    present: values.present ?? null,
    takenAt: Number(values['taken-at']),
    aliveUntil: Number(values['alive-until']),
    isFinal: values.final,
    isOtherAgent: values['other-agent'],
    newestSpooled: newestSpooled(values.folder),
    now: Date.now(),
  });
  if (!prepared.ok) {
    process.stderr.write(`${prepared.error}\n`);
    return EXIT.failed;
  }
  process.stdout.write(`${JSON.stringify(prepared.value)}\n`);
  return EXIT.done;
}
