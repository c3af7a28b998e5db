/** Fault 10: secrets in the log, harmless numbers masked, and no log file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPlatform } from './platform.ts';
import { addPlatformPlugin, KEY, logOf, openRig, say } from './rig.ts';

test('neither bot tokens nor keys reach the log, whoever writes them; harmless numbers do', async () => {
  const token = '7265551234:AAH-dpQ6vY_rT2zLk9xWmN4bV8cJ1sF0gUe';
  const other = 'sk-other-service-0123456789';
  await using platform = await startPlatform({ messages: [] });
  await using rig = await openRig({
    environment: { PLATFORM_BOT_TOKEN: token, OTHER_API_KEY: other, LOG_LEVEL: 'TRACE' },
    settings: { plugins: { platform: { enabled: true, url: platform.url } } },
  });
  addPlatformPlugin(rig.agent);
  const broca = await rig.start();
  rig.letta.fault({ kind: 'status', route: 'agents.blocks.attach', status: 500, body: { detail: `Bearer ${KEY} fell over` } });
  await say(broca, { id: 'm1', text: `my key is ${KEY}, the bot's ${token}, and Bearer ${other}` });
  broca.kill('SIGTERM').catch(() => undefined);
  assert.equal((await broca.exited).code, 0);
  const written = logOf(rig.agent) + broca.stderr;
  for (const secret of [token, other, KEY]) assert.ok(!written.includes(secret), `${secret.slice(0, 8)}… is in the log`);
  assert.match(written, /"event":"turn-ended"/, 'there is a log, and it says what happened');
  assert.match(written, /connected with \[redacted\]/);
  assert.match(written, /123456789/);
  assert.match(written, /"4711"/);
});
