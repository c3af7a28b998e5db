/**
 * One connection's byte stream: finds out which transport the client speaks, takes off the obfuscation if there is any
 * (https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation) and cuts the stream into packets.
 */
import crypto from 'node:crypto';
import { createFraming, FRAMING_TAGS, type Framing, type FramingName, TransportError } from './framing.ts';

type Ciphers = { decrypt: crypto.Decipheriv; encrypt: crypto.Cipheriv };

export class Transport {
  #waiting: Buffer = Buffer.alloc(0);
  #framing: Framing | null = null;
  #ciphers: Ciphers | null = null;

  get name(): string {
    return this.#framing === null ? 'unknown' : `${this.#ciphers === null ? '' : 'obfuscated '}${this.#framing.name}`;
  }

  /** The packets that are complete now. Throws TransportError when the stream is none of Telegram's. */
  receive(chunk: Buffer): Buffer[] {
    this.#waiting = Buffer.concat([this.#waiting, this.#ciphers === null ? chunk : this.#ciphers.decrypt.update(chunk)]);
    this.#framing ??= this.#detect();
    const packets: Buffer[] = [];
    for (let next = this.#read(); next !== null; next = this.#read()) packets.push(next);
    return packets;
  }

  /** The bytes of one packet. Only after something was received: the client chooses the transport. */
  write(packet: Buffer): Buffer {
    if (this.#framing === null) throw new Error('the client has not said yet which transport it speaks');
    const framed = this.#framing.write(packet);
    return this.#ciphers === null ? framed : this.#ciphers.encrypt.update(framed);
  }

  #read(): Buffer | null {
    const taken = this.#framing?.read(this.#waiting) ?? null;
    if (taken === null) return null;
    this.#waiting = taken.rest;
    return taken.packet;
  }

  #detect(): Framing | null {
    const bytes = this.#waiting;
    if (bytes.length >= 1 && bytes.readUInt8() === 0xef) return this.#begin('abridged', 1);
    if (bytes.length < 8) return null;
    const name = FRAMING_TAGS.get(bytes.readUInt32LE());
    if (name !== undefined) return this.#begin(name, 4);
    // An obfuscated stream never begins with a zero second word; a full one always does, its first packet is number 0.
    if (bytes.readUInt32LE(4) === 0) return this.#begin('full', 0);
    return bytes.length < 64 ? null : this.#beginObfuscated();
  }

  #beginObfuscated(): Framing {
    const head = this.#waiting.subarray(0, 64);
    const reversed = Buffer.from(head.subarray(8, 56)).reverse();
    const decrypt = crypto.createDecipheriv('aes-256-ctr', head.subarray(8, 40), head.subarray(40, 56));
    const encrypt = crypto.createCipheriv('aes-256-ctr', reversed.subarray(0, 32), reversed.subarray(32, 48));
    this.#ciphers = { decrypt, encrypt };
    const clear = decrypt.update(this.#waiting);
    const name = FRAMING_TAGS.get(clear.readUInt32LE(56));
    if (name === undefined) throw new TransportError('the stream begins like no transport of Telegram');
    this.#waiting = clear;
    return this.#begin(name, 64);
  }

  #begin(name: FramingName, headLength: number): Framing {
    this.#waiting = this.#waiting.subarray(headLength);
    return createFraming(name);
  }
}
