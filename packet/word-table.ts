// The words of words.ts: what each one sets, and the layers that come of it.

import { parseAddress4, parseAddress6 } from './address.ts';
import * as build from './build.ts';
import { fromHex } from './bytes.ts';
import { DCCP_TYPE_WORDS, SCTP_CHUNK_WORDS } from './describe-transport.ts';
import { ICMP_NAMES, type IcmpName, icmpByName } from './icmp-names.ts';
import type { Family } from './numbers.ts';
import * as numbers from './numbers.ts';
import * as tcp from './tcp.ts';
import { nearest, PacketWordsError, type Token, type WordReader } from './word-reader.ts';

export type Protocol = 'tcp' | 'udp' | 'udplite' | 'sctp' | 'dccp' | 'icmp' | 'gre' | 'esp' | 'none' | 'number';

/** What the words said so far. */
export interface Draft {
  family?: Family;
  protocol?: { kind: Protocol; number: number; token: Token };
  src?: string;
  dst?: string;
  sport?: number;
  dport?: number;
  ip: { ttl?: number; tos?: number; flow?: number; id?: number; df?: boolean };
  /** A fragment: offset and length in octets; `length` only where it was said. */
  piece?: { offset: number; more: boolean; id?: number; length?: number };
  flags: number | undefined;
  seq?: number;
  ack?: number;
  window?: number;
  urgent?: number;
  /** Octets of TCP options in the order of the words. */
  options: number[];
  icmpName?: Token;
  type?: number;
  code?: number;
  mtu?: number;
  pointer?: number;
  gateway?: string;
  dccpType?: number;
  chunks?: build.SctpChunk[];
  tag?: number;
  key?: number;
  spi?: number;
  data?: Uint8Array;
  /** As describe() counts it. */
  length?: number;
  badChecksum?: boolean;
  /** Headers between IP and transport, in order. */
  before: build.Layer[];
  /** Of neighbour discovery. */
  target?: string;
  /** The packet that an ICMP error quotes. */
  about?: Uint8Array;
  /** Where each word stood last. */
  places: Map<string, Token>;
}

type Meaning = (draft: Draft, read: WordReader, token: Token) => void;

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffffffff;

// --- The table --------------------------------------------------------------------------------------------------------------

const flag =
  (bit: number): Meaning =>
  (draft, _read, token) => {
    claim(draft, 'tcp', token);
    draft.flags = (draft.flags ?? 0) | bit;
  };

const protocol =
  (kind: Protocol): Meaning =>
  (draft, _read, token) =>
    claim(draft, kind, token);

const family =
  (version: Family, then?: Meaning): Meaning =>
  (draft, read, token) => {
    if (draft.family !== undefined && draft.family !== version) {
      throw new PacketWordsError(
        `"${token.text}" is IPv${version}, but an earlier word says IPv${draft.family}`,
        token,
      );
    }
    draft.family = version;
    then?.(draft, read, token);
  };

const hopLimit: Meaning = (draft, read, token) => {
  draft.ip.ttl = read.number(token, U8);
};
const trafficClass: Meaning = (draft, read, token) => {
  draft.ip.tos = read.number(token, U8);
};
const bad: Meaning = (draft, read) => {
  read.takeIf('checksum');
  draft.badChecksum = true;
};
const nothing: Meaning = () => {};

const option =
  (kind: number, value: (read: WordReader, token: Token) => number[]): Meaning =>
  (draft, read, token) => {
    claim(draft, 'tcp', token);
    const body = value(read, token);
    draft.options.push(kind, body.length + 2, ...body);
  };

const WORDS = new Map<string, Meaning>([
  ['ip', family(4)],
  ['ip4', family(4)],
  ['ipv4', family(4)],
  ['ip6', family(6)],
  ['ipv6', family(6)],
  ['tcp', protocol('tcp')],
  ['udp', protocol('udp')],
  ['udplite', protocol('udplite')],
  ['udp-lite', protocol('udplite')],
  ['sctp', protocol('sctp')],
  ['dccp', protocol('dccp')],
  ['icmp', protocol('icmp')],
  ['icmp6', family(6, protocol('icmp'))],
  ['icmpv6', family(6, protocol('icmp'))],
  ['ipv6-icmp', family(6, protocol('icmp'))],
  ['gre', protocol('gre')],
  ['esp', protocol('esp')],
  ['none', protocol('none')],
  ['proto', (draft, read, token) => claim(draft, 'number', token, read.number(token, U8))],
  ['sport', (draft, read, token) => void (draft.sport = read.number(token, U16))],
  ['dport', (draft, read, token) => void (draft.dport = read.number(token, U16))],

  ['flags', takeFlags],
  ['fin', flag(tcp.FIN)],
  ['syn', flag(tcp.SYN)],
  ['rst', flag(tcp.RST)],
  ['psh', flag(tcp.PSH)],
  ['ack', takeAck],
  ['urg', takeUrg],
  ['ece', flag(tcp.ECE)],
  ['cwr', flag(tcp.CWR)],
  ['seq', (draft, read, token) => void (draft.seq = read.number(token, U32))],
  ['win', (draft, read, token) => void (draft.window = read.number(token, U16))],
  ['options', nothing],
  ['eol', nothing],
  ['nop', (draft) => void draft.options.push(tcp.TCPOPT_NOP)],
  ['mss', option(tcp.TCPOPT_MSS, (read, token) => bytes(read.number(token, U16), 2))],
  ['wscale', option(tcp.TCPOPT_WINDOW, (read, token) => [read.number(token, U8)])],
  ['sackok', option(tcp.TCPOPT_SACK_PERM, () => [])],
  ['sack', option(tcp.TCPOPT_SACK, sackBlocks)],
  ['ts', option(tcp.TCPOPT_TIMESTAMP, timestamps)],

  ['ttl', hopLimit],
  ['hl', hopLimit],
  ['hop-limit', hopLimit],
  ['tos', trafficClass],
  ['class', trafficClass],
  ['dscp', (draft, read, token) => void (draft.ip.tos = ((draft.ip.tos ?? 0) & 3) | (dscp(read, token) << 2))],
  ['ecn', (draft, read, token) => void (draft.ip.tos = ((draft.ip.tos ?? 0) & 0xfc) | read.number(token, 3))],
  ['flow', family(6, (draft, read, token) => void (draft.ip.flow = read.number(token, 0xfffff)))],
  ['id', (draft, read, token) => void (draft.ip.id = read.number(token, U32))],
  ['df', family(4, (draft) => void (draft.ip.df = true))],
  ['frag', takeFrag],
  ['offset', (draft, read, token) => void (piece(draft).offset = eights(read, token))],
  ['mf', (draft) => void (piece(draft).more = true)],
  ['more', (draft) => void (piece(draft).more = true)],

  ['type', (draft, read, token) => void (draft.type = read.number(token, U8))],
  ['code', (draft, read, token) => void (draft.code = read.number(token, U8))],
  ['mtu', (draft, read, token) => void (draft.mtu = read.number(token, U32))],
  ['pointer', (draft, read, token) => void (draft.pointer = read.number(token, U32))],
  ['gateway', family(4, takeGateway)],
  ['target', takeTarget],
  ['who', nothing],
  ['has', takeTarget],
  ['tgt', nothing],
  ['is', takeTarget],
  ['request', dccpType],
  ['response', dccpType],
  ['chunk', takeChunk],
  ['tag', (draft, read, token) => void (draft.tag = read.number(token, U32))],
  ['key', (draft, read, token) => void (draft.key = read.number(token, U32))],
  ['spi', (draft, read, token) => void (draft.spi = read.number(token, U32))],

  ['hbh', family(6, (draft) => void draft.before.push(build.hopByHop()))],
  ['dstopt', family(6, (draft) => void draft.before.push(build.destinationOptions()))],
  ['rt6', family(6, takeRouting)],
  ['rt', family(6, takeRouting)],
  ['ah', takeAh],

  ['data', (draft, read) => void (draft.data = payload(read.take('the data')))],
  ['length', (draft, read, token) => void (draft.length = read.number(token, 65_535))],
  ['bad', bad],
  ['badsum', bad],
  ['bad-checksum', bad],
]);

/** Takes `token`, and what belongs to it from `read`, into `draft`. */
export function understand(draft: Draft, token: Token, read: WordReader): void {
  draft.places.set(token.word, token);
  const meaning = token.quoted ? undefined : WORDS.get(token.word);
  if (meaning) meaning(draft, read, token);
  else if (isIcmpName(token.word)) draft.icmpName = token;
  else if (/^ip-proto-\d+$/.test(token.word)) claim(draft, 'number', token, Number(token.word.slice(9)));
  else throw unknown(token);
}

function unknown(token: Token): PacketWordsError {
  const near = nearest(token.word, [
    ...WORDS.keys(),
    'about',
    ...ICMP_NAMES[4].map(nameOf),
    ...ICMP_NAMES[6].map(nameOf),
  ]);
  const hint = /[.:]/.test(token.text)
    ? 'addresses stand around ">": 10.0.0.1 > 10.0.0.2'
    : near && `did you mean "${near}"?`;
  return new PacketWordsError(`"${token.text}" is not a word for packets`, token, hint);
}

const nameOf = ({ name }: IcmpName): string => name;
const isIcmpName = (word: string): boolean => icmpByName(word, 4) !== undefined || icmpByName(word, 6) !== undefined;

const NUMBERS: Record<Protocol, number> = {
  tcp: numbers.IPPROTO_TCP,
  udp: numbers.IPPROTO_UDP,
  udplite: numbers.IPPROTO_UDPLITE,
  sctp: numbers.IPPROTO_SCTP,
  dccp: numbers.IPPROTO_DCCP,
  icmp: numbers.IPPROTO_ICMP,
  gre: numbers.IPPROTO_GRE,
  esp: numbers.IPPROTO_ESP,
  none: numbers.IPPROTO_NONE,
  number: -1,
};

export function claim(draft: Draft, kind: Protocol, token: Token, number = NUMBERS[kind]): void {
  const before = draft.protocol;
  if (before && (before.kind !== kind || before.number !== number)) {
    const message = `"${token.text}" does not go with "${before.token.text}": a packet has one protocol`;
    throw new PacketWordsError(message, token);
  }
  draft.protocol ??= { kind, number, token };
}

// --- Words with more behind them ----------------------------------------------------------------------------------------------

/** Letters as in `Flags [S.]`, `flags SA`; `none`; a number. */
function takeFlags(draft: Draft, read: WordReader, token: Token): void {
  claim(draft, 'tcp', token);
  if (read.numberAhead()) {
    draft.flags = read.number(token, U8);
    return;
  }
  const letters = read.take('flags');
  if (letters.word === 'none') draft.flags = 0;
  else if (/^[FSRPAUECW.]+$/i.test(letters.text)) draft.flags = build.tcpFlags(letters.text.toUpperCase());
  else
    throw new PacketWordsError(
      `"${letters.text}" are no TCP flags`,
      letters,
      'letters of F S R P A U E C, a dot for ACK',
    );
}

/** The flag, and with a number behind it the acknowledgement number. */
function takeAck(draft: Draft, read: WordReader, token: Token): void {
  if (read.numberAhead()) draft.ack = read.number(token, U32);
  if (draft.protocol?.kind !== 'dccp') flag(tcp.ACK)(draft, read, token);
}

function takeUrg(draft: Draft, read: WordReader, token: Token): void {
  flag(tcp.URG)(draft, read, token);
  if (read.numberAhead()) draft.urgent = read.number(token, U16);
}

const bytes = (value: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => (value >>> (8 * (count - 1 - index))) & 0xff);

function sackBlocks(read: WordReader, token: Token): number[] {
  read.number(token, 4, 1);
  const blocks = read.take('the blocks, like {1:2}{5:9}');
  const edges = blocks.text.match(/\d+/g) ?? [];
  if (!/^(\{\d+:\d+\})+$/.test(blocks.text)) {
    throw new PacketWordsError(`"${blocks.text}" are no SACK blocks`, blocks, 'write sack 1 {100:200}');
  }
  return edges.flatMap((edge) => bytes(Number(edge), 4));
}

function timestamps(read: WordReader, token: Token): number[] {
  read.takeIf('val');
  const value = read.number(token, U32);
  read.takeIf('ecr');
  return [...bytes(value, 4), ...bytes(read.number(token, U32), 4)];
}

/** RFC 2474 and its followers: CS0 to CS7, AF11 to AF43, EF; or the number. */
function dscp(read: WordReader, token: Token): number {
  const name = read.peek()?.word ?? '';
  const selector = /^cs([0-7])$/.exec(name);
  const assured = /^af([1-4])([1-3])$/.exec(name);
  if (!selector && !assured && name !== 'ef') return read.number(token, 63);
  read.take();
  if (selector) return 8 * Number(selector[1]);
  return assured ? 8 * Number(assured[1]) + 2 * Number(assured[2]) : 46;
}

const piece = (draft: Draft): NonNullable<Draft['piece']> => (draft.piece ??= { offset: 0, more: false });

function eights(read: WordReader, token: Token): number {
  const place = read.peek() ?? token;
  const offset = read.number(token, 65_528);
  if (offset % 8 !== 0) throw new PacketWordsError(`an offset is a multiple of 8, not ${offset}`, place);
  return offset;
}

/** `frag (id 99, 16|24+)`: offset, length, and a plus when more follow; or words `id`, `offset`, `more` on their own. */
function takeFrag(draft: Draft, read: WordReader): void {
  const wanted = piece(draft);
  const id = read.peek();
  if (id && read.takeIf('id')) wanted.id = read.number(id, U32);
  const found = /^(\d+)\|(\d+)(\+?)$/.exec(read.peek()?.text ?? '');
  if (!found) return;
  const token = read.take();
  wanted.offset = Number(found[1]);
  wanted.length = Number(found[2]);
  wanted.more = found[3] === '+';
  if (wanted.offset % 8 !== 0 || wanted.offset > 65_528) {
    throw new PacketWordsError(`an offset is a multiple of 8 up to 65528, not ${wanted.offset}`, token);
  }
}

function takeRouting(draft: Draft, read: WordReader, token: Token): void {
  const type = read.takeIf('type') || read.numberAhead() ? read.number(token, U8) : 0;
  const segmentsLeft = read.takeIf('segleft') ? read.number(token, U8) : 0;
  draft.before.push(build.routing({ type, segmentsLeft, addresses: ['fd00::1'] }));
}

function takeTarget(draft: Draft, read: WordReader): void {
  const token = read.take('an address');
  if (!parseAddress6(token.text)) throw new PacketWordsError(`"${token.text}" is no IPv6 address`, token);
  draft.target = token.text;
}

function takeGateway(draft: Draft, read: WordReader): void {
  const token = read.take('an address');
  if (!parseAddress4(token.text)) throw new PacketWordsError(`"${token.text}" is no IPv4 address`, token);
  draft.gateway = token.text;
}

function takeAh(draft: Draft, read: WordReader, token: Token): void {
  const spi = read.takeIf('spi') ? read.number(token, U32) : undefined;
  const seq = read.takeIf('seq') ? read.number(token, U32) : undefined;
  draft.before.push(build.ah({ spi, seq }));
}

function dccpType(draft: Draft, _read: WordReader, token: Token): void {
  claim(draft, 'dccp', token);
  draft.dccpType = DCCP_TYPE_WORDS.findIndex((word) => word.toLowerCase() === token.word);
}

function takeChunk(draft: Draft, read: WordReader, token: Token): void {
  claim(draft, 'sctp', token);
  const name = read.take('the name or number of a chunk');
  const names = Object.entries(SCTP_CHUNK_WORDS).map(([type, word]) => ({
    type,
    word: word.toLowerCase().replace(' ', '-'),
  }));
  const type = names.find(({ word }) => word === name.word)?.type ?? (/^\d+$/.test(name.text) ? name.text : undefined);
  if (type === undefined || Number(type) > U8) {
    const near = nearest(
      name.word,
      names.map(({ word }) => word),
    );
    throw new PacketWordsError(`"${name.text}" is no SCTP chunk`, name, near && `did you mean "${near}"?`);
  }
  // INIT and INIT ACK have 16 octets of their own, DATA 12 and something.
  draft.chunks = [...(draft.chunks ?? []), { type: Number(type), data: Number(type) === 0 ? 13 : 16 }];
}

function payload(token: Token): Uint8Array {
  const hex = /^0x/i.test(token.text) && !token.quoted ? fromHex(token.text.slice(2)) : undefined;
  if (!hex && !token.quoted && /^0x/i.test(token.text)) throw new PacketWordsError(`"${token.text}" is not hex`, token);
  return hex ?? Uint8Array.from(token.text, (character) => character.charCodeAt(0) & 0xff);
}
