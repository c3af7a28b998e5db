import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { storeAttachment } from './store.ts';
import { findLink, uploadImage } from './upload.ts';

const folder = mkdtempSync(join(tmpdir(), 'upload-'));
after(() => rmSync(folder, { recursive: true }));
const CONTENT = Buffer.from([0, 1, 2, 13, 10, 255]);
const NEVER = new AbortController().signal;

async function uploadTo(listener: RequestListener, path = '/up'): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const stored = await storeAttachment(folder, CONTENT, { largestBytes: 1000 });
    assert.ok(stored.kind === 'stored');
    const { port } = server.address() as AddressInfo;
    const link = await uploadImage(folder, stored.attachment, `http://127.0.0.1:${port}${path}`, NEVER);
    return link.ok ? link.value : `failed: ${link.error}`;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a file is posted as a form, and the link that comes back is given', async () => {
  let seen = Buffer.alloc(0);
  const link = await uploadTo((request, response) => {
    void buffer(request).then((body) => {
      seen = body;
      response.end(JSON.stringify({ status: 'success', data: { url: 'https://host/1.png' } }));
    });
  });
  assert.equal(link, 'https://host/1.png');
  assert.match(seen.toString('latin1'), /^--\S+\r\nContent-Disposition: form-data; name="file"; filename="[0-9a-f]{64}\.bin"\r\n/);
  assert.ok(seen.includes(CONTENT));
});

test('a host that fails, redirects, gives no link or hangs up gives no link', async () => {
  assert.match(await uploadTo((_request, response) => void response.writeHead(500).end()), /^failed: .*status 500/);
  assert.match(await uploadTo((_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1/' }).end()), /status 302/);
  assert.match(await uploadTo((_request, response) => void response.end('<html>')), /^failed: .*no link/);
  assert.match(await uploadTo((request) => void request.socket.destroy()), /^failed/);
});

test('a link is taken from text or JSON, and can neither end its line nor be anything but a web address', () => {
  assert.equal(findLink(' https://0x0.st/a.png\n'), 'https://0x0.st/a.png');
  assert.equal(findLink('{"link":"http://host/x"}'), 'http://host/x');
  assert.equal(findLink('https://host/a]b[c'), 'https://host/a%5Db%5Bc');
  for (const bad of [
    '',
    'ok',
    '{}',
    'null',
    '[1]',
    'javascript:alert(1)',
    'https://host/a b',
    '{"url":7}',
    `https://host/${'x'.repeat(3000)}`,
  ]) {
    assert.equal(findLink(bad), null, bad);
  }
});
