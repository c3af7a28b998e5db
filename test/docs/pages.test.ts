/** What README and docs/ name is there: files, headings, keys, units. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ENVIRONMENT_KEYS, loadBrocaConfig } from 'animus-protocol';
import { differsFrom } from './page.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PAGES = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })];

function read(page: string): string {
  return readFileSync(path.join(ROOT, page), 'utf8');
}

function isThere(name: string): boolean {
  return statSync(path.join(ROOT, name), { throwIfNoEntry: false }) !== undefined;
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const headings = read(page).matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

for (const page of PAGES) {
  test(`every link of ${page} leads somewhere`, () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)];
    const dead = links.filter(([, file = '', anchor]) => {
      const target = file === '' ? page : path.join(path.dirname(page), file);
      return !isThere(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    assert.deepEqual(
      dead.map(([link]) => link),
      [],
    );
  });
}

test('what README names in its table for contributors is there', () => {
  const table = read('README.md').split('## Where to look')[1] ?? '';
  const rows = [...table.matchAll(/^\| [^|]+ \| (`(?:packages|docs)\/.+) \|$/gm)].map(([, cell = '']) => cell);
  assert.ok(rows.length > 10);
  for (const cell of rows) {
    let folder = '';
    for (const [, name = ''] of cell.matchAll(/`([^` ]+)`/g)) {
      const file = name.includes('/') ? name : path.join(folder, name);
      folder = name.endsWith('/') ? name : path.dirname(file);
      assert.ok(globSync(file, { cwd: ROOT }).length > 0, `${file} (${cell})`);
    }
  }
});

test('README tells of every npm script', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const missing = Object.keys(scripts).filter((name) => !new RegExp(`\`npm (run )?${name}\``).test(read('README.md')));
  assert.deepEqual(missing, []);
});

test('docs/configuration.md has every key of .env, once, with the default that counts', () => {
  const section = /\n## \.env\n([\s\S]*?)\n## /.exec(read('docs/configuration.md'))?.[1] ?? '';
  const rows = [...section.matchAll(/^\| `([A-Z_]+)` \|.*\|([^|]*)\|$/gm)].map(([, key = '', standard = '']) => ({
    key,
    standard: standard.trim(),
  }));
  assert.deepEqual(
    rows.map(({ key }) => key),
    [...ENVIRONMENT_KEYS],
  );
  const environment = 'AGENT_ENDPOINT=https://api.letta.com\nAGENT_API_KEY=sk-let-0001\n';
  const { config } = loadBrocaConfig({ agentIdOfFolder: 'agent-x', environment, settings: null, fleet: null });
  assert.ok(config);
  const defaultOf = (key: string): string => rows.find((row) => row.key === key)?.standard ?? '';
  assert.equal(defaultOf('MESSAGE_MODE'), config.mode);
  assert.equal(defaultOf('QUEUE_REFRESH'), String(config.queueRefreshMs / 1000));
  assert.equal(defaultOf('MAX_RETRIES'), String(config.maxRetries));
  assert.equal(defaultOf('DEBUG_MODE'), String(config.debugMode));
  assert.equal(defaultOf('LOG_LEVEL'), config.logLevel);
  const seconds = Number(defaultOf('LONG_TASK_MAX_WAIT')) + Number(defaultOf('MESSAGE_PROCESS_TIMEOUT_BUFFER'));
  assert.equal(seconds, config.turnTimeoutMs / 1000);
});

test('output is compared line by line, whatever the numbers in it', () => {
  assert.equal(differsFrom('pid 1, up 2 min 3 s  12.0 %\nend', 'pid 99, up 4 s   -\nend\n'), null);
  assert.equal(differsFrom('first\n…\nlast', 'first\na\nb\nlast'), null);
  assert.equal(differsFrom('a … b', 'a much b'), null);
  assert.match(differsFrom('one\ntwo', 'one\nthree') ?? '', /shown: two\nprinted: three/);
  assert.match(differsFrom('one', 'one\ntwo') ?? '', /printed: two/);
  assert.match(differsFrom('one\n…\ntwo', 'one\nthree') ?? '', /shown: two/);
  assert.match(differsFrom('a … b', 'a much c') ?? '', /shown/);
});
