/** How packets lie in the byte stream (https://core.telegram.org/mtproto/mtproto-transports). */
import crypto from 'node:crypto';
import zlib from 'node:zlib';

export type FramingName = 'full' | 'abridged' | 'intermediate' | 'padded-intermediate';

export type Framing = {
  readonly name: FramingName;
  /** Takes one packet off the front of `bytes`; null while it is not complete. Throws TransportError when it is no packet. */
  read(bytes: Buffer): { packet: Buffer; rest: Buffer } | null;
  write(packet: Buffer): Buffer;
};

/** What a server answers by closing the connection. */
export class TransportError extends Error {}

/** Beyond this a server closes the connection. */
const LONGEST = 2 ** 21;

export const FRAMING_TAGS: ReadonlyMap<number, FramingName> = new Map([
  [0xefefefef, 'abridged'],
  [0xeeeeeeee, 'intermediate'],
  [0xdddddddd, 'padded-intermediate'],
]);

export function createFraming(name: FramingName): Framing {
  switch (name) {
    case 'full':
      return fullFraming();
    case 'abridged':
      return { name, read: readAbridged, write: writeAbridged };
    case 'intermediate':
      return { name, read: readIntermediate, write: (packet) => Buffer.concat([lengthOf(packet), packet]) };
    case 'padded-intermediate':
      return { name, read: readIntermediate, write: writePadded };
  }
}

/** Length, number of the packet, data, CRC-32. Wrong numbers and sums end the connection. */
function fullFraming(): Framing {
  let [received, sent] = [0, 0];
  return {
    name: 'full',
    read: (bytes) => {
      const taken = take(bytes, 0, bytes.length < 4 ? 4 : bytes.readUInt32LE());
      if (taken === null) return null;
      const whole = taken.packet;
      if (whole.length < 12) throw new TransportError(`a full packet of ${whole.length} bytes`);
      if (whole.readInt32LE(4) !== received) throw new TransportError(`packet ${whole.readInt32LE(4)} instead of ${received}`);
      const end = whole.length - 4;
      if (zlib.crc32(whole.subarray(0, end)) !== whole.readUInt32LE(end)) throw new TransportError('wrong CRC-32');
      received += 1;
      return { packet: whole.subarray(8, end), rest: taken.rest };
    },
    write: (packet) => {
      const whole = Buffer.alloc(packet.length + 12);
      whole.writeUInt32LE(whole.length, 0);
      whole.writeInt32LE(sent, 4);
      packet.copy(whole, 8);
      whole.writeUInt32LE(zlib.crc32(whole.subarray(0, whole.length - 4)), whole.length - 4);
      sent += 1;
      return whole;
    },
  };
}

function readAbridged(bytes: Buffer): { packet: Buffer; rest: Buffer } | null {
  if (bytes.length < 4) return null;
  // The highest bit asks for a quick acknowledgement, which nobody has to give.
  const first = bytes.readUInt8() & 0x7f;
  return first === 0x7f ? take(bytes, 4, bytes.readUIntLE(1, 3) * 4) : take(bytes, 1, first * 4);
}

function writeAbridged(packet: Buffer): Buffer {
  const words = packet.length / 4;
  if (words < 0x7f) return Buffer.concat([Buffer.from([words]), packet]);
  const head = Buffer.from([0x7f, 0, 0, 0]);
  head.writeUIntLE(words, 1, 3);
  return Buffer.concat([head, packet]);
}

function readIntermediate(bytes: Buffer): { packet: Buffer; rest: Buffer } | null {
  return bytes.length < 4 ? null : take(bytes, 4, bytes.readUInt32LE() & 0x7fffffff);
}

function writePadded(packet: Buffer): Buffer {
  const padded = Buffer.concat([packet, crypto.randomBytes(crypto.randomInt(16))]);
  return Buffer.concat([lengthOf(padded), padded]);
}

function lengthOf(packet: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(packet.length);
  return head;
}

function take(bytes: Buffer, from: number, length: number): { packet: Buffer; rest: Buffer } | null {
  if (length > LONGEST) throw new TransportError(`a packet of ${length} bytes`);
  return bytes.length < from + length ? null : { packet: bytes.subarray(from, from + length), rest: bytes.subarray(from + length) };
}
