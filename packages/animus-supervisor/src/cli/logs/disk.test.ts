/** `animus disk` and `animus logs clean` on real homes. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makeRig, type Rig } from 'animus-testkit';

const PROGRAM = path.join(import.meta.dirname, '../main.ts');
const DAY_MS = 24 * 60 * 60 * 1000;

let rig: Rig;

beforeEach(async () => {
  rig = makeRig(PROGRAM);
  const made = await rig.animus(['init']);
  assert.equal(made.code, 0, made.stderr);
});
afterEach(async () => await rig[Symbol.asyncDispose]());

/** A file of the home, last written so many days ago. */
function put(name: string, bytes: number, daysAgo = 0): string {
  const file = path.join(rig.home, name);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.writeFileSync(file, Buffer.alloc(bytes, 'x'), { mode: 0o600 });
  const at = new Date(Date.now() - daysAgo * DAY_MS);
  fs.utimesSync(file, at, at);
  return file;
}

function configure(id: string, settings: unknown): void {
  const folder = path.join(rig.home, id);
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  fs.writeFileSync(path.join(folder, '.env'), 'AGENT_ENDPOINT=https://letta.example.org\nAGENT_API_KEY=sk-let-123456\n', { mode: 0o600 });
  fs.writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(settings), { mode: 0o600 });
}

const clean = async (...words: string[]) => await rig.animus(['logs', 'clean', ...words]);

describe('animus disk', () => {
  it('counts each part of each agent once, the largest agent first, links not followed', async () => {
    const big = 1024 * 1024;
    put('agent-a/animus.db', big);
    put('agent-a/animus.db-wal', big);
    put('agent-b/animus.db', 4 * big);
    put('agent-b/logs/broca.log', big);
    put('agent-b/attachments/ab/abc.png', 2 * big);
    put('agent-b/releases/1/broca.mjs', big);
    put('agent-b/broca/index.ts', big);
    put('agent-b/plugins/mine.ts', big);
    put('agent-b/inbox/one.json', big);
    put('agent-b/outbox/two.json', 2 * big);
    put('backups/20261101/agent-b@030000.tar.gz', 3 * big);
    put('backups/20261101/agent-bb@030000.tar.gz', 3 * big);
    fs.linkSync(path.join(rig.home, 'agent-b/broca/index.ts'), path.join(rig.home, 'agent-b/broca/again.ts'));
    fs.symlinkSync('/usr', path.join(rig.home, 'agent-b/plugins/all'));
    const ran = await rig.animus(['disk', '--json']);
    assert.equal(ran.code, 0, ran.stderr);
    const { agents, total } = JSON.parse(ran.stdout);
    assert.deepEqual(
      agents.map(({ id }: { id: string }) => id),
      ['agent-b', 'agent-a'],
    );
    const parts = Object.entries(agents[0]).flatMap(([part, bytes]) =>
      typeof bytes === 'number' ? [[part, Math.floor(bytes / big)]] : [],
    );
    assert.deepEqual(Object.fromEntries(parts), {
      database: 4,
      logs: 1,
      attachments: 2,
      spool: 3,
      releases: 1,
      clone: 1,
      backups: 3,
      other: 1,
      total: 16,
    });
    assert.equal(Math.floor(agents[1].database / big), 2);
    assert.ok(total >= agents[0].total + agents[1].total);
    const one = await rig.animus(['disk', 'a']);
    assert.match(one.stdout, /^agent-a +2\.0 MB/m);
    assert.equal((await rig.animus(['disk', 'nobody'])).code, 1);
  });
});

describe('animus logs clean', () => {
  it('removes what the retention of each says and never a live file', async () => {
    configure('agent-a', { logs: { keep_days: 3, keep_megabytes: 1 } });
    configure('agent-b', {});
    const gone = [
      put('agent-a/logs/broca-20261101T000000000Z.log', 1000, 4),
      put('agent-a/logs/broca-20261102T000000000Z.log', 900_000, 2),
      put('agent-a/logs/output.log.1', 1000, 4),
      put('agent-b/logs/broca-20261101T000000000Z.log', 1000, 8),
      put('logs/supervisor.log.1', 1000, 8),
    ];
    const stay = [
      put('agent-a/logs/broca.log', 1000, 90),
      put('agent-a/logs/output.log', 1000, 90),
      put('agent-a/logs/broca-20261103T000000000Z.log', 900_000, 1),
      put('agent-a/logs/broca-notes.log', 1000, 90),
      put('agent-b/logs/broca-20261102T000000000Z.log', 1000, 6),
      put('logs/supervisor.log', 1000, 90),
    ];
    const dry = await clean('--dry-run', '--json');
    assert.deepEqual([dry.code, JSON.parse(dry.stdout).bytes], [0, 904_000], dry.stderr);
    assert.ok([...gone, ...stay].every((file) => fs.existsSync(file)));
    const ran = await clean();
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /agent-a: freed .*\(3 files\)/);
    assert.deepEqual([gone.filter((file) => fs.existsSync(file)), stay.filter((file) => !fs.existsSync(file))], [[], []]);
    assert.match((await clean()).stdout, /nothing to remove/);
  });

  it('--older-than goes before retention; whoever has no readable retention is told of', async () => {
    configure('agent-a', { debug_mode: 1 });
    configure('agent-b', {});
    const ofA = put('agent-a/logs/broca-20261101T000000000Z.log', 1000, 2);
    const ofB = put('agent-b/logs/broca-20261101T000000000Z.log', 1000, 2);
    const unsure = await clean();
    assert.deepEqual([unsure.code, /agent-a: .*--older-than/.test(unsure.stderr)], [1, true]);
    assert.equal((await clean('a', '--older-than', '3d')).code, 0);
    assert.ok(fs.existsSync(ofA));
    assert.equal((await clean('a', '--older-than', '1d')).code, 0);
    assert.deepEqual([fs.existsSync(ofA), fs.existsSync(ofB)], [false, true]);
  });

  it('follows no link out of the agent, and refuses what does not go together', async () => {
    configure('agent-a', {});
    const elsewhere = put('elsewhere/broca-20261101T000000000Z.log', 1000, 90);
    fs.symlinkSync(path.dirname(elsewhere), path.join(rig.home, 'agent-a/logs'));
    assert.equal((await clean()).code, 0);
    assert.ok(fs.existsSync(elsewhere));
    assert.equal((await clean('--older-than', 'soon')).code, 2);
    assert.equal((await clean('--follow')).code, 2);
    assert.equal((await rig.animus(['logs', '--dry-run'])).code, 2);
  });
});
