/**
 * The bare types of Telegram's type language (https://core.telegram.org/mtproto/serialize), written and read by our own code:
 * all that MTProto itself needs. The API's objects come through the library's tables, see ../api/tl.ts.
 */

export function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

/** `bytes` and `string`: a length, the data, zeros up to a multiple of four. */
export function bytesOf(data: Buffer): Buffer {
  const head = data.length < 254 ? Buffer.from([data.length]) : int((data.length << 8) | 254);
  const fill = (4 - ((head.length + data.length) % 4)) % 4;
  return Buffer.concat([head, data, Buffer.alloc(fill)]);
}

const VECTOR = 0x1cb5c415;

export function longs(values: readonly bigint[]): Buffer {
  return Buffer.concat([int(VECTOR), int(values.length), ...values.map(long)]);
}

/** Reads what it is asked for; a RangeError when the data ends before. */
export class TlReader {
  readonly data: Buffer;
  at = 0;

  constructor(data: Buffer) {
    this.data = data;
  }

  get left(): number {
    return this.data.length - this.at;
  }

  raw(length: number): Buffer {
    if (length < 0 || length > this.left) throw new RangeError(`${length} bytes wanted, ${this.left} left`);
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  /** Signed. */
  int(): number {
    return this.raw(4).readInt32LE();
  }

  /** The number of a constructor. */
  id(): number {
    return this.raw(4).readUInt32LE();
  }

  /** Signed. */
  long(): bigint {
    return this.raw(8).readBigInt64LE();
  }

  unsignedLong(): bigint {
    return this.raw(8).readBigUInt64LE();
  }

  bytes(): Buffer {
    const first = this.raw(1).readUInt8();
    const length = first === 254 ? this.raw(3).readUIntLE(0, 3) : first;
    const data = this.raw(length);
    this.raw((4 - ((length + (first === 254 ? 4 : 1)) % 4)) % 4);
    return data;
  }

  longs(): bigint[] {
    if (this.id() !== VECTOR) throw new RangeError('a vector was expected');
    const count = this.int();
    if (count < 0 || count * 8 > this.left) throw new RangeError(`a vector of ${count} numbers in ${this.left} bytes`);
    return Array.from({ length: count }, () => this.long());
  }
}
