/** `backup.schedule` with a real supervisor: a missed backup is made at its start, what fails is shown, a change applies at once. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';
import type { BackupReport } from 'animus-protocol';
import { FleetRig, type Health, until } from '../fleet/rig.ts';

const NIGHTLY = '0 3 * * *';
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let fleet: FleetRig;
before(async () => {
  fleet = await FleetRig.make({ timezone: 'UTC', backup: { schedule: NIGHTLY, keep: 2 } });
  await fleet.deployed('one');
});
after(async () => await fleet[Symbol.asyncDispose]());

/** As a supervisor that went away two days ago has left it. */
const wasAway = (lastGoodAt: number | null): void => {
  const since = Date.now() - 9 * DAY;
  const memory = { schedule: NIGHTLY, timezone: 'UTC', since, lastGoodAt, failure: null, running: null };
  fs.mkdirSync(path.join(fleet.home, 'run'), { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(fleet.home, 'run/backup.json'), JSON.stringify(memory));
};
const report = async (): Promise<BackupReport | null> => (await fleet.status()).supervisor.backup ?? null;
const files = async (): Promise<string[]> =>
  JSON.parse(await fleet.done('backup', 'list', '--json')).backups.map(({ file }: { file: string }) => file);

it('what was missed is made up for once, as backup.keep says', async () => {
  for (let count = 0; count < 2; count += 1) await fleet.done('backup');
  const before = await files();
  wasAway(Date.now() - 2 * DAY);
  const startedAt = Date.now();
  await fleet.done('up', '-d');
  const missed = await until('the missed backup is made', async () => {
    const now = await report();
    return (now?.lastGoodAt ?? 0) >= startedAt ? now : null;
  });
  assert.equal(missed.failure, null);
  assert.ok((missed.nextAt ?? 0) > Date.now());
  const kept = await files();
  assert.equal(kept.length, 2);
  assert.equal(kept[0], before[1]);
  assert.match(await fleet.done('events'), /scheduled backup made of 1 agent/);
  fleet.configure({ timezone: 'Pacific/Kiritimati', backup: { schedule: NIGHTLY, keep: 2 } });
  const hourThere = (): string =>
    new Date(Date.now() + 14 * HOUR).toISOString().slice(0, 13).replaceAll('-', '').replace('T', '/agent-one@');
  const hours = [hourThere()];
  await fleet.done('backup');
  hours.push(hourThere());
  const made = (await files()).at(-1) ?? '';
  assert.ok(
    hours.some((hour) => made.includes(hour)),
    `${made} tells the time in the home's zone`,
  );
  await fleet.done('down');
});

it('one that fails is a fault of the home, with its reason, until the next succeeds', async () => {
  fleet.configure({ timezone: 'UTC', backup: { schedule: NIGHTLY, to: '/etc/passwd/x' } });
  wasAway(null);
  await fleet.done('up', '-d');
  await until('it has failed', async () => (await report())?.failure ?? null);
  const health: Health = JSON.parse((await fleet.rig.animus(['health', '--json'])).stdout);
  assert.equal(health.ok, false);
  assert.match(health.runtime.faults.join(), /the last scheduled backup failed: agent-one: .*could not be backed up/);
  assert.match((await fleet.rig.animus(['status'])).stderr, /the last scheduled backup failed/);
});

it('--schedule changes the one key, and the supervisor takes it over while it runs', async () => {
  const said = await fleet.done('backup', '--schedule', '30 4 1 1 *');
  assert.match(said, /scheduled: 30 4 1 1 \*, next at \d{4}-01-01 04:30:00/);
  const config = JSON.parse(fs.readFileSync(path.join(fleet.home, 'animus.config.json'), 'utf8'));
  assert.deepEqual([config.timezone, config.backup], ['UTC', { schedule: '30 4 1 1 *', to: '/etc/passwd/x' }]);
  await until(
    'the supervisor has taken it over',
    async () => new Date((await report())?.nextAt ?? 0).toISOString().endsWith('-01-01T04:30:00.000Z') || null,
  );
  assert.match(await fleet.done('backup', 'schedule'), /30 4 1 1 \*/);
  await fleet.done('backup', '--schedule', 'off');
  await until('nothing is scheduled', async () => ((await report()) === null ? true : null));
  const refused = await fleet.rig.animus(['backup', '--schedule', '0 0 30 2 *']);
  assert.deepEqual([refused.code, /never comes/.test(refused.stderr)], [2, true]);
});
