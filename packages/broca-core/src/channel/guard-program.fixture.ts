/** A process with channels, as Broca is one: plugins fail in it, then Broca's own `receive` does. */
import { createChannels } from './load.ts';

const ON = { enabled: true, settings: {} };
const channels = await createChannels({
  plugins: { p: ON, t: ON, u: ON },
  environment: {},
  folder: process.argv[2] ?? '',
  releaseFolder: null,
  builtIn: [],
  log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  receiveAll: () => {
    throw new Error('the store is broken');
  },
  isIgnored: () => false,
  stateOf: () => ({ get: () => null, list: () => [], put: () => true }),
  storeAttachment: async () => ({ kind: 'unavailable', reason: 'nothing is stored here' }),
  onState: (channel) => {
    const { state, reason } = channel.health();
    if (state === 'failed') process.stdout.write(`${channel.name} ${reason}\n`);
  },
});
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: Error) => {
    if (channels.blame(error)) return;
    process.stdout.write(`ours: ${error.message}\n`, () => process.exit(1));
  });
}
await channels.start();
