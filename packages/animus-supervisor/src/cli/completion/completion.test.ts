/** Completion in the real shells: what a person gets who presses tab. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { makeRig, type Rig, writeFiles } from 'animus-testkit';
import { COMMANDS } from '../commands.ts';
import { SHELLS, type Shell } from './scripts.ts';

const ANIMUS = path.join(import.meta.dirname, '../main.ts');
const UUID = '721679f6-c8af-4e01-8677-dc042dc80368';

let rig: Rig;

before(async () => {
  rig = makeRig(ANIMUS);
  writeFiles(rig.home, { [`agent-${UUID}/.env`]: '', 'agent-alpha/.env': '', 'backups/x': '' });
  for (const shell of SHELLS) {
    const ran = await rig.animus(['completion', shell]);
    assert.equal(ran.code, 0, ran.stderr);
    fs.writeFileSync(scriptOf(shell), ran.stdout);
  }
});
after(async () => await rig[Symbol.asyncDispose]());

function scriptOf(shell: Shell): string {
  return path.join(rig.folder, `complete.${shell}`);
}

function isThere(shell: string): boolean {
  try {
    execFileSync(shell, ['-c', 'true']);
    return true;
  } catch {
    return false;
  }
}

async function run(shell: string, args: readonly string[]): Promise<string> {
  const environment = { PATH: process.env['PATH'], HOME: rig.folder, ANIMUS_HOME: rig.home, TERM: 'dumb', LC_ALL: 'C.UTF-8' };
  return (await promisify(execFile)(shell, args, { cwd: rig.folder, env: environment, timeout: 20_000 })).stdout;
}

/** What the last word of the line may become. A line that ends in a blank begins a new word. */
const completed: Record<Exclude<Shell, 'zsh'>, (line: string) => Promise<string[]>> = {
  bash: async (line) => {
    // As readline does it: `=` is a word of its own.
    const words = line.split(/ |(=)/).filter((word) => word !== undefined);
    const said = await run('bash', [path.join(import.meta.dirname, 'typed.fixture.bash'), scriptOf('bash'), ...words]);
    return said
      .split('\n')
      .filter((word) => word !== '')
      .sort();
  },
  fish: async (line) => {
    const said = await run('fish', ['--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', scriptOf('fish'), line]);
    return said
      .split('\n')
      .map((each) => each.split('\t')[0] ?? '')
      .filter((word) => word !== '')
      .sort();
  },
};

for (const shell of ['bash', 'fish'] as const) {
  describe(`completion in ${shell}`, { skip: isThere(shell) ? false : `${shell} is not installed` }, () => {
    const complete = completed[shell];
    const has = async (line: string, ...words: string[]): Promise<void> => {
      const found = await complete(line);
      for (const word of words) assert.ok(found.includes(word), `${line}: ${word} is not among ${found.join(' ')}`);
    };

    it('completes commands', async () => {
      await has('animus ', ...Object.keys(COMMANDS));
      assert.deepEqual(await complete('animus stat'), ['status']);
      await has('animus help ', 'logs', 'queue');
    });

    it('completes agents, with and without agent-, where an agent is asked for', async () => {
      await has('animus stop ', `agent-${UUID}`, 'agent-alpha', 'all');
      assert.deepEqual(await complete('animus stop 72'), [UUID]);
      assert.deepEqual(await complete('animus restart agent-7'), [`agent-${UUID}`]);
      assert.deepEqual(await complete('animus logs -f --level warn agent-alpha sup'), ['supervisor']);
      await has('animus logs ', 'supervisor', 'agent-alpha');
      assert.deepEqual(await complete('animus queue alp'), ['alpha']);
      assert.deepEqual(await complete('animus init al'), []);
    });

    it('completes options, their values and what follows an agent', async () => {
      await has('animus logs --', '--follow', '--since', '--json', '--help');
      assert.deepEqual(await complete('animus logs --leve'), ['--level']);
      assert.deepEqual(await complete('animus logs --level wa'), ['warn']);
      assert.deepEqual(
        (await complete('animus logs --level=wa')).map((word) => word.replace('--level=', '')),
        ['warn'],
      );
      assert.deepEqual(await complete('animus logs --since alp'), []);
      await has('animus queue alpha ', 'list', 'retry');
      assert.deepEqual(await complete('animus queue alpha sta'), ['stats']);
      assert.deepEqual(await complete('animus completion fi'), ['fish']);
    });
  });
}

describe('completion in zsh', { skip: isThere('zsh') ? false : 'zsh is not installed' }, () => {
  it('completes what is the only one that fits', async () => {
    const rows: [typed: string, became: string][] = [
      ['comple', 'completion'],
      ['stop 72', `stop ${UUID}`],
      ['restart agent-7', `restart agent-${UUID}`],
      ['logs -f sup', 'logs -f supervisor'],
      ['logs --level wa', 'logs --level warn'],
      ['logs --level=wa', 'logs --level=warn'],
      ['logs --foll', 'logs --follow'],
      ['queue alpha sta', 'queue alpha stats'],
      ['completion fi', 'completion fish'],
    ];
    const said = await run('zsh', [
      '-f',
      path.join(import.meta.dirname, 'typed.fixture.zsh'),
      scriptOf('zsh'),
      ...rows.map(([typed]) => typed),
    ]);
    assert.deepEqual(
      said
        .trimEnd()
        .split('\n')
        .map((line) => line.trim()),
      rows.map(([, became]) => became),
    );
  });
});

it('is refused for a shell there is none for, and names those there are', async () => {
  const ran = await rig.animus(['completion', 'csh']);
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /<shell> is bash, zsh, fish, not "csh"/);
});
