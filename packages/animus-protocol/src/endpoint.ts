/**
 * AGENT_ENDPOINT as people write it → the form that requests are made from: origin (and `/api` where
 * Letta stands behind it), no slash and no `/v1` at the end, so that `${endpoint}/v1/…` is right.
 */
import { failed, ok, type Result } from './result.ts';

const CLOUD = 'https://api.letta.com';
/** Letta's sites for people. They answer with pages, not with an agent. */
const DASHBOARDS = new Set(['letta.com', 'www.letta.com', 'app.letta.com', 'chat.letta.com', 'platform.letta.com', 'docs.letta.com']);
/** The host of the seed's example, which the template carries. */
const PLACEHOLDER_HOST = 'your-letta-instance.com';

/** The normal form, or an error that says what to write instead. The error never repeats a password. */
export function parseEndpoint(input: string): Result<string, string> {
  const text = input.trim();
  if (text === '') return failed(`an endpoint is missing: write Letta's address, for example ${CLOUD}`);
  if (hasUnprintable(text)) return failed(`an address has no spaces or control characters: write it as ${CLOUD}`);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return withoutScheme(text);
  if (scheme === 'ws' || scheme === 'wss') {
    return failed(`${scheme}:// (Letta's App Server) is not supported yet: use a Letta that speaks REST, as in ${CLOUD}`);
  }
  if (scheme !== 'http' && scheme !== 'https') return failed(`${scheme}:// is no address of a Letta: it begins with https:// or http://`);
  return parseHttpUrl(text);
}

function parseHttpUrl(text: string): Result<string, string> {
  if (!URL.canParse(text)) return failed(`this is not an address: write it as ${CLOUD} or http://localhost:8283`);
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    return failed(`an endpoint carries no user or password: write ${url.origin} and put the key in AGENT_API_KEY`);
  }
  if (url.hostname === PLACEHOLDER_HOST)
    return failed(`this is the template's example: put your own Letta's address, for example ${CLOUD}`);
  if (DASHBOARDS.has(url.hostname)) return failed(`${url.hostname} is Letta's site for people, not its API: did you mean ${CLOUD}?`);
  const base = /^(\/api)?(?:\/v1)?$/.exec(url.pathname.replace(/\/+$/, ''));
  if (text.includes('?') || text.includes('#'))
    return failed(`an endpoint has no "?" or "#": did you mean ${url.origin}${base?.[1] ?? ''}?`);
  if (base === null)
    return failed(
      `${JSON.stringify(url.pathname)} is no path of an endpoint: did you mean ${url.origin}? Also taken: ${url.origin}/api/v1`,
    );
  return ok(`${url.origin}${base[1] ?? ''}`);
}

function withoutScheme(text: string): Result<string, string> {
  const isHere = /^(localhost|127\.|\[::1\])/i.test(text);
  const whole = parseHttpUrl(`${isHere ? 'http' : 'https'}://${text}`);
  return failed(
    whole.ok ? `the scheme is missing: did you mean ${whole.value}?` : `an endpoint begins with https:// or http://, as in ${CLOUD}`,
  );
}

function hasUnprintable(text: string): boolean {
  return [...text].some((character) => character <= ' ' || character === '\u007f');
}
