import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Command, defineCommand } from './command.ts';
import { COMMANDS } from './commands.ts';
import { readFullArguments } from './full-arguments.ts';
import { nearestOf } from './nearest-policy.ts';
import { readPlainArguments } from './plain-arguments.ts';

const example: Command = defineCommand({
  name: 'example',
  summary: 'An example',
  arguments: {
    one: { count: 'one', description: 'first' },
    maybe: { count: 'maybe', description: 'second' },
    rest: { count: 'many', description: 'all others' },
  },
  options: {
    quick: { kind: 'flag', short: 'q', description: 'quick' },
    'no-check': { kind: 'flag', description: 'unchecked' },
    lines: { kind: 'number', short: 'n', placeholder: 'count', description: 'how many' },
    level: { kind: 'text', placeholder: 'level', description: 'how bad', choices: ['warn', 'error'] },
    grep: { kind: 'text', short: 'g', placeholder: 'text', description: 'which' },
  },
  examples: [{ line: 'animus example a', effect: 'does nothing' }],
  run: async () => 0,
});

const word = fc.oneof(
  fc.constantFrom('a', '7216', '007', '1e3', 'agent-1', 'https://x.y/v1', 'two words', 'true', 'null', '0x1f', '.5', 'ä'),
  fc.constantFrom(
    '--quick',
    '-q',
    '--no-check',
    '--json',
    '--lines',
    '-n',
    '5',
    '0',
    '05',
    '--level',
    'warn',
    'loud',
    '--grep',
    '-g',
    'a=b',
  ),
  fc.constantFrom(
    '--grep=x',
    '--quick=false',
    '-qn',
    '-n5',
    '--',
    '-',
    '',
    '--nope',
    '--lin',
    '-1',
    '--no-quick',
    '__proto__',
    '--__proto__',
  ),
  fc.string({ maxLength: 6 }),
);

describe('readPlainArguments', () => {
  it('reads what it reads as yargs does', async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        const plain = readPlainArguments(example, words);
        if (plain === null) return;
        read += 1;
        const full = await readFullArguments(example, words);
        assert.ok(full.ok, `yargs refuses ${JSON.stringify(words)}: ${full.ok ? '' : full.error}`);
        assert.equal(full.value.kind, 'input');
        assert.deepEqual(full.value.kind === 'input' ? full.value.input : null, plain);
      }),
      { numRuns: 500 },
    );
    assert.ok(read > 20, `only ${read} of 500 were plain`);
  });

  it('leaves every mistake and every rarer form to yargs', () => {
    for (const words of [
      [],
      ['a', '--nope'],
      ['a', '--lines', 'x'],
      ['a', '--level', 'loud'],
      ['a', '--grep=x'],
      ['a', '--help'],
      ['a', '-n', '1', '-n', '2'],
    ]) {
      assert.equal(readPlainArguments(example, words), null, words.join(' '));
    }
  });
});

describe('readFullArguments', () => {
  async function mistake(...words: string[]): Promise<string> {
    const full = await readFullArguments(example, words);
    assert.ok(!full.ok, words.join(' '));
    return full.error;
  }

  it('names what is wrong and what to write', async () => {
    assert.match(await mistake(), /^<one> is missing\. Usage: animus example <one> \[maybe\] \[rest…\] \[options\]$/);
    assert.match(await mistake('a', '--no-chek'), /has no option --no-chek; did you mean --no-check\?/);
    assert.match(await mistake('a', '--level', 'loud'), /--level takes warn, error, not "loud"/);
    assert.match(await mistake('a', '--lines', 'many'), /--lines takes a whole number, not "many"/);
    assert.match(await mistake('a', '--grep'), /grep/);
  });

  it('reads the rarer forms', async () => {
    const full = await readFullArguments(example, ['--grep=x', '-n5', 'a', '--', '-b']);
    assert.ok(full.ok && full.value.kind === 'input');
    assert.deepEqual(
      { ...full.value.input },
      { one: 'a', maybe: '-b', rest: [], quick: false, 'no-check': false, lines: 5, level: null, grep: 'x', json: false },
    );
  });
});

describe('every command', () => {
  for (const [name, load] of Object.entries(COMMANDS)) {
    it(`${name} has a summary, examples of its own and help that shows them`, async () => {
      const command = await load();
      assert.equal(command.name, name);
      assert.ok(command.examples.length > 0);
      for (const { line } of command.examples) assert.match(line, new RegExp(`animus ${name}\\b`));
      if (command.kind === 'delegated') return;
      const full = await readFullArguments(command, ['--help']);
      assert.ok(full.ok && full.value.kind === 'help');
      for (const option of Object.keys(command.options)) assert.ok(full.value.text.includes(`--${option}`), option);
      for (const { line } of command.examples) assert.ok(full.value.text.includes(line), line);
    });
  }
});

describe('nearestOf', () => {
  it('finds the word that was meant, or none', () => {
    const known = ['health', 'status', 'stop', 'start', 'up', 'down'];
    assert.equal(nearestOf('helth', known), 'health');
    assert.equal(nearestOf('satrt', known), 'start');
    assert.equal(nearestOf('pu', known), 'up');
    assert.equal(nearestOf('STOP', known), 'stop');
    assert.equal(nearestOf('deploy', known), null);
    assert.equal(nearestOf('x', []), null);
  });
});
