/**
 * Types every command that README and docs/ show, in their order, into a shell: one home, which begins with README's first
 * command, and the Letta simulator for api.letta.com. What a page shows as output must come out.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { type LettaSimulator, type Script, snapshotRepository, startLettaSimulator } from 'animus-testkit';
import { type CommandBlock, differsFrom, readPage } from './page.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PAGES = ['README.md', 'docs/cli.md', 'docs/configuration.md', 'docs/channels.md', 'docs/control-api.md', 'docs/operations.md'];
const AGENT = { id: 'agent-721679f6-c8af-4e01-8677-dc042dc80368', apiKey: 'sk-let-documented-0001' };
const LONGEST_PAGE_MS = 120_000;

/** Blocks marked `norun`, by their first line, and what holds them instead. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'npm start': 'the demo is a test of its own, and this is `npm test`',
  'npm ci': 'done before any test can run',
  'cp templates/plugin/webhook.ts ~/animus/agent-7216/plugins/': 'the same example, from the same place, in webhook.test.ts',
  'git clone . ~/my-broca': 'plugins of a clone are built by deploy.test.ts, the example runs in webhook.test.ts',
  'animus backup --encrypt age:age1… --to /mnt/usb --keep 14': 'there is nobody to encrypt for; encrypted in test/backup',
  'animus update 7216 --check': 'updated, and rolled back, in test/fleet/update.test.ts',
  'animus deploy 7216 --take-over': 'taken over in test/takeover',
  'animus send 7216 --attach photo.png "What is this?"': 'files are sent in test/broca/attachments.test.ts',
  'npm run telegram-library teleproto': 'it would change this checkout; the tests of test/telegram pass with either',
  'animus telegram 7216 login': 'there is no Telegram; logged in on a loopback one in test/telegram/login.test.ts',
  'animus settings 7216 set outbound.enabled true': 'there is no Telegram; sent through the spool in test/broca/outbound.test.ts',
  'animus service install --now': 'a test must not touch the machine it runs on; done with a stand-in in test/service.test.ts',
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'docs-'));
const home = path.join(folder, 'you');
let letta: LettaSimulator;

const script: Script = ({ text }) => {
  const said = text.replace(/^\[.*?\] /, '');
  const replies: Record<string, string> = {
    'How are you?': 'I am well, thank you.',
    'Are you still there?': 'Yes, I am.',
    'Is my order ready?': 'It is ready.',
  };
  return [{ kind: 'assistant', text: replies[said] ?? `You said: ${said}` }];
};

before(async () => {
  for (const name of ['you', 'tmp']) fs.mkdirSync(path.join(folder, name));
  letta = await startLettaSimulator({ agents: [AGENT], script });
});

after(async () => {
  await type('animus down || true').catch(() => undefined);
  await letta.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

test('every command of the documentation that is not run is named here', () => {
  const marked = PAGES.flatMap((page) => readPage(ROOT, page)).filter(({ marks }) => marks.length > 0);
  assert.deepEqual(
    marked.map(({ marks }) => marks.join(' ')),
    marked.map(() => 'norun'),
  );
  assert.deepEqual(marked.map(firstLine).sort(), Object.keys(NOT_RUN).sort());
});

for (const page of PAGES) {
  test(`the commands of ${page} do what it shows`, { timeout: LONGEST_PAGE_MS }, async () => {
    const blocks = readPage(ROOT, page).filter(({ marks }) => !marks.includes('norun'));
    // README ends with the fleet down; the other pages begin with it up.
    if (page !== 'README.md') await type('animus up -d');
    const { code, output } = await type(blocks.map(asScript).join('\n'));
    const printed = output.split('\u001e').slice(1);
    assert.equal(code, 0, `${page}, line ${blocks[printed.length - 1]?.line}: ended with ${code}\n${printed.at(-1)}`);
    for (const [index, { line, sample }] of blocks.entries()) {
      if (sample === null) continue;
      const difference = differsFrom(sample, printed[index] ?? '');
      assert.equal(difference, null, `${page}, line ${line}:\n${difference}\nall of it:\n${printed[index]}`);
    }
  });
}

test('npx finds the programs of the checkout', async () => {
  const { code, output } = await type('npx animus --version && npx broca --version', { hasNpx: true });
  assert.equal(code, 0, output);
  assert.match(output, /^\d+\.\d+\.\d+\n\d+\.\d+\.\d+\n$/m);
});

function firstLine({ body }: CommandBlock): string {
  return body.split('\n')[0] ?? '';
}

function asScript({ body }: CommandBlock): string {
  // Deploy clones what Animus runs from, as it is committed; under test is what stands in the folder.
  const follow = body.includes('animus init') ? '\nuse_snapshot' : '';
  return `printf '\\036'\n${body.replaceAll('https://api.letta.com', letta.url)}${follow}`;
}

type Typed = { code: number; output: string };

/** Runs a script as a person's shell would. `npx` takes a third of a second of its own, so it is passed over. */
async function type(text: string, { hasNpx = false } = {}): Promise<Typed> {
  const npx = hasNpx ? '' : 'npx() { "$@"; }\n';
  const snapshot = `use_snapshot() { sed -i 's|"repository": null|"repository": "${snapshotRepository(ROOT)}"|' ~/animus/animus.config.json; }\n`;
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_(OPTIONS|TEST_CONTEXT)$|^ANIMUS_HOME$/.test(name)),
  );
  const env = {
    ...environment,
    HOME: home,
    // npm leaves what V8 compiled of it in the temporary folder.
    TMPDIR: path.join(folder, 'tmp'),
    PATH: hasNpx ? process.env['PATH'] : `${path.join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}`,
    NO_COLOR: '1',
    ANIMUS_AGENT_KEY: AGENT.apiKey,
    npm_config_update_notifier: 'false',
  };
  return await new Promise((resolve) => {
    const shell = execFile(
      'bash',
      ['-c', `exec 2>&1\nset -euo pipefail\n${npx}${snapshot}${text}`],
      { cwd: ROOT, env, timeout: LONGEST_PAGE_MS, killSignal: 'SIGKILL' },
      (_error, stdout) => {
        const output = stdout.replaceAll(home, '/home/you').replaceAll(letta.url, 'https://api.letta.com');
        resolve({ code: shell.exitCode ?? 1, output });
      },
    );
    shell.stdin?.end();
  });
}
