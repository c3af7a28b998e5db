/** What goes out: replies of the agent, as a person sees them in Telegram. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Script, startLettaSimulator } from 'animus-testkit';
import { openTelegramRig, type RigRequest } from './rig.ts';

const AGENT = { id: 'agent-test', apiKey: 'key' };

/** An agent that says what its script says to each message. */
async function openLive(t: Parameters<typeof openTelegramRig>[0], say: Script, request: RigRequest = {}) {
  const letta = await startLettaSimulator({ agents: [AGENT], script: say });
  t.after(async () => await letta.close());
  return await openTelegramRig(t, { letta: letta.url, settings: { message_mode: 'live' }, ...request });
}

test('Markdown becomes entities, code keeps its language, long replies become several messages', async (t) => {
  const answer = `Hello **you**, see [this](https://example.org/a_b).\n\n\`\`\`python\nprint("**no**")\n\`\`\`\n\n${'A long paragraph of words. '.repeat(250)}`;
  const { telegram, bot, owner, start } = await openLive(t, () => [{ kind: 'assistant', text: answer }]);
  await using _broca = await start();
  telegram.pushText(owner, bot, 'hi');
  const [first, second] = [await telegram.sent({ by: bot }), await telegram.sent({ by: bot, number: 2 })];
  assert.ok(first.text.startsWith('Hello you, see this.\n\nprint("**no**")\n\nA long'));
  assert.deepEqual(
    first.entities.map(({ kind, offset, length, url, language }) => [kind, first.text.slice(offset, offset + length), url ?? language]),
    [
      ['Bold', 'you', undefined],
      ['TextUrl', 'this', 'https://example.org/a_b'],
      ['Pre', 'print("**no**")', 'python'],
    ],
  );
  assert.ok(first.text.length <= 4096 && second.text.length <= 4096);
  assert.equal(telegram.sentTo(owner, bot).length, 2);
  assert.ok(telegram.typing.some(({ by }) => by === bot.id));
});

test('a reply that is longer than anybody reads in a chat goes as a file', async (t) => {
  const answer = `# Report\n\n${'All about it. '.repeat(200)}The end.`;
  const { telegram, bot, owner, start } = await openLive(t, () => [{ kind: 'assistant', text: answer }], {
    telegram: { file_above: 1000 },
  });
  await using _broca = await start();
  telegram.pushText(owner, bot, 'report');
  const sent = await telegram.sent({ by: bot });
  const file = telegram.fileOf(sent);
  assert.deepEqual([file?.name, file?.mimeType, file?.bytes.toString()], ['reply.md', 'text/markdown', answer]);
  assert.match(sent.text, /^# Report\n\nAll about it.*…$/s);
});

test('images of the agent are sent as photos; one that Telegram cannot fetch as its address', async (t) => {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const answer = `Here:\n\n![a dot](data:image/png;base64,${png})\n\n![gone](https://example.org/gone.png)`;
  const { telegram, bot, owner, start } = await openLive(t, () => [{ kind: 'assistant', text: answer }]);
  await using _broca = await start();
  telegram.fault({ kind: 'refuse', method: 'messages.sendMedia', code: 400, error: 'WEBPAGE_CURL_FAILED', skip: 1 });
  telegram.pushText(owner, bot, 'draw');
  await telegram.sent({ by: bot, number: 3 });
  const [text, dot, gone] = telegram.sentTo(owner, bot);
  assert.ok(text && dot && gone);
  assert.deepEqual([text.text, dot.text, gone.text], ['Here:', 'a dot', 'gone\nhttps://example.org/gone.png']);
  assert.deepEqual([telegram.fileOf(dot)?.isPhoto, telegram.fileOf(dot)?.bytes.toString('base64')], [true, png]);
});

for (const [mode, said, text, kinds] of [
  ['MarkdownV2', '*bold* 1\\. _it_', 'bold 1. it', ['Bold', 'Italic']],
  ['MarkdownV2', 'plain. **bold**!', 'plain. bold!', ['Bold']],
  ['HTML', '<b>bold</b> &lt;', 'bold <', ['Bold']],
  ['plain', '**as it is**', '**as it is**', []],
] as const) {
  test(`parse_mode ${mode}: ${said}`, async (t) => {
    const { telegram, bot, owner, start } = await openLive(t, () => [{ kind: 'assistant', text: said }], {
      telegram: { parse_mode: mode },
    });
    await using _broca = await start();
    telegram.pushText(owner, bot, 'x');
    const sent = await telegram.sent({ by: bot });
    assert.deepEqual([sent.text, sent.entities.map(({ kind }) => kind)], [text, kinds]);
  });
}
