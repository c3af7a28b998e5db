/** `animus deploy … --take-over` as a person types it, and what the other commands say before. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeRig, standInRepository } from 'animus-testkit';

const ANIMUS = path.join(import.meta.dirname, '../../packages/animus-supervisor/src/cli/main.ts');
const FOUND = { from: 'animus.db', users: 10, messages: 60, turns: { waiting: 3 } };
const PROGRAM = `process.stdout.write(process.argv[2] === 'try-take-over' ? '${JSON.stringify(FOUND)}' : '');\n`;

test('a folder made by hand: health and deploy say what to type, and that does it', async () => {
  await using rig = makeRig(ANIMUS);
  assert.equal((await rig.animus(['init'])).code, 0);
  const repository = standInRepository(path.join(rig.folder, 'repository'), { 'packages/broca-core/src/main.ts': PROGRAM });
  fs.writeFileSync(path.join(rig.home, 'animus.config.json'), JSON.stringify({ broca: { repository } }));
  const folder = path.join(rig.home, 'agent-7216-by-hand');
  fs.mkdirSync(path.join(folder, 'broca'), { recursive: true });
  fs.writeFileSync(path.join(folder, 'broca', 'main.py'), '');
  fs.writeFileSync(path.join(folder, '.env'), 'AGENT_ENDPOINT=http://127.0.0.1:9/api/v1\nAGENT_API_KEY=key-0123456789\n');

  const hint = /take the folder over with: animus deploy agent-7216-by-hand --take-over/;
  assert.match((await rig.animus(['health'])).stdout, hint);
  const plain = await rig.animus(['deploy', '7216-by-hand', 'http://127.0.0.1:9', 'key-0123456789', '--no-check']);
  assert.equal(plain.code, 1);
  assert.match(plain.stderr, hint);
  assert.match((await rig.animus(['queue', '7216', 'list'])).stderr, hint);

  // A key meant for other agents is no contradiction to the one in .env.
  const taken = await rig.animus(['deploy', '7216', '--take-over', '--no-check'], { environment: { ANIMUS_AGENT_KEY: 'of-another-0123' } });
  assert.equal(taken.code, 0, taken.stderr);
  assert.match(
    taken.stderr,
    /its Python Broca is kept in broca\.python-\S+; its first start takes over 10 users and 60 messages, 3 of them waiting/,
  );
  assert.match(taken.stdout, /agent-7216-by-hand is deployed\. Start it with: animus up -d/);
  assert.match((await rig.animus(['ls'])).stdout, /agent-7216-by-hand/);
  const nobody = await rig.animus(['deploy', 'nobody', '--take-over']);
  assert.equal(nobody.code, 2);
  assert.match(nobody.stderr, /there is no agent agent-nobody/);
});
