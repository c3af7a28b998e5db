/** When scheduled backups come: over changes of clock, missed times, failures, restarts and changes of mind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { failed, ok, parseFleetConfig, type Result } from 'animus-protocol';
import { FakeClock } from 'animus-testkit';
import fc from 'fast-check';
import type { FleetEvent } from '../observe/event.ts';
import { identify } from '../worker/proc.ts';
import { BackupSchedule } from './backup-schedule.ts';
import { readCron } from './cron.ts';
import { dueAt } from './due-policy.ts';
import { type Memory, readMemory, writeMemory } from './memory.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const at = (text: string): number => Date.parse(text);

describe('cron expressions', () => {
  const cases: [string, string | null, string, string][] = [
    ['every night', '0 3 * * *', '2026-11-28T12:00Z', '2026-11-29T02:00Z'],
    ['the hour that spring skips comes after the gap', '30 2 * * *', '2026-03-28T12:00Z', '2026-03-29T01:00Z'],
    ['the hour that autumn has twice comes once', '30 2 * * *', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ['a word for it', '@daily', '2026-11-28T12:00Z', '2026-11-28T23:00Z'],
    ['a weekday', '0 0 * * MON', '2026-11-28T12:00Z', '2026-11-29T23:00Z'],
  ];
  for (const [name, expression, after, next] of cases) {
    it(name, () => {
      const cron = readCron(expression as string, 'Europe/Berlin');
      assert.ok(cron.ok);
      assert.equal(new Date(cron.value(at(after as string))).toISOString(), new Date(at(next)).toISOString());
    });
  }

  for (const expression of ['99 3 * * *', '0 0 30 2 *', 'a b c d e', '0 3 * *']) {
    it(`refuses ${expression}`, () => {
      const cron = readCron(expression, null);
      assert.match(cron.ok ? '' : cron.error, /write minute, hour/);
    });
  }
});

it('missed times are made up for once: after a backup nothing is due before the next time', () => {
  const daily = (after: number): number => (Math.floor(after / DAY) + 1) * DAY;
  const time = fc.integer({ min: 0, max: 1000 * DAY });
  fc.assert(
    fc.property(time, fc.option(time), time, (since, lastGoodAt, now) => {
      const due = dueAt(daily, { since, lastGoodAt, lastTriedAt: null }, now);
      const isMissed = [since, lastGoodAt].every((past) => past === null || past > now || Math.floor(past / DAY) < Math.floor(now / DAY));
      const knowsPast = since <= now || (lastGoodAt !== null && lastGoodAt <= now);
      assert.equal(due <= now, isMissed && knowsPast);
      assert.equal(dueAt(daily, { since, lastGoodAt: now, lastTriedAt: null }, now), daily(now));
    }),
  );
});

/** One home whose supervisors come and go; backups end when the test says so. */
class Home implements Disposable {
  readonly clock = new FakeClock(at('2026-11-28T12:00Z'));
  readonly events: FleetEvent[] = [];
  readonly waiting: ((result: Result<number, string>) => void)[] = [];
  readonly kept: number[] = [];
  #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'animus-schedule-'));

  supervisor(schedule: string | null): BackupSchedule {
    const started = new BackupSchedule({
      file: path.join(this.#folder, 'backup.json'),
      clock: this.clock,
      wallNow: this.clock.now,
      publish: (event) => void this.events.push(event),
      start: (keep, signal) => {
        this.kept.push(keep);
        const { promise, resolve } = Promise.withResolvers<Result<number, string>>();
        this.waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(failed('killed')));
        return { process: null, ended: promise };
      },
    });
    started.apply(configOf(schedule));
    started.open();
    return started;
  }

  /** Changes what the supervisor before has written down. */
  remember(changed: Partial<Memory>): void {
    const file = path.join(this.#folder, 'backup.json');
    const memory = readMemory(file);
    assert.ok(memory !== null);
    writeMemory(file, { ...memory, ...changed });
  }

  async end(result: Result<number, string>): Promise<void> {
    this.waiting.shift()?.(result);
    await this.clock.advance(0);
  }

  get kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.#folder, { recursive: true });
  }
}

function configOf(schedule: string | null): ReturnType<typeof parseFleetConfig>['config'] {
  return parseFleetConfig(JSON.stringify({ timezone: 'UTC', backup: { schedule, keep: 3 } })).config;
}

describe('the schedule', () => {
  it('backs up when it is due, one at a time, and keeps what backup.keep says', async () => {
    using home = new Home();
    const schedule = home.supervisor('0 3 * * *');
    await home.clock.advance(15 * HOUR - 1);
    assert.deepEqual(home.kept, []);
    await home.clock.advance(1);
    assert.deepEqual(home.kept, [3]);
    await home.clock.advance(3 * DAY);
    assert.equal(home.kept.length, 1);
    await home.end(ok(2));
    assert.deepEqual(home.events, [{ kind: 'backup-made', agents: 2 }]);
    // The times that it ran over are not made up for.
    assert.equal(home.kept.length, 1);
    await schedule.close();
  });

  it('makes up once for what was missed while no supervisor ran', async () => {
    using home = new Home();
    await home.supervisor('0 3 * * *').close();
    await home.clock.advance(5 * DAY);
    const schedule = home.supervisor('0 3 * * *');
    assert.equal(home.kept.length, 1);
    await home.end(ok(1));
    await schedule.close();
    await home.supervisor('0 3 * * *').close();
    assert.equal(home.kept.length, 1);
  });

  it('a machine that slept is caught up with', async () => {
    using home = new Home();
    const schedule = home.supervisor('0 3 * * *');
    await home.clock.sleepThrough(2 * DAY);
    assert.equal(home.kept.length, 1);
    await schedule.close();
  });

  it('a failure is told, shown until one succeeds, and not repeated before the next time but at a start', async () => {
    using home = new Home();
    const schedule = home.supervisor('0 3 * * *');
    await home.clock.advance(15 * HOUR);
    await home.end(failed('no space left'));
    assert.deepEqual(home.events, [{ kind: 'backup-failed', reason: 'no space left' }]);
    assert.match(schedule.report()?.failure ?? '', /failed: no space left/);
    await home.clock.advance(23 * HOUR);
    assert.equal(home.kept.length, 1);
    await schedule.close();
    const next = home.supervisor('0 3 * * *');
    assert.match(next.report()?.failure ?? '', /no space left/);
    assert.equal(home.kept.length, 2);
    await home.end(ok(1));
    assert.equal(next.report()?.failure, null);
    await next.close();
  });

  it('one that the end of a supervisor cut short is no failure, and is made up for', async () => {
    using home = new Home();
    const schedule = home.supervisor('0 3 * * *');
    await home.clock.advance(15 * HOUR);
    await schedule.close();
    assert.deepEqual(home.events, []);
    const next = home.supervisor('0 3 * * *');
    assert.equal(home.kept.length, 2);
    await next.close();
  });

  it('one that a killed supervisor left is ended before the next begins', async () => {
    using home = new Home();
    await home.supervisor('0 3 * * *').close();
    const orphan = spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
    const ended = once(orphan, 'exit');
    try {
      await once(orphan, 'spawn');
      home.remember({ running: identify(orphan.pid ?? 0) });
      await home.clock.advance(DAY);
      const schedule = home.supervisor('0 3 * * *');
      assert.deepEqual(home.kept, []);
      assert.deepEqual(await ended, [null, 'SIGTERM']);
      await home.clock.advance(1_000);
      assert.deepEqual(home.kept, [3]);
      await home.end(ok(1));
      await schedule.close();
    } finally {
      orphan.kill('SIGKILL');
    }
  });

  it('a change applies at once and makes up for nothing', async () => {
    using home = new Home();
    const schedule = home.supervisor(null);
    await home.clock.advance(3 * DAY);
    assert.equal(schedule.report(), null);
    schedule.apply(configOf('0 13 * * *'));
    assert.equal(home.kept.length, 0);
    await home.clock.advance(HOUR);
    assert.equal(home.kept.length, 1);
    await home.end(ok(1));
    schedule.apply(configOf(null));
    await home.clock.advance(3 * DAY);
    schedule.apply(configOf('0 13 * * *'));
    assert.equal(home.kept.length, 1);
    assert.equal(schedule.report()?.nextAt, home.clock.now() + DAY);
    await schedule.close();
  });

  it('one that never comes is a problem, told once', async () => {
    using home = new Home();
    const schedule = home.supervisor('0 0 30 2 *');
    schedule.apply(configOf('0 0 30 2 *'));
    assert.deepEqual(home.kinds, ['config-problem']);
    assert.match(schedule.report()?.failure ?? '', /never comes/);
    await schedule.close();
  });
});
