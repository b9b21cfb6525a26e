// Transport layers of build.ts: TCP, UDP, UDP-Lite, SCTP, DCCP, GRE.

import { type ChecksumFields, chooseChecksum, type Data, type Layer, octets, padded } from './build-layer.ts';
import { concat, putU16, putU32 } from './bytes.ts';
import { crc32c } from './crc32c.ts';
import { IPPROTO_DCCP, IPPROTO_GRE, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from './numbers.ts';
import * as header from './tcp.ts';

interface Ports {
  sport?: number;
  dport?: number;
}

// --- TCP ----------------------------------------------------------------------------------------------------------------

/** Options in the order of the keys given, then padding with end-of-list; or the octets themselves. */
export type TcpOptions =
  | Uint8Array
  | {
      mss?: number;
      windowScale?: number;
      sackPermitted?: boolean;
      /** Left and right edge of each block. */
      sack?: readonly (readonly [number, number])[];
      /** Value and echo reply. */
      timestamps?: readonly [number, number];
      nop?: number;
      raw?: Uint8Array;
    };

export interface TcpFields extends Ports, ChecksumFields {
  /** Letters of tcpdump and of people: F S R P A (or .) U E C (or W); or the octet. */
  flags?: string | number;
  seq?: number;
  ack?: number;
  window?: number;
  urgent?: number;
  reserved?: number;
  options?: TcpOptions;
  data?: Data;
  /** In octets; overrides what would come out right. */
  headerLength?: number;
}

const LETTERS: Record<string, number> = {
  F: header.FIN,
  S: header.SYN,
  R: header.RST,
  P: header.PSH,
  A: header.ACK,
  '.': header.ACK,
  U: header.URG,
  E: header.ECE,
  C: header.CWR,
  W: header.CWR,
};

/** The flags octet of letters like 'SA'; throws RangeError for a letter that is none. */
export function tcpFlags(letters: string | number): number {
  if (typeof letters === 'number') return letters;
  let bits = 0;
  for (const letter of letters) {
    if (!(letter in LETTERS)) throw new RangeError(`not a TCP flag: ${letter}`);
    bits |= LETTERS[letter];
  }
  return bits;
}

export const tcp = (fields: TcpFields = {}): Layer => ({
  protocol: IPPROTO_TCP,
  emit(_next, rest, pseudo) {
    const options = padded(tcpOptionOctets(fields.options), 4);
    const length = header.LENGTH + options.length;
    const head = new Uint8Array(length);
    putU16(head, header.SOURCE_PORT_AT, fields.sport ?? 1024);
    putU16(head, header.DESTINATION_PORT_AT, fields.dport ?? 80);
    putU32(head, header.SEQUENCE_AT, fields.seq ?? 0);
    putU32(head, header.ACKNOWLEDGMENT_AT, fields.ack ?? 0);
    head[12] = (((fields.headerLength ?? length) >>> 2) << 4) | (fields.reserved ?? 0);
    head[header.FLAGS_AT] = tcpFlags(fields.flags ?? 'S');
    putU16(head, header.WINDOW_AT, fields.window ?? 65_535);
    putU16(head, header.URGENT_AT, fields.urgent ?? 0);
    head.set(options, header.LENGTH);
    const segment = concat(head, octets(fields.data), rest);
    putU16(segment, header.CHECKSUM_AT, chooseChecksum(segment, fields, pseudo(IPPROTO_TCP, segment.length)));
    return segment;
  },
});

export function tcpOptionOctets(options: TcpOptions | undefined): Uint8Array {
  if (options === undefined || options instanceof Uint8Array) return options ?? new Uint8Array(0);
  const list: number[] = [];
  const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
  const emit = {
    mss: (value: number) => list.push(header.TCPOPT_MSS, 4, value >>> 8, value & 0xff),
    windowScale: (value: number) => list.push(header.TCPOPT_WINDOW, 3, value),
    sackPermitted: (value: boolean) => value && list.push(header.TCPOPT_SACK_PERM, 2),
    sack: (blocks: readonly (readonly [number, number])[]) =>
      list.push(header.TCPOPT_SACK, 2 + 8 * blocks.length, ...blocks.flat().flatMap(u32)),
    timestamps: (pair: readonly [number, number]) => list.push(header.TCPOPT_TIMESTAMP, 10, ...pair.flatMap(u32)),
    nop: (count: number) => list.push(...new Array<number>(count).fill(header.TCPOPT_NOP)),
    raw: (bytes: Uint8Array) => list.push(...bytes),
  };
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined) (emit[name as keyof typeof emit] as (value: unknown) => unknown)(value);
  }
  return Uint8Array.from(list);
}

// --- UDP and UDP-Lite -----------------------------------------------------------------------------------------------------

export interface UdpFields extends Ports, ChecksumFields {
  data?: Data;
  /** Overrides the length field. */
  length?: number;
  /** Stores 0: "no checksum". */
  noChecksum?: boolean;
}

export const udp = (fields: UdpFields = {}): Layer => ({
  protocol: IPPROTO_UDP,
  emit(_next, rest, pseudo) {
    const segment = concat(portsAndRoom(fields, 1024, 53, 8), octets(fields.data), rest);
    putU16(segment, 4, fields.length ?? segment.length);
    const chosen = chooseChecksum(segment, fields, pseudo(IPPROTO_UDP, segment.length));
    // RFC 768: a computed 0 is sent as all ones, for 0 says "none".
    putU16(segment, 6, fields.noChecksum ? 0 : chosen === 0 && fields.checksum === undefined ? 0xffff : chosen);
    return segment;
  },
});

export interface UdpliteFields extends Ports, ChecksumFields {
  data?: Data;
  /** Octets that the checksum covers, from the header on; 0: all. */
  coverage?: number;
}

export const udplite = (fields: UdpliteFields = {}): Layer => ({
  protocol: IPPROTO_UDPLITE,
  emit(_next, rest, pseudo) {
    const segment = concat(portsAndRoom(fields, 1024, 53, 8), octets(fields.data), rest);
    putU16(segment, 4, fields.coverage ?? 0);
    const covered = Math.min(fields.coverage || segment.length, segment.length);
    const chosen = chooseChecksum(segment, fields, pseudo(IPPROTO_UDPLITE, segment.length), covered);
    putU16(segment, 6, chosen === 0 && fields.checksum === undefined ? 0xffff : chosen);
    return segment;
  },
});

function portsAndRoom({ sport, dport }: Ports, sportElse: number, dportElse: number, length: number): Uint8Array {
  const head = new Uint8Array(length);
  putU16(head, 0, sport ?? sportElse);
  putU16(head, 2, dport ?? dportElse);
  return head;
}

// --- SCTP -----------------------------------------------------------------------------------------------------------------

export interface SctpChunk {
  type: number;
  flags?: number;
  /** The value, after type, flags and length. */
  data?: Data;
  /** Overrides the length field. */
  length?: number;
}

export interface SctpFields extends Ports {
  tag?: number;
  chunks?: readonly SctpChunk[];
  badChecksum?: boolean;
  checksum?: number;
}

/** INIT with a plausible body when no chunks are given. */
const INIT: SctpChunk = { type: 1, data: Uint8Array.of(0, 0, 0, 1, 0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1) };

export const sctp = (fields: SctpFields = {}): Layer => ({
  protocol: IPPROTO_SCTP,
  emit(_next, rest) {
    const head = portsAndRoom(fields, 1024, 80, 12);
    putU32(head, 4, fields.tag ?? 0);
    const packet = concat(head, ...(fields.chunks ?? [INIT]).map(sctpChunk), rest);
    const crc = fields.checksum ?? crc32c(packet, 0, packet.length) ^ (fields.badChecksum ? 0x55555555 : 0);
    // RFC 9260 appendix A: the reflected CRC goes out with its least significant octet first.
    putU32(packet, 8, ((crc & 0xff) << 24) | ((crc & 0xff00) << 8) | ((crc >>> 8) & 0xff00) | (crc >>> 24));
    return packet;
  },
});

function sctpChunk({ type, flags = 0, data, length }: SctpChunk): Uint8Array {
  const body = octets(data);
  const head = Uint8Array.of(type, flags, 0, 0);
  putU16(head, 2, length ?? 4 + body.length);
  return padded(concat(head, body), 4);
}

// --- DCCP -----------------------------------------------------------------------------------------------------------------

export interface DccpFields extends Ports, ChecksumFields {
  /** RFC 4340 5.1: 0 REQUEST, 1 RESPONSE, 2 DATA, 3 ACK, 4 DATAACK, 5 CLOSEREQ, 6 CLOSE, 7 RESET, 8 SYNC, 9 SYNCACK. */
  type?: number;
  /** 48-bit numbers (below 2^48). */
  seq?: number;
  ack?: number;
  /** Numbers of 24 bits instead, which only DATA, ACK and DATAACK may have. */
  short?: boolean;
  service?: number;
  resetCode?: number;
  options?: Uint8Array;
  data?: Data;
  /** In octets; overrides what would come out right. */
  headerLength?: number;
  ccval?: number;
  coverage?: number;
}

const DCCP_REQUEST = 0;
const DCCP_RESPONSE = 1;
const DCCP_DATA = 2;
const DCCP_RESET = 7;

export const dccp = (fields: DccpFields = {}): Layer => ({
  protocol: IPPROTO_DCCP,
  emit(_next, rest, pseudo) {
    const head = concat(dccpGeneric(fields), dccpSubheader(fields), padded(fields.options ?? new Uint8Array(0), 4));
    head[4] = (fields.headerLength ?? head.length) >>> 2;
    const packet = concat(head, octets(fields.data), rest);
    const coverage = fields.coverage ?? 0;
    // RFC 4340 9.2: 0 covers all, n covers the header and 4 (n - 1) octets of data.
    const covered = coverage === 0 ? packet.length : Math.min(head.length + 4 * (coverage - 1), packet.length);
    putU16(packet, 6, chooseChecksum(packet, fields, pseudo(IPPROTO_DCCP, packet.length), covered));
    return packet;
  },
});

function dccpGeneric(fields: DccpFields): Uint8Array {
  const head = portsAndRoom(fields, 1024, 80, fields.short ? 12 : 16);
  head[5] = ((fields.ccval ?? 0) << 4) | (fields.coverage ?? 0);
  head[8] = ((fields.type ?? DCCP_REQUEST) << 1) | (fields.short ? 0 : 1);
  if (fields.short) putU24(head, 9, fields.seq ?? 0);
  else putU48(head, 10, fields.seq ?? 0);
  return head;
}

function dccpSubheader({ type = DCCP_REQUEST, ack = 0, short, service = 0, resetCode = 0 }: DccpFields): Uint8Array {
  const acknowledgment = new Uint8Array(short ? 4 : 8);
  if (short) putU24(acknowledgment, 1, ack);
  else putU48(acknowledgment, 2, ack);
  const code = new Uint8Array(4);
  if (type === DCCP_RESET) code[0] = resetCode;
  else putU32(code, 0, service);
  if (type === DCCP_DATA) return new Uint8Array(0);
  if (type === DCCP_REQUEST) return code;
  return type === DCCP_RESPONSE || type === DCCP_RESET ? concat(acknowledgment, code) : acknowledgment;
}

function putU24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  putU16(bytes, at + 1, value & 0xffff);
}

function putU48(bytes: Uint8Array, at: number, value: number): void {
  putU16(bytes, at, Math.floor(value / 2 ** 32));
  putU32(bytes, at + 2, value >>> 0);
}

// --- GRE ------------------------------------------------------------------------------------------------------------------

export interface GreFields {
  /** EtherType of the payload; 0x0800 in version 0, 0x880b (PPP) in version 1. */
  protocol?: number;
  version?: 0 | 1;
  /** Version 0: presence of the checksum field. */
  checksum?: boolean;
  badChecksum?: boolean;
  key?: number;
  /** Version 1, PPTP (RFC 2637): call id, instead of the key. */
  callId?: number;
  seq?: number;
  ack?: number;
  data?: Data;
}

export const gre = (fields: GreFields = {}): Layer => ({
  protocol: IPPROTO_GRE,
  emit: (_next, rest) => {
    const payload = concat(octets(fields.data), rest);
    return fields.version === 1 ? gre1(fields, payload) : gre0(fields, payload);
  },
});

function gre0({ protocol = 0x0800, checksum, badChecksum, key, seq }: GreFields, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  putU16(head, 0, (checksum ? 0x8000 : 0) | (key === undefined ? 0 : 0x2000) | (seq === undefined ? 0 : 0x1000));
  putU16(head, 2, protocol);
  const packet = concat(head, new Uint8Array(checksum ? 4 : 0), word(key), word(seq), payload);
  if (checksum) putU16(packet, 4, chooseChecksum(packet, { badChecksum }, 0));
  return packet;
}

function gre1({ protocol = 0x880b, callId = 0, seq, ack }: GreFields, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  putU16(head, 0, 0x2001 | (seq === undefined ? 0 : 0x1000) | (ack === undefined ? 0 : 0x0080));
  putU16(head, 2, protocol);
  putU16(head, 4, payload.length);
  putU16(head, 6, callId);
  return concat(head, word(seq), word(ack), payload);
}

function word(value: number | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, value);
  return bytes;
}
