import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { legal } from './formatted.ts';
import { readMarkdown } from './from-markdown.ts';
import { splitFormatted } from './split-policy.ts';

/** `text`, and each entity as `type "what it marks"`. */
function show(markdown: string): { text: string; marks: string[] } {
  const segments = readMarkdown(markdown);
  const [first] = segments;
  assert.ok(first?.kind === 'text' && segments.length === 1, JSON.stringify(segments));
  const { text, entities } = first.formatted;
  return {
    text,
    marks: entities.map(({ type, offset, length, url, language }) =>
      [type, JSON.stringify(text.slice(offset, offset + length)), url, language].filter((one) => one !== undefined && one !== '').join(' '),
    ),
  };
}

const CASES: readonly [name: string, markdown: string, text: string, marks: string[]][] = [
  [
    'nested emphasis',
    '**bold and *both* again** and _it_',
    'bold and both again and it',
    ['bold "bold and both again"', 'italic "both"', 'italic "it"'],
  ],
  [
    'what is no markup stays',
    'snake_case_name, 2 * 3 * 4, a_b_c, x || y, ~5 to ~6',
    'snake_case_name, 2 * 3 * 4, a_b_c, x || y, ~5 to ~6',
    [],
  ],
  ['addresses', 'see https://a.b/c_d_e?f=g*h and me@x.org', 'see https://a.b/c_d_e?f=g*h and me@x.org', []],
  [
    'links',
    '[the **page**](https://a.b/c_(d)) [file](./x.md) [x](javascript:alert(1))',
    'the page file (./x.md) x (javascript:alert(1))',
    ['link "the page" https://a.b/c_(d)', 'bold "page"'],
  ],
  ['code keeps what is in it', '`**x** _y_ <b>` and ``a ` b``', '**x** _y_ <b> and a ` b', ['code "**x** _y_ <b>"', 'code "a ` b"']],
  ['emphasis does not reach into code', '**see `x` there**', 'see x there', ['bold "see "', 'code "x"', 'bold " there"']],
  [
    'a fence',
    'So:\n\n```python\ndef f(x):\n    return x  # **no**\n```\n\nDone.',
    'So:\n\ndef f(x):\n    return x  # **no**\n\nDone.',
    ['pre "def f(x):\\n    return x  # **no**" python'],
  ],
  ['a fence within a list', '1. First\n   ```sh\n   ls -l\n   ```\n2. Second', '1. First\nls -l\n2. Second', ['pre "ls -l" sh']],
  ['a fence that never ends', '```js\nlet x = 1;', 'let x = 1;', ['pre "let x = 1;" js']],
  ['lists', '- a\n- b\n  - c\n    1. d\n\ntext', '• a\n• b\n   • c\n      1. d\n\ntext', []],
  ['a list that begins elsewhere', '7. a\n8. b', '7. a\n8. b', []],
  ['tasks', '- [ ] to do\n- [x] done', '☐ to do\n☑ done', []],
  ['headings', '# Title\n\ntext\n\n## Next *one*', 'Title\n\ntext\n\nNext one', ['bold "Title"', 'bold "Next one"', 'italic "one"']],
  ['quotes', '> said\n> twice\n>\n> > deep\n\nme', 'said\ntwice\n\ndeep\n\nme', ['quote "said\\ntwice\\n\\ndeep"']],
  ['spoilers', 'it is ||the *butler*||', 'it is the butler', ['spoiler "the butler"', 'italic "butler"']],
  ['struck', '~~gone~~ and ~not~', 'gone and ~not~', ['strike "gone"']],
  [
    'html',
    'H<sub>2</sub>O <u>under</u> <b>bold</b> &lt;tag&gt; a<br>b <think>x</think>',
    'H2O under bold <tag> a\nb <think>x</think>',
    ['underline "under"', 'bold "bold"'],
  ],
  ['a rule', 'a\n\n---\n\nb', 'a\n\n———\n\nb', []],
  ['line breaks', 'one\ntwo  \nthree\\\nfour', 'one\ntwo\nthree\nfour', []],
  ['escapes', '\\*not bold\\* 1\\. x', '*not bold* 1. x', []],
  ['right to left', '**שלום** עולם `قيمة` *مرحبا*', 'שלום עולם قيمة مرحبا', ['bold "שלום"', 'code "قيمة"', 'italic "مرحبا"']],
  ['emoji', '👩‍👩‍👧 **ok 👍🏽** 🇩🇪', '👩‍👩‍👧 ok 👍🏽 🇩🇪', ['bold "ok 👍🏽"']],
  [
    'a narrow table',
    '| a | n |\n|---|--:|\n| **x** | 1 |\n| y | 22 |',
    'a   n\n─  ──\nx   1\ny  22',
    ['pre "a   n\\n─  ──\\nx   1\\ny  22"'],
  ],
  [
    'a wide table',
    '| Name | What it does for you |\n|---|---|\n| **first** | something that takes a long while |\n| second | `more` of it, and longer |',
    'first\nWhat it does for you: something that takes a long while\n\nsecond\nWhat it does for you: more of it, and longer',
    ['bold "first"', 'bold "second"', 'code "more"'],
  ],
];

for (const [name, markdown, text, marks] of CASES) {
  test(`Markdown: ${name}`, () => {
    assert.deepEqual(show(markdown), { text, marks });
  });
}

test('images that stand alone are sent by themselves, in their place; others are links', () => {
  const segments = readMarkdown('Look:\n\n![a *cat*](https://x.y/cat.png)\n\nand ![icon](https://x.y/i.png) here');
  assert.deepEqual(
    segments.map((segment) => (segment.kind === 'image' ? segment : segment.formatted.text)),
    ['Look:', { kind: 'image', href: 'https://x.y/cat.png', caption: 'a *cat*' }, 'and icon here'],
  );
});

const snippet = fc.constantFrom(
  '**',
  '*',
  '_',
  '__',
  '`',
  '```',
  '```py\n',
  '~~',
  '||',
  '[',
  '](https://a.b)',
  '](x)',
  '> ',
  '- ',
  '1. ',
  '# ',
  '| a | b |\n|---|---|\n',
  '\n',
  '\n\n',
  '<b>',
  '</b>',
  '<',
  '>',
  '&amp;',
  '\\',
  '!',
  '![x](data:image/png;base64,AAAA)',
  '😀',
  'ש',
  'word',
  ' ',
  '    ',
  '---',
  '[x]: https://q.r',
);

test('whatever is written: entities are within the text, cut no character, and are as Telegram takes them', () => {
  fc.assert(
    fc.property(fc.array(snippet, { maxLength: 40 }), (pieces) => {
      for (const segment of readMarkdown(pieces.join(''))) {
        if (segment.kind === 'image') continue;
        const { text, entities } = segment.formatted;
        assert.ok(text.isWellFormed());
        for (const { offset, length } of entities) {
          assert.ok(offset >= 0 && length > 0 && offset + length <= text.length);
          assert.ok(text.slice(offset, offset + length).isWellFormed());
        }
        assert.deepEqual(legal(entities), entities);
      }
    }),
    { numRuns: 500 },
  );
});

test('words without markup come out as they went in', () => {
  const word = fc.stringMatching(/^[\p{L}\p{N}]{1,12}$/u);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), (words) => {
      const written = words.join(' ');
      assert.deepEqual(show(written), { text: written, marks: [] });
    }),
  );
});

test('an answer of 20 000 characters, with everything in it, becomes messages that together say all of it', () => {
  const chapter = (number: number): string =>
    [
      `## ${number}. About *things*`,
      `A paragraph with **bold**, \`code_${number}\`, a [link](https://example.org/${number}) and snake_case_words. `.repeat(4),
      `- one ${number}\n- two\n  \`\`\`ts\n  const x_${number} = { a: [1, 2, 3] };\n  \`\`\`\n- three 🎉`,
      `> A quote of ${number}\n> in two lines`,
      `| k | v |\n|---|---|\n| ${number} | ${number * 2} |`,
    ].join('\n\n');
  const markdown = Array.from({ length: 40 }, (_, index) => chapter(index)).join('\n\n');
  assert.ok(markdown.length > 20_000);
  const [segment, ...more] = readMarkdown(markdown);
  assert.ok(segment?.kind === 'text' && more.length === 0);
  const parts = splitFormatted(segment.formatted);
  assert.ok(parts.length >= 4 && parts.every(({ text }) => text.length <= 4096));
  assert.equal(
    parts
      .map(({ text }) => text)
      .join('')
      .replace(/\s/g, ''),
    segment.formatted.text.replace(/\s/g, ''),
  );
  const blocks = parts.flatMap(({ text, entities }) =>
    entities.filter(({ language }) => language === 'ts').map(({ offset, length }) => text.slice(offset, offset + length)),
  );
  assert.deepEqual(
    blocks,
    Array.from({ length: 40 }, (_, index) => `const x_${index} = { a: [1, 2, 3] };`),
  );
});
