/**
 * The data centre as a process of its own, which can be killed and started again on what it kept.
 *
 *     node main.ts '{"folder":"…","port":9999}'     # settings as in ./telegram.ts
 *
 * It says where its proxy is as JSON on a line. A parent with an IPC channel calls it through ./telegram-process.ts.
 */
import { startTelegramDataCentre, type TelegramSettings } from './index.ts';
import type { Call, Reply } from './telegram-process.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as TelegramSettings;
const telegram = await startTelegramDataCentre(settings);

async function serve({ id, name, args }: Call): Promise<Reply> {
  try {
    const member: unknown = telegram[name];
    const value: unknown = typeof member === 'function' ? await member(...args) : member;
    return { id, value };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

process.on('message', (call: Call) => {
  void serve(call).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit());
process.stdout.write(`${JSON.stringify(telegram.proxy)}\n`);
