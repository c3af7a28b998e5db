/** `socks5://user:password@host:port`, as settings and `.env` write a proxy. */
import { failed, ok, type Result } from 'animus-protocol';
import type { SocksProxy } from './telegram.ts';

const EXAMPLE = 'as in socks5://127.0.0.1:1080, or socks5://user:password@host:1080';

/** The error does not repeat what was written: it may hold a password. */
export function parseProxy(text: string): Result<SocksProxy, string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'socks5:' && url.protocol !== 'socks4:') || url.hostname === '') {
    return failed(`the proxy: write a SOCKS address, ${EXAMPLE}`);
  }
  const port = url.port === '' ? 1080 : Number(url.port);
  const proxy: SocksProxy = { host: url.hostname.replace(/^\[|\]$/g, ''), port, version: url.protocol === 'socks5:' ? 5 : 4 };
  return ok({
    ...proxy,
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  });
}
