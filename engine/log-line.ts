// The line that the kernel's log has for a packet: what LOG prints, and TRACE and NFLOG readers expect. Scripts parse these lines
// (fwlogwatch, psad, fail2ban), so every blank counts: each item ends with one, and some empty ones stay ("MAC= ").
// Source: net/netfilter/nf_log_syslog.c. A packet in an ICMP error's quote is printed once, in brackets, without its own quotes.

import { toHex, u16, u32 } from '../packet/bytes.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import {
  IPPROTO_AH,
  IPPROTO_DSTOPTS,
  IPPROTO_ESP,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import * as tcp from '../packet/tcp.ts';

/** include/uapi/linux/netfilter/nf_log.h NF_LOG_. */
export const NF_LOG_TCPSEQ = 0x01;
export const NF_LOG_TCPOPT = 0x02;
export const NF_LOG_IPOPT = 0x04;
export const NF_LOG_UID = 0x08;
export const NF_LOG_MACDECODE = 0x20;

/** Octets that a line can have: what is left of the kernel's buffer of 1,024 for text (S_SIZE, less the level and the final zero). */
const LONGEST = 1016;

/** The line for `pkt` as it stands now, behind `prefix`; `flags` are NF_LOG_ bits. Allocates: for packets that are logged. */
export function logLine(pkt: Packet, prefix: string, flags: number): string {
  const line = prefix + devices(pkt) + (pkt.inDevice === '' ? '' : linkHeader(pkt, flags));
  const whole: Quote = { bytes: pkt.bytes, end: pkt.end, flags, outer: pkt };
  return cut(line + (pkt.family === 4 ? packet4(whole, pkt.l3) : packet6(whole, pkt.l3)));
}

/** As /dev/kmsg has a line: control characters and backslashes by their number, so that nothing looks like two. */
export const inOneLine = (text: string): string =>
  text.replace(/[\0-\x1f\\\x7f]/g, (odd) => `\\x${odd.charCodeAt(0).toString(16).padStart(2, '0')}`);

const cut = (line: string): string => (line.length > LONGEST ? line.slice(0, LONGEST) : line);

/** The octets to print, up to `end`. `outer` is the packet itself, undefined inside a quote. */
interface Quote {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly flags: number;
  readonly outer: Packet | undefined;
}

/** Text, and whether the line ends here: the kernel returns early from a header that it cannot read. */
interface Part {
  readonly text: string;
  readonly last: boolean;
}

const more = (text: string): Part => ({ text, last: false });
const stop = (text: string): Part => ({ text, last: true });

/** printk's %u: where extension headers reach beyond the packet the difference is huge. */
const incomplete = (octets: number): string => `INCOMPLETE [${octets >>> 0} bytes] `;

// --- Before the packet ------------------------------------------------------------------------------------------------

function devices({ inDevice, outDevice, physIn, physOut }: Packet): string {
  const physical = physIn !== '' && physIn !== inDevice ? `PHYSIN=${physIn} ` : '';
  const outward = physOut !== '' && physOut !== outDevice ? `PHYSOUT=${physOut} ` : '';
  return `IN=${inDevice} OUT=${outDevice} ${physical}${outward}`;
}

const octetsWithColons = (bytes: Uint8Array): string =>
  Array.from(bytes, (_, at) => toHex(bytes, at, at + 1)).join(':');

/** "MAC= " where the device has no link header, as a TUN device. */
function linkHeader({ linkHeader: header }: Packet, flags: number): string {
  if (flags & NF_LOG_MACDECODE && header?.length === 14) {
    const to = octetsWithColons(header.subarray(0, 6));
    const from = octetsWithColons(header.subarray(6, 12));
    return `MACSRC=${from} MACDST=${to} MACPROTO=${toHex(header, 12, 14)} `;
  }
  return `MAC=${header ? octetsWithColons(header) : ''} `;
}

/** Who sent it, and the mark: for the packet itself only. */
function metadata({ outer, flags }: Quote): string {
  if (!outer) return '';
  const { owner, mark } = outer;
  const known = flags & NF_LOG_UID && owner?.uid !== undefined && owner.gid !== undefined;
  return `${known ? `UID=${owner.uid} GID=${owner.gid} ` : ''}${mark === 0 ? '' : `MARK=0x${mark.toString(16)} `}`;
}

// --- Headers of both families -----------------------------------------------------------------------------------------

const TCP_FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [tcp.CWR, 'CWR'],
  [tcp.ECE, 'ECE'],
  [tcp.URG, 'URG'],
  [tcp.ACK, 'ACK'],
  [tcp.PSH, 'PSH'],
  [tcp.RST, 'RST'],
  [tcp.SYN, 'SYN'],
  [tcp.FIN, 'FIN'],
];

function tcpHeader(quote: Quote, at: number, fragment: boolean): Part {
  const { bytes, end, flags } = quote;
  if (fragment) return more('PROTO=TCP ');
  if (!tcp.fits(bytes, at, end)) return stop(`PROTO=TCP ${incomplete(end - at)}`);
  const bits = tcp.flags(bytes, at);
  const sequence = flags & NF_LOG_TCPSEQ ? `SEQ=${tcp.sequence(bytes, at)} ACK=${tcp.acknowledgment(bytes, at)} ` : '';
  // TCP_RESERVED_BITS are the three above AccECN's AE, shifted down by 22: two zeros stay below.
  const reserved = ((tcp.reserved(bytes, at) & 0x0e) << 2).toString(16).padStart(2, '0');
  const text =
    `PROTO=TCP SPT=${tcp.sourcePort(bytes, at)} DPT=${tcp.destinationPort(bytes, at)} ${sequence}` +
    `WINDOW=${tcp.window(bytes, at)} RES=0x${reserved} ` +
    (tcp.reserved(bytes, at) & 1 ? 'AE ' : '') +
    TCP_FLAGS.map(([bit, name]) => (bits & bit ? `${name} ` : '')).join('') +
    `URGP=${tcp.urgentPointer(bytes, at)} `;
  const optionsEnd = at + tcp.headerLength(bytes, at);
  if (!(flags & NF_LOG_TCPOPT) || optionsEnd <= at + tcp.LENGTH) return more(text);
  return optionsEnd > end ? stop(`${text}OPT (TRUNCATED)`) : more(text + options(bytes, at + tcp.LENGTH, optionsEnd));
}

const options = (bytes: Uint8Array, from: number, to: number): string =>
  `OPT (${toHex(bytes, from, to).toUpperCase()}) `;

function udpHeader({ bytes, end }: Quote, at: number, protocol: number, fragment: boolean): Part {
  const name = protocol === IPPROTO_UDP ? 'PROTO=UDP ' : 'PROTO=UDPLITE ';
  if (fragment) return more(name);
  if (at + 8 > end) return stop(name + incomplete(end - at));
  return more(`${name}SPT=${u16(bytes, at)} DPT=${u16(bytes, at + 2)} LEN=${u16(bytes, at + 4)} `);
}

const spi = (bytes: Uint8Array, at: number): string => `SPI=0x${u32(bytes, at).toString(16)} `;

// --- IPv4 -------------------------------------------------------------------------------------------------------------

function packet4(quote: Quote, l3: number): string {
  const { bytes, end, flags } = quote;
  if (!ipv4.fits(bytes, l3, end)) return 'TRUNCATED';
  const l4 = l3 + ipv4.headerLength(bytes, l3);
  let text = header4(bytes, l3);
  if (flags & NF_LOG_IPOPT && l4 > l3 + ipv4.MIN_LENGTH) {
    if (l4 > end) return `${text}TRUNCATED`;
    text += options(bytes, l3 + ipv4.MIN_LENGTH, l4);
  }
  const protocol = ipv4.protocol(bytes, l3);
  const fragment = ipv4.fragmentOffset(bytes, l3) !== 0;
  const part = transport4(quote, l4, protocol, fragment);
  return text + part.text + (part.last ? '' : metadata(quote));
}

function header4(bytes: Uint8Array, l3: number): string {
  const field = ipv4.fragmentField(bytes, l3);
  const tos = ipv4.tos(bytes, l3);
  const pair = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
  return (
    `SRC=${dotted(bytes, l3 + ipv4.SOURCE_AT)} DST=${dotted(bytes, l3 + ipv4.DESTINATION_AT)} ` +
    `LEN=${ipv4.totalLength(bytes, l3)} TOS=0x${pair(tos & 0x1e)} PREC=0x${pair(tos & 0xe0)} ` +
    `TTL=${ipv4.ttl(bytes, l3)} ID=${ipv4.id(bytes, l3)} ` +
    (field & ipv4.IP_CE ? 'CE ' : '') +
    (field & ipv4.IP_DF ? 'DF ' : '') +
    (field & ipv4.IP_MF ? 'MF ' : '') +
    (field & ipv4.IP_OFFSET ? `FRAG:${field & ipv4.IP_OFFSET} ` : '')
  );
}

const dotted = (bytes: Uint8Array, at: number): string => bytes.subarray(at, at + 4).join('.');

function transport4(quote: Quote, l4: number, protocol: number, fragment: boolean): Part {
  const { bytes, end } = quote;
  switch (protocol) {
    case IPPROTO_TCP:
      return tcpHeader(quote, l4, fragment);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      return udpHeader(quote, l4, protocol, fragment);
    case IPPROTO_ICMP:
      return more(`PROTO=ICMP ${fragment ? '' : icmp4(quote, l4)}`);
    case IPPROTO_AH:
      // Not even the name, of a later fragment.
      return more(fragment ? '' : `PROTO=AH ${l4 + 12 > end ? incomplete(end - l4) : spi(bytes, l4 + 4)}`);
    case IPPROTO_ESP:
      return more(`PROTO=ESP ${fragment ? '' : l4 + 8 > end ? incomplete(end - l4) : spi(bytes, l4)}`);
    default:
      return more(`PROTO=${protocol} `);
  }
}

/** Octets that an ICMP message of that type must have to be printed whole: with a quote, its IP header. */
const ICMP_LENGTH: Readonly<Record<number, number>> = {
  0: 4,
  3: 28,
  4: 28,
  5: 28,
  8: 4,
  11: 28,
  12: 28,
  13: 20,
  14: 20,
  17: 12,
  18: 12,
};

function icmp4(quote: Quote, at: number): string {
  const { bytes, end } = quote;
  if (at + 8 > end) return incomplete(end - at);
  const type = bytes[at];
  const code = bytes[at + 1];
  const head = `TYPE=${type} CODE=${code} `;
  if (end - at < (ICMP_LENGTH[type] ?? 0)) return head + incomplete(end - at);
  switch (type) {
    case 0:
    case 8:
      return `${head}ID=${u16(bytes, at + 4)} SEQ=${u16(bytes, at + 6)} `;
    case 12:
      return `${head}PARAMETER=${bytes[at + 4]} `;
    case 5:
      return `${head}GATEWAY=${dotted(bytes, at + 4)} ${inner4(quote, at + 8)}`;
    case 3:
      return `${head}${inner4(quote, at + 8)}${code === 4 ? `MTU=${u16(bytes, at + 6)} ` : ''}`;
    case 4:
    case 11:
      return head + inner4(quote, at + 8);
    default:
      return head;
  }
}

const inner4 = (quote: Quote, at: number): string =>
  quote.outer ? `[${packet4({ ...quote, outer: undefined }, at)}] ` : '';

// --- IPv6 -------------------------------------------------------------------------------------------------------------

function packet6(quote: Quote, l3: number): string {
  const { bytes, end } = quote;
  if (!ipv6.fits(bytes, l3, end)) return 'TRUNCATED';
  const head = header6(bytes, l3);
  const chain = extensionHeaders(quote, ipv6.nextHeader(bytes, l3), l3 + ipv6.LENGTH);
  if (chain.last) return head + chain.text;
  const part = transport6(quote, chain.at, chain.protocol, chain.fragment);
  return head + chain.text + part.text + (part.last ? '' : metadata(quote));
}

function header6(bytes: Uint8Array, l3: number): string {
  return (
    `SRC=${colons(bytes, l3 + ipv6.SOURCE_AT)} DST=${colons(bytes, l3 + ipv6.DESTINATION_AT)} ` +
    `LEN=${ipv6.payloadLength(bytes, l3) + ipv6.LENGTH} TC=${ipv6.trafficClass(bytes, l3)} ` +
    `HOPLIMIT=${ipv6.hopLimit(bytes, l3)} FLOWLBL=${ipv6.flowLabel(bytes, l3)} `
  );
}

/** All eight groups with all four digits: printk's %pI6. */
const colons = (bytes: Uint8Array, at: number): string =>
  Array.from({ length: 8 }, (_, group) => toHex(bytes, at + 2 * group, at + 2 * group + 2)).join(':');

interface Chain extends Part {
  readonly protocol: number;
  readonly at: number;
  readonly fragment: boolean;
}

const isListed = (next: number): boolean =>
  next === IPPROTO_HOPOPTS ||
  next === IPPROTO_ROUTING ||
  next === IPPROTO_FRAGMENT ||
  next === IPPROTO_ESP ||
  next === IPPROTO_AH ||
  next === IPPROTO_DSTOPTS;

/** With NF_LOG_IPOPT each header gets its "OPT ( ... ) "; without, only the fragment header shows. ESP ends the line. */
function extensionHeaders(quote: Quote, next: number, at: number): Chain {
  const { bytes, end, flags } = quote;
  const shown = (flags & NF_LOG_IPOPT) !== 0;
  let text = '';
  let fragment = false;
  const ends = (tail: string): Chain => ({ ...stop(text + tail), protocol: next, at, fragment });
  while (isListed(next)) {
    if (at + 2 > end) return ends('TRUNCATED');
    if (shown) text += 'OPT ( ';
    let length = (bytes[at + 1] + 1) << 3;
    if (next === IPPROTO_FRAGMENT) {
      if (at + 8 > end) return ends('FRAG:TRUNCATED ');
      const field = u16(bytes, at + 2);
      text += `FRAG:${field & 0xfff8} ${field & 1 ? 'INCOMPLETE ' : ''}ID:${toHex(bytes, at + 4, at + 8)} `;
      fragment ||= (field & 0xfff8) !== 0;
      length = 8;
    } else if (next === IPPROTO_AH) {
      if (shown) {
        if (fragment) return ends('AH )');
        if (at + 12 > end) return ends(`AH ${incomplete(end - at)})`);
        text += `AH ${spi(bytes, at + 4)}`;
      }
      length = (bytes[at + 1] + 2) << 2;
    } else if (next === IPPROTO_ESP) {
      if (!shown) return ends('');
      if (fragment) return ends('ESP )');
      return ends(at + 8 > end ? `ESP ${incomplete(end - at)})` : `ESP ${spi(bytes, at)})`);
    } else if (fragment) return ends(shown ? ')' : '');
    if (shown) text += ') ';
    next = bytes[at];
    at += length;
  }
  return { ...more(text), protocol: next, at, fragment };
}

function transport6(quote: Quote, at: number, protocol: number, fragment: boolean): Part {
  switch (protocol) {
    case IPPROTO_TCP:
      return tcpHeader(quote, at, fragment);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      return udpHeader(quote, at, protocol, fragment);
    case IPPROTO_ICMPV6:
      return fragment ? more('PROTO=ICMPv6 ') : icmp6(quote, at);
    default:
      return more(`PROTO=${protocol} `);
  }
}

function icmp6(quote: Quote, at: number): Part {
  const { bytes, end } = quote;
  if (at + 8 > end) return stop(`PROTO=ICMPv6 ${incomplete(end - at)}`);
  const type = bytes[at];
  const head = `PROTO=ICMPv6 TYPE=${type} CODE=${bytes[at + 1]} `;
  switch (type) {
    case 128:
    case 129:
      return more(`${head}ID=${u16(bytes, at + 4)} SEQ=${u16(bytes, at + 6)} `);
    case 4:
      return more(`${head}POINTER=${toHex(bytes, at + 4, at + 8)} ${inner6(quote, at + 8)}`);
    case 2:
      return more(`${head}${inner6(quote, at + 8)}MTU=${u32(bytes, at + 4)} `);
    case 1:
    case 3:
      return more(head + inner6(quote, at + 8));
    default:
      return more(head);
  }
}

const inner6 = (quote: Quote, at: number): string =>
  quote.outer ? `[${packet6({ ...quote, outer: undefined }, at)}] ` : '';
