import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { isImage, sniffType } from './type-policy.ts';

const bytes = (...pieces: (string | number[] | Uint8Array)[]): Uint8Array =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : Buffer.from(piece))));

const PNG_HEAD = bytes([0x89], 'PNG\r\n', [0x1a, 0x0a], [0, 0, 0, 13], 'IHDR');
const IDAT = deflateSync(Buffer.from([0, 0]));

const KINDS: [string, Uint8Array, string][] = [
  ['a png', bytes(PNG_HEAD, [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0], IDAT), 'image/png'],
  ['a png without a size', bytes(PNG_HEAD, [0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0]), 'application/octet-stream'],
  ['the first bytes of a png and no more', bytes([0x89], 'PNG\r\n', [0x1a, 0x0a]), 'application/octet-stream'],
  ['a jpeg', bytes([0xff, 0xd8, 0xff, 0xe0, 0, 16], 'JFIF', [0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0xff, 0xd9]), 'image/jpeg'],
  ['the first bytes of a jpeg and no more', bytes([0xff, 0xd8, 0xff]), 'application/octet-stream'],
  ['a gif', bytes('GIF89a', [1, 0, 1, 0, 0, 0, 0]), 'image/gif'],
  ['a gif of an unknown version', bytes('GIF8?b', [1, 0, 1, 0, 0, 0, 0]), 'application/octet-stream'],
  ['a webp', bytes('RIFF', [26, 0, 0, 0], 'WEBPVP8L', [13, 0, 0, 0, 0x2f, 0, 0, 0]), 'image/webp'],
  ['a wav', bytes('RIFF', [26, 0, 0, 0], 'WAVEfmt '), 'audio/wav'],
  ['a pdf', bytes('%PDF-1.7\n'), 'application/pdf'],
  ['a zip, whatever is in it', bytes('PK', [3, 4], 'word/document.xml'), 'application/zip'],
  ['an mp4', bytes([0, 0, 0, 24], 'ftypisom'), 'video/mp4'],
  ['svg is text, and no picture', bytes('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'), 'text/plain'],
  ['html is text', bytes('<!DOCTYPE html><script>alert(1)</script>'), 'text/plain'],
  [
    'html that begins like a gif is what it begins like, without a size it is not',
    bytes('GIF89a', [0, 0, 0, 0], '<script>'),
    'application/octet-stream',
  ],
  ['html that says it is a png', bytes('image/png <html>'), 'text/plain'],
  ['zeros', new Uint8Array(4096), 'application/octet-stream'],
  ['text in UTF-8, cut inside a character', Buffer.from('grüß Gott ☃').subarray(0, -1), 'text/plain'],
  ['text that is no UTF-8', bytes('gr', [0xfc], 'n und so weiter'), 'application/octet-stream'],
  ['a script', bytes('#!/bin/sh\nrm -rf /\n'), 'text/plain'],
  ['an ELF program', bytes([0x7f], 'ELF', [2, 1, 1, 0]), 'application/octet-stream'],
];
for (const [name, head, type] of KINDS) test(name, () => assert.equal(sniffType(head).type, type));

test('only four kinds of pictures are shown', () => {
  assert.deepEqual(['image/png', 'image/jpeg', 'image/gif', 'image/webp'].map(isImage), [true, true, true, true]);
  assert.deepEqual(['image/svg+xml', 'text/html', 'application/octet-stream', 'image/PNG'].map(isImage), [false, false, false, false]);
});

test('any bytes at all have a type, and an extension that is safe in a file name', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (head) => {
      assert.match(sniffType(head).extension, /^[a-z0-9]{1,8}$/);
    }),
  );
});
