/** The whole program: an agent deployed, its Telegram switched on, and a message answered by the built release. */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTelegramDataCentre } from 'animus-testkit';
import { FleetRig, until } from '../fleet/rig.ts';
import { writeLogin } from './rig.ts';

test('a deployed agent talks over Telegram once somebody has logged in', async (t) => {
  const telegram = await startTelegramDataCentre();
  t.after(async () => await telegram.close());
  const owner = telegram.createUser({ username: 'ada' });
  const bot = telegram.createBot({ username: 'fleet_bot' });
  telegram.meet(owner, bot);
  await using fleet = await FleetRig.make();
  const agent = await fleet.deployed('one');
  const { ip, port } = telegram.proxy;
  appendFileSync(join(agent.folder, '.env'), `TELEGRAM_PROXY=socks5://${ip}:${port}\nTELEGRAM_OWNER_ID=${owner.id}\n`);
  await fleet.done('up', '-d');
  assert.ok(readdirSync(join(agent.folder, 'releases/current/plugins')).includes('telegram.mjs'));
  await fleet.brocaOf(agent);
  assert.equal(telegram.connections.length, 0);
  assert.match(await fleet.done('telegram', 'one', 'status'), /^Connection: does not run\nLogged in: nobody/);

  // What a login leaves behind, and does; the login itself, at a terminal, is in login.test.ts.
  writeLogin(agent.folder, telegram, bot);
  await fleet.done('settings', 'one', 'set', 'plugins.telegram.enabled', 'true');
  await telegram.online(bot);
  const log = join(agent.folder, 'logs/broca.log');
  await until('it reads from here on', () => readFileSync(log, 'utf8').includes('telegram-caught-up') || null);
  telegram.pushText(owner, bot, 'are you there?');
  assert.match((await telegram.sent({ by: bot, to: owner })).text, /are you there\?$/);

  const status = await fleet.done('telegram', 'one', 'status');
  assert.match(status, /^Connection: connected\n/);
  telegram.revokeSessions(bot);
  telegram.disconnect(bot);
  const reason = await until('health tells of it', async () => {
    const { agents } = JSON.parse((await fleet.rig.animus(['health', '--json'])).stdout) as {
      agents: { channels: { name: string; reason?: string }[] }[];
    };
    const said = agents[0]?.channels.find(({ name }) => name === 'telegram')?.reason ?? '';
    return said.includes('log in again') ? said : null;
  });
  assert.match(reason, /log in again \(animus telegram agent-one login\)/);
});
