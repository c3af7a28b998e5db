import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEndpoint } from './endpoint.ts';

const TAKEN: [string, string][] = [
  ['https://api.letta.com', 'https://api.letta.com'],
  ['https://api.letta.com/', 'https://api.letta.com'],
  ['https://api.letta.com/v1', 'https://api.letta.com'],
  ['https://api.letta.com/v1/', 'https://api.letta.com'],
  ['https://letta.example.org/api/v1', 'https://letta.example.org/api'],
  ['https://letta.example.org/api/v1/', 'https://letta.example.org/api'],
  ['https://letta.example.org/api', 'https://letta.example.org/api'],
  ['http://localhost:8283', 'http://localhost:8283'],
  ['http://127.0.0.1:8283/v1', 'http://127.0.0.1:8283'],
  ['http://[::1]:8283/', 'http://[::1]:8283'],
  ['HTTPS://API.Letta.com:443/v1', 'https://api.letta.com'],
  ['  https://api.letta.com\n', 'https://api.letta.com'],
];
for (const [written, normal] of TAKEN) {
  test(`endpoint ${JSON.stringify(written)} is taken`, () => assert.deepEqual(parseEndpoint(written), { ok: true, value: normal }));
}

const REFUSED: [string, RegExp][] = [
  ['', /missing.*https:\/\/api\.letta\.com/],
  ['api.letta.com', /did you mean https:\/\/api\.letta\.com\?/],
  ['letta.example.org/api/v1', /did you mean https:\/\/letta\.example\.org\/api\?/],
  ['localhost:8283', /did you mean http:\/\/localhost:8283\?/],
  ['app.letta.com', /begins with https/],
  ['ws://127.0.0.1:4500', /not supported yet/],
  ['wss://letta.example.org', /not supported yet/],
  ['ftp://letta.example.org', /https:\/\/ or http:\/\//],
  ['https://app.letta.com', /did you mean https:\/\/api\.letta\.com\?/],
  ['https://app.letta.com/agents/agent-1?view=chat', /did you mean https:\/\/api\.letta\.com\?/],
  ['https://docs.letta.com', /did you mean https:\/\/api\.letta\.com\?/],
  ['https://api.letta.com/v1/agents', /did you mean https:\/\/api\.letta\.com\?/],
  ['https://api.letta.com/v2', /did you mean https:\/\/api\.letta\.com\?/],
  ['https://api.letta.com/v1?key=1', /did you mean https:\/\/api\.letta\.com\?/],
  ['https://letta.example.org/api/v1#x', /did you mean https:\/\/letta\.example\.org\/api\?/],
  ['https://api.letta.com/?', /"\?" or "#"/],
  ['https://ann:hunter22@letta.example.org', /no user or password/],
  ['https://', /not an address/],
  ['https://a b.org', /no spaces/],
  ['https://a.org/\u0000', /control characters/],
  ['https://your-letta-instance.com/api/v1', /template's example/],
];
for (const [written, reason] of REFUSED) {
  test(`endpoint ${JSON.stringify(written)} is refused with advice`, () => {
    const parsed = parseEndpoint(written);
    assert(!parsed.ok);
    assert.match(parsed.error, reason);
    assert(!parsed.error.includes('hunter22'));
  });
}

test('the normal form is its own normal form, with or without /v1 behind it', () => {
  const path = fc.constantFrom('', '/', '/v1', '/v1/', '/api', '/api/v1');
  fc.assert(
    fc.property(fc.webAuthority(), path, fc.constantFrom('http', 'https'), (authority, tail, scheme) => {
      const parsed = parseEndpoint(`${scheme}://${authority}${tail}`);
      fc.pre(parsed.ok);
      if (!parsed.ok) return;
      for (const again of ['', '/', '/v1', '/v1/']) assert.deepEqual(parseEndpoint(parsed.value + again), parsed);
    }),
  );
});
