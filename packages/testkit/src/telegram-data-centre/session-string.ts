/** The text form in which the library keeps a session: version, data centre, address, port, key. */

/** Port written into sessions; clients choose their own. */
const PORT = 443;

export function sessionString(dcId: number, host: string, key: Buffer): string {
  const address = Buffer.from(host);
  const head = Buffer.alloc(3);
  head.writeUInt8(dcId, 0);
  head.writeUInt16BE(address.length, 1);
  const port = Buffer.alloc(2);
  port.writeUInt16BE(PORT);
  return `1${Buffer.concat([head, address, port, key]).toString('base64')}`;
}
