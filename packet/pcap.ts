// Captures as bytes: reading classic pcap (either byte order, micro- or nanoseconds) and pcapng, writing classic pcap.
//   pcap file:   | magic version(2+2) zone accuracy snapLength linkType | records ... |
//   record:      | seconds | fraction | capturedLength | originalLength | frame |
//   pcapng file: | blocks ... |     block: | type | length | body, padded to 4 | length again |
// Whoever has a file gives its bytes and gets frames; nothing here opens one. A capture cut off in the middle of a frame, as a
// killed tcpdump leaves it, ends there without complaint; one that contradicts itself throws PcapError.
// Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, https://www.tcpdump.org/linktypes.html.

import { concat, u16 } from './bytes.ts';
import * as ethernet from './ethernet.ts';

export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;

export interface Frame {
  /** Since 1970, and what is left over in nanoseconds. */
  seconds: number;
  nanoseconds: number;
  linkType: number;
  /** What was captured: a view into the file's bytes. */
  bytes: Uint8Array;
  /** Length on the wire; more than bytes.length when the capture was limited. */
  originalLength: number;
  /** Name of the interface, where the file has one (pcapng). */
  device: string;
}

/** A file that is no capture, or contradicts itself, at `offset`. */
export class PcapError extends Error {
  override readonly name = 'PcapError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at octet ${offset})`);
    this.offset = offset;
  }
}

/** The frames of a capture in either format, one after the other. Throws PcapError. */
export function* readCapture(file: Uint8Array): Generator<Frame> {
  if (file.length < 4) throw new PcapError('not a capture: too short for a file header', 0);
  if (numbers(file, true).u32(0) === SECTION_HEADER) yield* readPcapng(file);
  else yield* readPcap(file);
}

// --- Reading numbers in the file's byte order ---------------------------------------------------------------------------

interface Numbers {
  u16(at: number): number;
  u32(at: number): number;
  i64(at: number): bigint;
}

function numbers(file: Uint8Array, little: boolean): Numbers {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  return {
    u16: (at) => view.getUint16(at, little),
    u32: (at) => view.getUint32(at, little),
    i64: (at) => view.getBigInt64(at, little),
  };
}

// --- Classic pcap -------------------------------------------------------------------------------------------------------

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** More than any device gives: a longer record is a broken file. libpcap's MAXIMUM_SNAPLEN is 262,144; jumbo captures go beyond. */
const LARGEST_FRAME = 1 << 24;

function* readPcap(file: Uint8Array): Generator<Frame> {
  const { read, perSecond } = pcapHeader(file);
  // The upper bits say how long a frame check sequence is, which nobody captures.
  const linkType = read.u32(20) & 0xffff;
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const captured = read.u32(at + 8);
    if (captured > LARGEST_FRAME) throw new PcapError(`a frame of ${captured} octets`, at);
    const from = at + RECORD_HEADER;
    if (from + captured > file.length) return;
    yield {
      seconds: read.u32(at),
      nanoseconds: read.u32(at + 4) * (1_000_000_000 / perSecond),
      linkType,
      bytes: file.subarray(from, from + captured),
      originalLength: read.u32(at + 12),
      device: '',
    };
    at = from + captured;
  }
}

function pcapHeader(file: Uint8Array): { read: Numbers; perSecond: number } {
  for (const little of [true, false]) {
    const read = numbers(file, little);
    const magic = read.u32(0);
    if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) continue;
    if (file.length < FILE_HEADER) throw new PcapError('file header cut short', file.length);
    return { read, perSecond: magic === MAGIC_NANOSECONDS ? 1_000_000_000 : 1_000_000 };
  }
  throw new PcapError('not a capture: neither pcap nor pcapng', 0);
}

// --- pcapng -------------------------------------------------------------------------------------------------------------

const SECTION_HEADER = 0x0a0d0d0a; // the same in both byte orders
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const PACKET = 2; // obsolete, still found
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const OPT_ENDOFOPT = 0;
const OPT_IF_NAME = 2;
const OPT_IF_TSRESOL = 9;
const OPT_IF_TSOFFSET = 14;

interface Interface {
  linkType: number;
  snapLength: number;
  name: string;
  /** Ticks of a timestamp per second, and seconds to add. */
  perSecond: bigint;
  offset: bigint;
}

function* readPcapng(file: Uint8Array): Generator<Frame> {
  let read = numbers(file, true);
  let interfaces: Interface[] = [];
  for (let at = 0; at + 12 <= file.length; ) {
    const type = read.u32(at);
    if (type === SECTION_HEADER) {
      read = sectionByteOrder(file, at);
      interfaces = [];
    }
    const length = read.u32(at + 4);
    if (length < 12 || length % 4 !== 0) throw new PcapError(`a block of ${length} octets`, at);
    if (at + length > file.length) return;
    const block = { file, read, from: at + 8, to: at + length - 4 };
    if (type === INTERFACE_DESCRIPTION) interfaces.push(interfaceOf(block));
    const frame = frameOf(block, type, interfaces);
    if (frame) yield frame;
    at += length;
  }
}

function sectionByteOrder(file: Uint8Array, at: number): Numbers {
  for (const little of [true, false]) {
    const read = numbers(file, little);
    if (read.u32(at + 8) === BYTE_ORDER_MAGIC) return read;
  }
  throw new PcapError('a section without byte-order magic', at);
}

/** The body of a block is file[from .. to). */
interface Block {
  file: Uint8Array;
  read: Numbers;
  from: number;
  to: number;
}

function interfaceOf(block: Block): Interface {
  const { file, read, from, to } = block;
  if (from + 8 > to) throw new PcapError('an interface description cut short', from);
  const found = {
    linkType: read.u16(from),
    snapLength: read.u32(from + 4),
    name: '',
    perSecond: 1_000_000n,
    offset: 0n,
  };
  for (let at = from + 8; at + 4 <= to; ) {
    const code = read.u16(at);
    const length = read.u16(at + 2);
    const value = at + 4;
    if (code === OPT_ENDOFOPT || value + length > to) break;
    if (code === OPT_IF_NAME) found.name = text(file.subarray(value, value + length));
    if (code === OPT_IF_TSRESOL && length === 1) found.perSecond = resolution(file[value]);
    if (code === OPT_IF_TSOFFSET && length === 8) found.offset = read.i64(value);
    at = value + ((length + 3) & ~3);
  }
  return found;
}

/** A power of ten, or with the highest bit of two. */
const resolution = (octet: number): bigint => (octet & 0x80 ? 2n : 10n) ** BigInt(octet & 0x7f);

const text = (octets: Uint8Array): string => new TextDecoder().decode(octets).replace(/\0+$/, '');

function frameOf(block: Block, type: number, interfaces: readonly Interface[]): Frame | undefined {
  const { read, from } = block;
  if (type === SIMPLE_PACKET) return simplePacket(block, interfaces[0]);
  if (type !== ENHANCED_PACKET && type !== PACKET) return undefined;
  if (from + 20 > block.to) throw new PcapError('a packet block cut short', from);
  const description = interfaces[type === PACKET ? read.u16(from) : read.u32(from)];
  if (!description) throw new PcapError('a packet of an interface that is not described', from);
  const ticks = (BigInt(read.u32(from + 4)) << 32n) | BigInt(read.u32(from + 8));
  const captured = read.u32(from + 12);
  if (from + 20 + captured > block.to) throw new PcapError(`${captured} octets in a smaller block`, from);
  const seconds = ticks / description.perSecond;
  return {
    seconds: Number(seconds + description.offset),
    nanoseconds: Number(((ticks - seconds * description.perSecond) * 1_000_000_000n) / description.perSecond),
    linkType: description.linkType,
    bytes: block.file.subarray(from + 20, from + 20 + captured),
    originalLength: read.u32(from + 16),
    device: description.name,
  };
}

/** No timestamp, and the captured length only as what is least: original, snap length, room in the block. */
function simplePacket({ file, read, from, to }: Block, description: Interface | undefined): Frame {
  if (!description) throw new PcapError('a packet of an interface that is not described', from);
  if (from + 4 > to) throw new PcapError('a packet block cut short', from);
  const originalLength = read.u32(from);
  const captured = Math.min(originalLength, description.snapLength || originalLength, to - from - 4);
  return {
    seconds: 0,
    nanoseconds: 0,
    linkType: description.linkType,
    bytes: file.subarray(from + 4, from + 4 + captured),
    originalLength,
    device: description.name,
  };
}

// --- From a frame to its IP packet ----------------------------------------------------------------------------------------

/** Offset of the IP header in the frame, or -1: another protocol, a link type that is not known here, a header cut short. */
export function networkAt({ bytes, linkType }: Pick<Frame, 'bytes' | 'linkType'>): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return behindEtherType(bytes, ethernet.TYPE_AT, 0);
    case LINKTYPE_LINUX_SLL:
      return behindEtherType(bytes, ethernet.SLL_LENGTH - 2, 0);
    case LINKTYPE_LINUX_SLL2:
      return behindEtherType(bytes, 0, ethernet.SLL2_LENGTH - 2);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      // The address family in front has the capturing machine's numbers and byte order; the version nibble says it better.
      return ipAt(bytes, 4);
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
    case 12: // DLT_RAW before it was LINKTYPE_RAW, and OpenBSD's
    case 14:
      return ipAt(bytes, 0);
    default:
      return -1;
  }
}

/** IP behind the EtherType at `typeAt`, VLAN tags and `more` octets of link header; cooked v2 has its type first, not last. */
function behindEtherType(bytes: Uint8Array, typeAt: number, more: number): number {
  if (more > 0) return typeAt + 2 <= bytes.length && isIp(u16(bytes, typeAt)) ? ipAt(bytes, typeAt + 2 + more) : -1;
  const at = ethernet.payloadAt(bytes, typeAt, bytes.length);
  return at >= 0 && isIp(u16(bytes, at - 2)) ? ipAt(bytes, at) : -1;
}

const isIp = (type: number): boolean => type === ethernet.ETH_P_IP || type === ethernet.ETH_P_IPV6;

function ipAt(bytes: Uint8Array, at: number): number {
  const version = at < bytes.length ? bytes[at] >>> 4 : 0;
  return version === 4 || version === 6 ? at : -1;
}

// --- Writing --------------------------------------------------------------------------------------------------------------

/** The file header of a classic pcap with microseconds or nanoseconds, in the byte order that nearly all files have. */
export function pcapFileHeader(linkType = LINKTYPE_RAW, nanoseconds = false, snapLength = 262_144): Uint8Array {
  const view = new DataView(new ArrayBuffer(FILE_HEADER));
  view.setUint32(0, nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, snapLength, true);
  view.setUint32(20, linkType, true);
  return new Uint8Array(view.buffer);
}

/** One record for the file that pcapFileHeader() began with the same `asNanoseconds`. */
export function pcapRecord(
  bytes: Uint8Array,
  { seconds, nanoseconds, originalLength }: Partial<Frame>,
  asNanoseconds = false,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(RECORD_HEADER));
  const fraction = asNanoseconds ? (nanoseconds ?? 0) : Math.floor((nanoseconds ?? 0) / 1000);
  view.setUint32(0, seconds ?? 0, true);
  view.setUint32(4, fraction, true);
  view.setUint32(8, bytes.length, true);
  view.setUint32(12, originalLength ?? bytes.length, true);
  return concat(new Uint8Array(view.buffer), bytes);
}

/** A whole classic pcap file. */
export function writePcap(
  frames: Iterable<Partial<Frame> & { bytes: Uint8Array }>,
  linkType = LINKTYPE_RAW,
  nanoseconds = false,
): Uint8Array {
  const records = Array.from(frames, (frame) => pcapRecord(frame.bytes, frame, nanoseconds));
  return concat(pcapFileHeader(linkType, nanoseconds), ...records);
}
