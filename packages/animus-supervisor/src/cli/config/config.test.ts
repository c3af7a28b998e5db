/** `animus config` on real homes, with editors that are shell scripts. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { makeRig, type Ran, type Rig } from 'animus-testkit';

const PROGRAM = path.join(import.meta.dirname, '../main.ts');
const ID = 'agent-one';
const KEY = 'sk-let-0123456789abcdef';

let rig: Rig;
let folder: string;

beforeEach(async () => {
  rig = makeRig(PROGRAM);
  const made = await rig.animus(['init']);
  assert.equal(made.code, 0, made.stderr);
  folder = path.join(rig.home, ID);
  fs.mkdirSync(folder, { mode: 0o700 });
  write('.env', `AGENT_ENDPOINT=https://letta.example.org\nAGENT_API_KEY=${KEY}\nMAX_RETRIES=1\n`);
  write('settings.json', '{ "message_processing": { "mode": "echo" } }\n');
  fs.writeFileSync(path.join(rig.home, 'animus.config.json'), FLEET, { mode: 0o600 });
});
afterEach(async () => await rig[Symbol.asyncDispose]());

const FLEET = JSON.stringify({
  defaults: { message_processing: { queue_refresh: 9 } },
  supervisor: { watchdog: 40, environment: { HTTPS_PROXY: 'http://proxy:3128' } },
  agents: { one: { memory_megabytes: 512 } },
});

function write(name: string, text: string): void {
  fs.writeFileSync(path.join(folder, name), text, { mode: 0o600 });
}
const read = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8');

/** `script` edits "$1". */
async function edit(script: string, ...words: string[]): Promise<Ran> {
  const editor = path.join(rig.folder, 'editor.sh');
  fs.writeFileSync(editor, `set -e\n${script}\n`);
  return await rig.animus(['config', 'edit', ...words], { environment: { EDITOR: `sh ${editor}` } });
}

type Row = { key: string; value: unknown; origin: string };

describe('animus config show', () => {
  it('tells of each setting of an agent what counts and which file says so, secrets as fingerprints', async () => {
    const ran = await rig.animus(['config', 'show', 'one', '--json']);
    assert.equal(ran.code, 0, ran.stderr);
    assert.doesNotMatch(ran.stdout, new RegExp(KEY));
    const { settings, supervision }: { settings: Row[]; supervision: Row[] } = JSON.parse(ran.stdout);
    const of = (rows: Row[], key: string): unknown[] => {
      const row = rows.find((each) => each.key === key);
      return [row?.value, row?.origin];
    };
    assert.deepEqual(of(settings, 'message_processing.mode'), ['echo', 'settings.json']);
    assert.deepEqual(of(settings, 'message_processing.max_retries'), [1, '.env']);
    assert.deepEqual(of(settings, 'message_processing.queue_refresh'), [9, 'fleet defaults']);
    assert.deepEqual(of(settings, 'logs.level'), ['info', 'built-in']);
    const timeouts = ['LONG_TASK_MAX_WAIT', 'MESSAGE_PROCESS_TIMEOUT_BUFFER', 'MESSAGE_PROCESS_TIMEOUT'];
    const BUILT_IN = timeouts.map((key) => of(settings, key));
    assert.deepEqual(BUILT_IN, [
      [600, 'built-in'],
      [180, 'built-in'],
      [780, 'built-in'],
    ]);
    fs.appendFileSync(path.join(folder, '.env'), 'LONG_TASK_MAX_WAIT=900\n');
    const later: { settings: Row[] } = JSON.parse((await rig.animus(['config', 'show', 'one', '--json'])).stdout);
    assert.deepEqual(
      timeouts.map((key) => of(later.settings, key)),
      [
        ['900', '.env'],
        [180, 'built-in'],
        [1080, '.env'],
      ],
    );
    assert.match(String(of(settings, 'AGENT_API_KEY')[0]), /^sha256:[0-9a-f]{12}$/);
    assert.deepEqual(of(supervision, 'memory_megabytes'), [512, 'agents']);
    assert.deepEqual(of(supervision, 'watchdog'), [40, 'supervisor']);
    assert.deepEqual(of(supervision, 'environment.HTTPS_PROXY'), ['http://proxy:3128', 'supervisor']);
    assert.deepEqual(of(supervision, 'restart.within'), [600, 'built-in']);
  });

  it('tells the same of the fleet', async () => {
    const ran = await rig.animus(['config', 'show']);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /^supervisor\.watchdog +40 +animus\.config\.json$/m);
    assert.match(ran.stdout, /^defaults\.message_processing\.queue_refresh +9 +animus\.config\.json$/m);
    assert.match(ran.stdout, /^backup\.keep +7 +built-in$/m);
    assert.match(ran.stdout, /^logs\.keep_megabytes +100 +built-in$/m);
  });

  it('ends with 78 and the problems when the files cannot be used', async () => {
    write('settings.json', '{ "debug_mode": 1 }');
    const ran = await rig.animus(['config', 'show', 'one']);
    assert.deepEqual([ran.code, /SETTING|queue_refresh/.test(ran.stdout)], [78, false]);
    assert.match(ran.stderr, /settings\.json: debug_mode/);
  });
});

describe('animus config validate', () => {
  it('tells every problem of every file, and 78 when one cannot be used', async () => {
    assert.equal((await rig.animus(['config', 'validate'])).code, 0);
    write('settings.json', '{ "debug_mode": 1, "mesage_mode": "live", "limits": { "waiting": "many" } }');
    write('.env', `AGENT_ENDPOINT=nonsense\nAGENT_API_KEY=${KEY}\n`);
    fs.writeFileSync(path.join(rig.home, 'animus.config.json'), '{ "agents": { "gone": {} }, "supervisor": { "watchdog": 1 } }');
    const ran = await rig.animus(['config', 'validate']);
    assert.equal(ran.code, 78);
    for (const told of [
      'settings.json: debug_mode',
      'settings.json: mesage_mode',
      'settings.json: limits.waiting',
      '.env: AGENT_ENDPOINT',
      'animus.config.json: supervisor.watchdog',
      'animus.config.json: agents.agent-gone',
    ])
      assert.ok(ran.stdout.includes(told), `${told} in:\n${ran.stdout}`);
    const json = await rig.animus(['config', 'validate', 'one', '--json']);
    assert.deepEqual([json.code, JSON.parse(json.stdout).ok], [78, false]);
  });
});

describe('animus config edit', () => {
  it('opens a private copy and saves it in one rename, mode kept', async () => {
    fs.chmodSync(path.join(folder, 'settings.json'), 0o400);
    const ran = await edit(`stat -c %a "$1" > ${rig.folder}/mode; sed -i s/echo/listen/ "$1"; touch "$1~"`, 'one');
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(read('settings.json'), '{ "message_processing": { "mode": "listen" } }\n');
    assert.equal(fs.readFileSync(path.join(rig.folder, 'mode'), 'utf8'), '600\n');
    assert.equal(fs.statSync(path.join(folder, 'settings.json')).mode & 0o777, 0o400);
    assert.deepEqual(fs.readdirSync(folder).sort(), ['.env', 'settings.json']);
    assert.deepEqual(fs.readdirSync(path.join(rig.home, 'run/drafts')), []);
  });

  it('keeps a draft with problems, and goes on with it', async () => {
    const before = read('settings.json');
    const wrong = await edit(`printf '{ "debug_mode": 1 }' > "$1"`, 'one');
    assert.equal(wrong.code, 78);
    assert.match(wrong.stderr, /debug_mode/);
    assert.equal(read('settings.json'), before);
    const again = await edit('true', 'one');
    assert.deepEqual([again.code, /--draft/.test(again.stderr)], [1, true]);
    const mended = await edit(`sed -i s/1/true/ "$1"`, 'one', '--draft');
    assert.equal(mended.code, 0, mended.stderr);
    assert.equal(read('settings.json'), '{ "debug_mode": true }');
  });

  it('does not write over what somebody else changed meanwhile', async () => {
    const ran = await edit(`echo '{}' > "$1"; echo '{"debug_mode":true}' > ${folder}/settings.json`, 'one', '--json');
    assert.equal(ran.code, 1);
    const { saved, draft } = JSON.parse(ran.stdout);
    assert.equal(saved, false);
    assert.equal(fs.readFileSync(draft, 'utf8'), '{}\n');
    assert.equal(read('settings.json'), '{"debug_mode":true}\n');
    const dropped = await edit('true', 'one', '--discard');
    assert.deepEqual([dropped.code, fs.existsSync(draft)], [0, false]);
  });

  it('refuses an .env that would break the agent, and takes a good one; of the fleet too', async () => {
    const refused = await edit(`echo AGENT_ID=agent-two >> "$1"`, 'one', '--env');
    assert.equal(refused.code, 78);
    assert.doesNotMatch(refused.stderr, new RegExp(KEY));
    const taken = await edit(`echo MAX_RETRIES=2 > "$1.x"; sed 's/=1/=2/' ${folder}/.env > "$1"`, 'one', '--env', '--draft');
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(read('.env'), /MAX_RETRIES=2/);
    const fleet = await edit(`sed -i s/40/50/ "$1"`);
    assert.equal(fleet.code, 0, fleet.stderr);
    assert.match(fs.readFileSync(path.join(rig.home, 'animus.config.json'), 'utf8'), /"watchdog":50/);
  });

  it('kill -9 at any moment leaves the old file or the new, and what was typed can be gone on with', async () => {
    const [old, latter] = [read('settings.json'), '{ "debug_mode": true }\n'];
    const editor = path.join(rig.folder, 'editor.sh');
    fs.writeFileSync(editor, `printf '{ "debug_mode": true }\\n' > "$1"\n`);
    const environment = { EDITOR: `sh ${editor}` };
    const since = performance.now();
    assert.equal((await rig.animus(['config', 'edit', 'one'], { environment })).code, 0);
    const usualMs = performance.now() - since;
    for (let round = 0; round < 12; round += 1) {
      write('settings.json', old);
      const editing = rig.start(['config', 'edit', 'one', '--discard'], { environment });
      // The last tenth is when it saves.
      await delay(usualMs * (round < 4 ? Math.random() : 0.9 + 0.2 * Math.random()));
      editing.child.kill('SIGKILL');
      await editing.ended;
      const left = read('settings.json');
      assert.ok(left === old || left === latter, left);
    }
    write('settings.json', old);
    assert.equal((await rig.animus(['config', 'edit', 'one', '--discard'], { environment })).code, 0);
    assert.deepEqual([read('settings.json'), fs.readdirSync(folder).sort()], [latter, ['.env', 'settings.json']]);
  });

  it('an editor that fails, or changes nothing, saves nothing', async () => {
    const before = read('settings.json');
    assert.equal((await edit('exit 3', 'one')).code, 1);
    assert.equal((await edit('true', 'one')).code, 0);
    write('settings.json', '{ "max_retries": ');
    const unusable = await edit('true', 'one');
    assert.equal(unusable.code, 78);
    assert.match(unusable.stderr, /error: settings\.json.*\nnothing was changed, and .*settings\.json cannot be used as it is/s);
    write('settings.json', before);
    const failed = await edit(`echo '{}' > "$1"; exit 3`, 'one');
    assert.deepEqual([failed.code, /draft is kept/.test(failed.stderr), read('settings.json')], [1, true, before]);
  });
});
