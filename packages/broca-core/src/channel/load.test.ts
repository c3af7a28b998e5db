import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as v from 'valibot';
import type { Inbound, Part, Receipt } from '../message.ts';
import type { Channel, ChannelContext, ChannelPlugin } from './channel.ts';
import type { LoadedChannel } from './guard.ts';
import { type Channels, type ChannelsRequest, createChannels } from './load.ts';

const root = mkdtempSync(join(tmpdir(), 'broca-load-'));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

/** An agent's folder that holds these files. */
function agentFolder(files: Record<string, string>): string {
  folders += 1;
  const folder = join(root, String(folders));
  mkdirSync(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** The source of a plugin; `members` replaces what a good one has. */
function source(name: string, members = ''): string {
  const schema = "{ '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }";
  return `export default { name: '${name}', title: 'T ${name}', capabilities: { idempotent: true, longestPart: 10, markup: 'plain' },
    enabledByDefault: true, settings: ${schema},
    create: (context) => ({ start: async () => {}, stop: async () => {}, deliver: async () => ({ kind: 'delivered' }) }), ${members} };`;
}

type Seen = { channels: Channels; received: Inbound[]; states: string[]; failures: unknown[]; changes: unknown[] };

async function load(folder: string, plugins: ChannelsRequest['plugins'], more: Partial<ChannelsRequest> = {}): Promise<Seen> {
  const seen: Omit<Seen, 'channels'> = { received: [], states: [], failures: [], changes: [] };
  const channels = await createChannels({
    plugins,
    environment: { MINE: 'mine', AGENT_API_KEY: 'secret' },
    folder,
    releaseFolder: null,
    builtIn: [],
    log: { info: () => undefined, warn: () => undefined, error: (event, fields) => void seen.failures.push({ event, ...fields }) },
    receiveAll: (inbounds, changes) => {
      if (changes !== undefined) seen.changes.push(changes);
      return inbounds.map((inbound): Receipt => {
        seen.received.push(inbound);
        return { kind: 'stored', turnId: 1 };
      });
    },
    isIgnored: () => false,
    stateOf: (channel) => ({ get: (key) => `${channel} ${key}`, list: () => [], put: (changes) => seen.changes.push(changes) > 0 }),
    storeAttachment: async (source, name) => ({
      kind: 'stored',
      attachment: { path: 'x', type: 'x', bytes: source instanceof Uint8Array ? source.length : -1, name: name ?? 'none' },
    }),
    onState: (channel) => void seen.states.push(`${channel.name} ${channel.health().state}`),
    ...more,
  });
  return { ...seen, channels };
}

const ON = { enabled: true, settings: {} };
const PART: Part = {
  channel: 'a',
  account: '',
  chat: 'c',
  turnId: 1,
  number: 1,
  count: 1,
  inReplyTo: null,
  text: 't',
  form: null,
  key: '1',
  firstSentAt: null,
};

function only({ channels }: Seen): LoadedChannel {
  const [channel] = channels.list();
  assert.ok(channel !== undefined && channels.list().length === 1);
  return channel;
}

test('a plugin that settings do not switch on is not imported', async () => {
  const throwing = 'throw new Error("imported");';
  const folder = agentFolder({ 'plugins/off.mjs': throwing, 'plugins/unsaid.mjs': throwing, 'plugins/unmentioned.mjs': throwing });
  const seen = await load(folder, { off: { enabled: false, settings: {} }, unsaid: { enabled: null, settings: { a: 1 } } });
  assert.deepEqual(seen.channels.list(), []);
  assert.deepEqual(
    seen.channels.problems.map(({ key, severity }) => [key, severity]),
    [['plugins.unsaid.enabled', 'warning']],
    'one that was set up and never switched on is pointed out',
  );
});

test('plugins are found in the clone and in the agent folder, as files and as folders; a release has its own', async () => {
  const folder = agentFolder({
    'broca/plugins/one.mjs': source('one'),
    'broca/plugins/two/index.js': source('two'),
    'broca/plugins/two/package.json': '{"type":"module"}',
    'plugins/three.ts': source('three'),
    'plugins/one.mjs': 'throw new Error("the second of the same name");',
    'plugins/four.test.ts': 'throw new Error("a test");',
    'plugins/notes/readme.md': '',
    'release/plugins/five.mjs': source('five'),
  });
  const all = { one: ON, two: ON, three: ON, four: ON, five: ON };
  const seen = await load(folder, all);
  assert.deepEqual(
    seen.channels.list().map((channel) => `${channel.name} ${channel.health().reason ?? 'works'}`),
    ['one works', 'two works', 'three works'],
  );
  assert.ok(seen.channels.problems.some(({ file, message }) => file === join(folder, 'plugins/one.mjs') && message.includes('same name')));
  assert.ok(seen.channels.problems.some(({ key }) => key === 'plugins.five'));

  const released = await load(folder, all, { releaseFolder: join(folder, 'release') });
  assert.deepEqual(
    released.channels.list().map(({ name }) => name),
    ['five'],
  );
});

const BROKEN: [string, string, RegExp][] = [
  ['a syntax error', 'export default {', /cannot be imported/],
  ['a throw', 'throw new Error("no key");', /cannot be imported: no key/],
  ['no default export', 'export const a = 1;', /no default export/],
  [
    'the wrong shape',
    source('a', 'title: 7, capabilities: { idempotent: true, longestPart: 0 }'),
    /title must be a text; .*longestPart must be a whole number.*markup is missing/,
  ],
  ['a missing member', source('a', 'enabledByDefault: undefined'), /enabledByDefault is missing/],
  ['no schema', source('a', 'settings: {}'), /Standard Schema/],
  ['another name than its file', source('b'), /named b/],
  ['a throwing create', source('a', 'create() { throw new Error("not today"); }'), /create\(\) failed: not today/],
  ['a create without a channel', source('a', 'create: () => ({ start() {} })'), /no channel: stop is missing; deliver is missing/],
];
for (const [fault, text, reason] of BROKEN) {
  test(`a plugin with ${fault} is failed with its reason, and the others go on`, async () => {
    const folder = agentFolder({ 'plugins/a.mjs': text, 'plugins/z.mjs': source('z') });
    const { channels } = await load(folder, { a: ON, z: ON });
    await channels.start();
    const [a, z] = channels.list();
    assert.equal(a?.health().state, 'failed');
    assert.match(a?.health().reason ?? '', reason);
    assert.equal(a?.channel, null);
    assert.deepEqual(z?.health(), { name: 'z', state: 'up' });
  });
}

test('settings are parsed by the plugin, and each fault is named by its key', async () => {
  const builtIn: ChannelPlugin = {
    name: 'chatty',
    title: 'Chatty',
    capabilities: { idempotent: true, longestPart: null, markup: 'plain' },
    enabledByDefault: true,
    settings: v.object({ port: v.number(), inner: v.object({ host: v.string() }) }),
    create: () => assert.fail('not to be made'),
  };
  const seen = await load(agentFolder({}), { chatty: { enabled: null, settings: { port: 'x', inner: {} } } }, { builtIn: [builtIn] });
  assert.deepEqual(
    seen.channels.problems.map(({ file, key }) => [file, key]),
    [
      ['settings.json', 'plugins.chatty.port'],
      ['settings.json', 'plugins.chatty.inner.host'],
    ],
  );
  assert.equal(only(seen).health().state, 'failed');
});

test('a channel reaches what it is given and nothing else', async () => {
  const contexts: ChannelContext[] = [];
  const plugin: ChannelPlugin = {
    name: 'mine',
    title: 'Mine',
    capabilities: { idempotent: false, longestPart: null, markup: 'plain' },
    enabledByDefault: true,
    environment: ['MINE'],
    settings: v.object({}),
    create: (context) => {
      contexts.push(context);
      return {
        start: async () => context.setState('down', 'no network'),
        stop: async () => undefined,
        deliver: async () => assert.fail('it is failed'),
      };
    },
  };
  const seen = await load(agentFolder({}), {}, { builtIn: [plugin] });
  const [context] = contexts;
  assert.ok(context);
  await seen.channels.start();
  assert.deepEqual(
    only(seen).health(),
    { name: 'mine', state: 'down', reason: 'no network' },
    'what it said goes before what start() ended in',
  );
  assert.equal(context.environment('MINE'), 'mine');
  assert.equal(context.environment('AGENT_API_KEY'), undefined);

  const inbound: Inbound = {
    channel: 'spool',
    account: '',
    chat: 'c',
    externalId: '1',
    sender: { id: '7' },
    text: 'hi',
    attachments: [],
    at: 1,
  };
  assert.deepEqual(context.receive(inbound), { kind: 'stored', turnId: 1 });
  assert.equal(seen.received[0]?.channel, 'mine', 'a plugin speaks for itself only');
  assert.equal(context.receive({ ...inbound, chat: 7 as unknown as string }).kind, 'refused');

  const kept = await context.storeAttachment(new Uint8Array(3), { name: 'a' });
  assert.deepEqual(kept.kind === 'stored' && [kept.attachment.bytes, kept.attachment.name], [3, 'a']);
  assert.equal((await context.storeAttachment('text' as unknown as Uint8Array)).kind, 'refused');
  const path = '../.env';
  assert.equal(context.receive({ ...inbound, attachments: [{ path, type: 'image/png', bytes: 1 }] }).kind, 'refused', 'no other file');

  await seen.channels.stop();
  assert.equal(context.receive(inbound).kind, 'unavailable');
  assert.equal((await context.storeAttachment(new Uint8Array(3))).kind, 'unavailable');
  context.setState('up');
  assert.deepEqual(seen.states, ['mine down', 'mine stopped'], 'a stopped channel says nothing any more');
});

const DELIVERIES: [string, string, string][] = [
  ['throws', 'throw new Error("socket gone")', 'uncertain socket gone'],
  ['rejects', 'return Promise.reject(new Error("socket gone"))', 'uncertain socket gone'],
  ['gives no outcome', 'return { kind: "sent" }', 'uncertain the channel gave back no outcome'],
  ['never answers', 'return new Promise(() => {})', 'uncertain the channel did not answer in time'],
];
for (const [fault, body, expected] of DELIVERIES) {
  test(`a delivery that ${fault} is uncertain, and its channel goes on until it is the third in a row`, async () => {
    const deliver = `create: () => ({ start() {}, stop() {}, deliver() { ${body} } })`;
    const seen = await load(agentFolder({ 'plugins/a.mjs': source('a', deliver) }), { a: ON });
    await seen.channels.start();
    const { channel } = only(seen);
    // Two side by side count as one.
    for (const many of [2, 1, 1]) {
      assert.equal(only(seen).health().state, 'up');
      const outcomes = await Promise.all(Array.from({ length: many }, () => channel?.deliver(PART, AbortSignal.timeout(20))));
      for (const outcome of outcomes) assert.equal(outcome?.kind === 'uncertain' ? `uncertain ${outcome.reason}` : outcome?.kind, expected);
    }
    const { state, reason } = only(seen).health();
    assert.deepEqual([state, reason], ['failed', `deliver() failed 3 times in a row, at last: ${expected.replace('uncertain ', '')}`]);
    assert.equal((await channel?.deliver(PART, AbortSignal.timeout(20)))?.kind, 'down', 'what comes then waits');
  });
}

test('an outcome between failing deliveries begins the count anew', async () => {
  const body =
    'if (++globalThis.deliveries % 3 === 0) return { kind: "retry", afterMs: 0, reason: "later" }; throw new Error("socket gone")';
  const deliver = `create: () => ({ start() { globalThis.deliveries = 0 }, stop() {}, async deliver() { ${body} } })`;
  const seen = await load(agentFolder({ 'plugins/a.mjs': source('a', deliver) }), { a: ON });
  await seen.channels.start();
  for (let count = 0; count < 9; count += 1) await only(seen).channel?.deliver(PART, AbortSignal.timeout(1_000));
  assert.equal(only(seen).health().state, 'up');
});

test('a failing start stops the plugin; a failing prepare is passed on, for nothing was sent', async () => {
  const members = 'create: () => ({ start() { throw new Error("bad token") }, stop() { globalThis.stoppedA = true }, deliver() {} })';
  const prepare = 'create: () => ({ start() {}, stop() {}, deliver() {}, prepare() { throw new Error("disk full") } })';
  const seen = await load(agentFolder({ 'plugins/a.mjs': source('a', members), 'plugins/b.mjs': source('b', prepare) }), { a: ON, b: ON });
  await seen.channels.start();
  const [a, b] = seen.channels.list();
  assert.deepEqual(a?.health(), { name: 'a', state: 'failed', reason: 'start() failed: bad token' });
  assert.equal(Reflect.get(globalThis, 'stoppedA'), true);
  await assert.rejects(async () => await b?.channel?.prepare?.(PART), /disk full/);
});

test("a throw in a plugin's timer or forgotten promise stops that plugin; one of ours ends the process", { timeout: 20_000 }, async () => {
  const timer = 'create: () => ({ start() { setInterval(() => { throw new Error("tick") }, 5) }, stop() {}, deliver() {} })';
  const promise = 'create: () => ({ async start() { setTimeout(async () => { throw new Error("lost") }, 5) }, stop() {}, deliver() {} })';
  const ours = 'create: (c) => ({ async start() { setTimeout(() => { try { c.receive({}) } catch {} }, 60) }, stop() {}, deliver() {} })';
  const folder = agentFolder({
    'plugins/p.mjs': source('p', promise),
    'plugins/t.mjs': source('t', timer),
    'plugins/u.mjs': source(
      'u',
      ours.replace('{})', "{ account: '', chat: 'c', externalId: '1', sender: { id: '1' }, text: 't', attachments: [], at: 1 })"),
    ),
  });
  const program = spawn(process.execPath, [join(import.meta.dirname, 'guard-program.fixture.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  program.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = await once(program, 'close');
  assert.deepEqual(output.trim().split('\n').sort(), [
    'ours: the store is broken',
    'p it threw outside of any call: lost',
    't it threw outside of any call: tick',
  ]);
  assert.equal(code, 1);
});

test('what a channel composes is taken as it is, or not at all', async () => {
  let composed: unknown = [{ text: 'a', form: 'b' }];
  const plugin: ChannelPlugin = {
    name: 'mine',
    title: 'Mine',
    capabilities: { idempotent: true, longestPart: null, markup: 'markdown' },
    enabledByDefault: true,
    settings: v.object({}),
    create: (context) => ({
      start: async () => {
        context.receiveAll([], { place: '7', old: null });
        assert.equal(context.state.get('place'), 'mine place');
      },
      stop: async () => undefined,
      deliver: async () => ({ kind: 'delivered' }),
      compose: (text) => {
        if (composed === null) throw new Error(text);
        return composed as ReturnType<NonNullable<Channel['compose']>>;
      },
    }),
  };
  const seen = await load(agentFolder({}), {}, { builtIn: [plugin] });
  await seen.channels.start();
  assert.deepEqual(seen.changes, [{ channel: 'mine', changes: { place: '7', old: null } }]);
  assert.deepEqual(only(seen).compose('x'), composed);
  for (const wrong of [null, 'text', [{ text: 1, form: null }]]) {
    composed = wrong;
    assert.equal(only(seen).compose('x'), null);
  }
  assert.equal(only(seen).health().state, 'up', 'its text goes out all the same');
});

test('a channel that answers down is down until it takes a part or says up; that is logged when it begins and ends', async () => {
  const body = 'return globalThis.nobody ? { kind: "down", reason: "ECONNREFUSED" } : { kind: "delivered" }';
  const create = `create: (c) => ({ start() {}, stop() {}, nudge() { c.setState("up") }, async deliver() { ${body} } })`;
  const logged: string[] = [];
  const note = (event: string): void => void logged.push(event);
  const seen = await load(
    agentFolder({ 'plugins/a.mjs': source('a', create) }),
    { a: ON },
    { log: { info: note, warn: note, error: note } },
  );
  await seen.channels.start();
  const a = only(seen);
  const deliver = async (nobody: boolean): Promise<unknown> => {
    Object.assign(globalThis, { nobody });
    return await a.channel?.deliver(PART, AbortSignal.timeout(1_000));
  };
  const down = { name: 'a', state: 'down', reason: 'ECONNREFUSED' };
  for (const nobody of [true, true]) {
    await deliver(nobody);
    assert.deepEqual([a.health(), a.isUp], [down, true], 'it may be tried again');
  }
  await deliver(false);
  assert.deepEqual(a.health(), { name: 'a', state: 'up' });
  await deliver(true);
  a.nudge();
  assert.deepEqual(a.health(), { name: 'a', state: 'up' });
  assert.deepEqual(logged, ['channel-down', 'channel-takes-parts', 'channel-down', 'channel-takes-parts']);
  assert.deepEqual(seen.states, ['a up', 'a down', 'a up', 'a down', 'a up']);
});

test('a setting that a channel does not know is named, with the nearest that it knows', async () => {
  const plugin: ChannelPlugin = {
    name: 'mine',
    title: 'Mine',
    capabilities: { idempotent: false, longestPart: null, markup: 'plain' },
    enabledByDefault: true,
    settings: v.object({ poll_interval: v.optional(v.number()) }),
    create: () => ({ start: async () => undefined, stop: async () => undefined, deliver: async () => assert.fail() }),
  };
  const given = { mine: { enabled: null, settings: { poll_intervall: 3, colour: 'red' } }, a: { enabled: true, settings: { any: 1 } } };
  const seen = await load(agentFolder({ 'plugins/a.mjs': source('a') }), given, { builtIn: [plugin] });
  const message = 'unknown key, ignored';
  const about = { file: 'settings.json', severity: 'warning' };
  assert.deepEqual(seen.channels.problems, [
    { ...about, key: 'plugins.mine.poll_intervall', message: `${message}; did you mean plugins.mine.poll_interval?` },
    { ...about, key: 'plugins.mine.colour', message },
  ]);
});
