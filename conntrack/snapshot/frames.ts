// Octets of a snapshot: numbers big-endian, and frames that each carry their length, their kind and a CRC-32C.
//
//   file:  | magic(8) | frame | frame | ... | end frame |
//   frame: | length(4) | crc(4) over kind and payload | kind(1) | payload(length) |

import { crc32c } from '../../packet/crc32c.ts';

/** A snapshot that cannot be read; the message says why. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

/**
 * `SKSHCT`, then the version of the format. A program reads what earlier ones of its version wrote: what is new gets a bit of its own in the flags of a
 * connection, or a kind of frame, and what is old is still read (test/data/snapshots has files of earlier programs). A change that cannot be made so
 * gets the next version, and its reader has to know the one before it.
 */
export const MAGIC = Uint8Array.of(0x53, 0x4b, 0x53, 0x48, 0x43, 0x54, 0, 1);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const HEAD = 9;
/** No frame of ours is longer; a length beyond is a broken one. */
const LONGEST_FRAME = 1 << 24;
const NOTHING = new Uint8Array(0);

export class OctetWriter {
  private bytes = new Uint8Array(4_096);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  private room(octets: number): number {
    const at = this.length;
    this.length += octets;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.length));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }

  u8(value: number): void {
    const at = this.room(1);
    this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.room(2);
    this.view.setUint16(at, value);
  }

  /** 32 bits, of either sign. */
  i32(value: number): void {
    const at = this.room(4);
    this.view.setInt32(at, value);
  }

  f64(value: number): void {
    const at = this.room(8);
    this.view.setFloat64(at, value);
  }

  /** Up to 65,535 octets of UTF-8. */
  text(value: string): void {
    const octets = encoder.encode(value);
    this.u16(octets.length);
    const at = this.room(octets.length);
    this.bytes.set(octets, at);
  }

  /** The frame that was written, and begins the next one. */
  frame(kind: number): Uint8Array {
    const frame = new Uint8Array(HEAD + this.length);
    const head = new DataView(frame.buffer);
    head.setUint32(0, this.length);
    frame[8] = kind;
    frame.set(this.bytes.subarray(0, this.length), HEAD);
    head.setUint32(4, crc32c(frame, 8, frame.length));
    this.length = 0;
    return frame;
  }
}

export class OctetReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  private take(octets: number): number {
    const at = this.at;
    if (at + octets > this.bytes.length) throw new SnapshotError('a record is cut short');
    this.at += octets;
    return at;
  }

  u8(): number {
    const at = this.take(1);
    return this.bytes[at];
  }

  u16(): number {
    const at = this.take(2);
    return this.view.getUint16(at);
  }

  i32(): number {
    const at = this.take(4);
    return this.view.getInt32(at);
  }

  f64(): number {
    const at = this.take(8);
    return this.view.getFloat64(at);
  }

  text(): string {
    const length = this.u16();
    const at = this.take(length);
    return decoder.decode(this.bytes.subarray(at, at + length));
  }
}

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** All frames, checked. Throws a SnapshotError for the first thing that is wrong. */
export function readFrames(bytes: Uint8Array): Frame[] {
  for (let at = 0; at < 6; at++) {
    if (bytes[at] !== MAGIC[at]) throw new SnapshotError('this is no snapshot of connections');
  }
  const version = (bytes[6] << 8) | bytes[7];
  if (version !== MAGIC[7]) throw new SnapshotError(`of version ${version}, and this program reads ${MAGIC[7]}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Frame[] = [];
  for (let at = MAGIC.length; at < bytes.length; ) {
    if (at + HEAD > bytes.length) throw new SnapshotError(`cut short at octet ${at}`);
    const end = at + HEAD + view.getUint32(at);
    if (end - at > LONGEST_FRAME || end > bytes.length) throw new SnapshotError(`cut short at octet ${at}`);
    if (view.getUint32(at + 4) !== crc32c(bytes, at + 8, end)) throw new SnapshotError(`octets damaged from ${at} on`);
    frames.push({ kind: bytes[at + 8], payload: end === at + HEAD ? NOTHING : bytes.subarray(at + HEAD, end) });
    at = end;
  }
  return frames;
}
