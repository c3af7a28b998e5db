/** Who may import whom. Each rule guards a promise of docs/ or a boundary that a test could not see. */

const TEST = '\\.(test|fixture)\\.ts$|-contract\\.ts$|^test/|^packages/testkit/';
const OURS = '^(packages|scripts|test)/';

/** Forbids what `to` matches everywhere but in `except`. */
function onlyIn(name, comment, except, to) {
  return { name, comment, severity: 'error', from: { path: OURS, pathNot: [TEST, '^scripts/', ...except] }, to };
}

export default {
  forbidden: [
    { name: 'no-cycles', comment: 'A cycle has no bottom to start reading from.', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolved',
      comment: 'An import that leads nowhere, or a dependency that no package.json of its package names.',
      severity: 'error',
      from: { path: OURS },
      to: { couldNotResolve: true },
    },
    {
      name: 'protocol-is-a-leaf',
      comment: 'The words both sides share must not pull in either side.',
      severity: 'error',
      from: { path: '^packages/animus-protocol/' },
      to: { path: '^packages/(?!animus-protocol/)' },
    },
    {
      name: 'broca-knows-no-supervisor',
      comment: '`broca run` in an agent folder works alone.',
      severity: 'error',
      from: { path: '^packages/(broca-core|broca-telegram)/' },
      to: { path: '^packages/animus-supervisor/' },
    },
    {
      name: 'supervisor-talks-to-brocas-over-the-link',
      comment: 'Brocas of other versions are supervised; their code is not to be imported.',
      severity: 'error',
      from: { path: '^packages/animus-supervisor/src/', pathNot: TEST },
      to: { path: '^packages/broca-' },
    },
    {
      name: 'packages-by-name',
      comment: 'Packages reach each other through their index only.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/' },
      to: { path: '^packages/[^/]+/src/', pathNot: ['^packages/$1/', '^packages/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'policies-touch-nothing',
      comment: 'A policy decides from its arguments: no core module, no package.',
      severity: 'error',
      from: { path: '(-policy|/step|/prompt)\\.ts$' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    },
    onlyIn(
      'processes-are-started-in-few-places',
      'Whoever starts a process owns its end.',
      [
        '^packages/animus-supervisor/src/worker/process\\.ts$',
        '^packages/animus-supervisor/src/home/(git|release|runtime|doctor)\\.ts$',
        '^packages/animus-supervisor/src/home/archive/gpg\\.ts$',
        '^packages/animus-supervisor/src/schedule/start-backup\\.ts$',
        '^packages/animus-supervisor/src/cli/exec\\.ts$',
      ],
      { path: '^(node:)?child_process$|^execa$|node_modules/execa/' },
    ),
    onlyIn(
      'sqlite-in-the-store-only',
      'Everything else goes through a port, or through the Broca that owns the database.',
      [
        '^packages/broca-core/src/store/',
        '/sqlite-[^/]*\\.ts$',
        '^packages/animus-supervisor/src/fleet/lock\\.ts$',
        '^packages/animus-supervisor/src/home/(backup|database)[^/]*\\.ts$',
      ],
      { path: '^(node:)?sqlite$|^better-sqlite3$|node_modules/(@types/)?better-sqlite3/' },
    ),
    onlyIn(
      'telegram-at-its-edge',
      'The Telegram library is imported by its adapter only.',
      ['^packages/broca-telegram/src/client/library\\.ts$'],
      {
        path: '^telegram(/|$)|node_modules/telegram/',
      },
    ),
    onlyIn(
      'letta-client-at-its-edge',
      'The Letta library is imported by its adapter only.',
      ['^packages/broca-core/src/turn/letta-rest[^/]*\\.ts$'],
      {
        path: '^@letta-ai/|node_modules/@letta-ai/',
      },
    ),
    {
      name: 'nobody-imports-tests',
      comment: 'What ships must not need what tests it.',
      severity: 'error',
      from: { path: OURS, pathNot: [TEST, '^scripts/(demo|bench|chaos)'] },
      to: { path: `${TEST}|node_modules/fast-check/` },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^dist/', '^packages/[^/]+/dist/'] },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { conditionNames: ['import', 'node', 'default', 'types'], exportsFields: ['exports'] },
  },
};
