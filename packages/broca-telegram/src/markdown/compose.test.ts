import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compose, dataImage, isStoredFile, readForm } from './compose.ts';
import { readHtml } from './from-html.ts';
import { readMarkdownV2 } from './from-markdown-v2.ts';

const RULES = { parseMode: 'markdown', fileAbove: null } as const;

test('a stored part is sent as it was made, whatever settings say by then', () => {
  const [part] = compose('**a** b', RULES);
  assert.ok(part);
  assert.deepEqual(readForm(part.text, part.form, { parseMode: 'plain', fileAbove: 1 }), {
    text: 'a b',
    form: { kind: 'text', entities: [{ type: 'bold', offset: 0, length: 1 }] },
  });
});

test('a part that was stored without this channel is made now, and goes as a file when it does not fit', () => {
  assert.deepEqual(readForm('**a**', null, RULES), {
    text: 'a',
    form: { kind: 'text', entities: [{ type: 'bold', offset: 0, length: 1 }] },
  });
  assert.deepEqual(readForm('x '.repeat(4_000), 'not ours', RULES).form, { kind: 'file', name: 'reply.txt' });
});

test('only what came in with a message is sent from the agent’s folder', () => {
  for (const path of ['attachments/ab12.png', 'attachments/2026/11/ab12.png']) assert.equal(isStoredFile(path), true, path);
  for (const path of [
    '.env',
    '../attachments/x',
    'attachments/../.env',
    'attachments/.hidden',
    '/attachments/x',
    'attachments/',
    'animus.db',
  ]) {
    assert.equal(isStoredFile(path), false, path);
  }
  assert.deepEqual(compose('![key](.env)', RULES)[0]?.text, 'key (.env)');
  assert.equal(dataImage('data:text/html;base64,AAAA'), null);
});

test('MarkdownV2 is read as Telegram reads it, and is none when Telegram would refuse it', () => {
  const read = readMarkdownV2('*a _b_* __c__ ~d~ ||e|| `f_` [g](https://x.y/\\)) \\.\n>q\n>r');
  assert.deepEqual(
    read?.entities.map(({ type, offset, length }) => [type, read.text.slice(offset, offset + length)]),
    [
      ['bold', 'a b'],
      ['italic', 'b'],
      ['underline', 'c'],
      ['strike', 'd'],
      ['spoiler', 'e'],
      ['code', 'f_'],
      ['link', 'g'],
      ['quote', 'q\nr'],
    ],
  );
  for (const wrong of ['a.', '*open', '[x](y', '_a*b_', '`x', 'a > b']) assert.equal(readMarkdownV2(wrong), null, wrong);
});

test('HTML is read as Telegram reads it; tags that do not match make it plain', () => {
  const read = readHtml('<b>a <i>b</i></b><pre><code class="language-py">x &lt; 1</code></pre><span class="tg-spoiler">s</span>');
  assert.deepEqual(
    read?.entities.map(({ type, offset, length, language }) => [type, read.text.slice(offset, offset + length), language]),
    [
      ['bold', 'a b', undefined],
      ['italic', 'b', undefined],
      ['pre', 'x < 1', 'py'],
      ['spoiler', 's', undefined],
    ],
  );
  for (const wrong of ['<b>a', 'a</b>', '<b><i>a</b></i>', '<script>a</script>', 'a < b']) assert.equal(readHtml(wrong), null, wrong);
  assert.equal(compose('a < b', { parseMode: 'html', fileAbove: null })[0]?.text, 'a < b');
});
