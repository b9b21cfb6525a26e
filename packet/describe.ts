// One line of text per packet, in the manner of `tcpdump -n`: for traces, test failures and logs; not for the data path.
//   IP 10.0.1.2.1024 > 10.0.2.2.80: Flags [S], seq 5, win 65535, options [mss 1460,sackOK], length 0
//   IP6 fd00:a::2 > fd00:b::2: HBH ICMP6, echo-request, id 7, seq 1, length 16
// Sequence numbers are absolute. ICMP types have the names that rules give them, an error says what it is about, fragments their
// identification, and a wrong transport checksum is marked. Any bytes give a line; nothing throws.

import { addressAt, formatAddress } from './address.ts';
import { u32 } from './bytes.ts';
import * as checksum from './checksum.ts';
import { describeTransport } from './describe-transport.ts';
import * as ext from './ext-headers.ts';
import * as ipv4 from './ipv4.ts';
import * as ipv6 from './ipv6.ts';
import {
  type Family,
  IPPROTO_AH,
  IPPROTO_DCCP,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IPIP,
  IPPROTO_IPV6,
  IPPROTO_MH,
  IPPROTO_NONE,
  IPPROTO_ROUTING,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from './numbers.ts';
import { Packet } from './packet.ts';

export interface DescribeOptions {
  /** Adds the header fields that tcpdump shows with -v: TOS, TTL, id, DF, flow label. */
  verbose?: boolean;
}

/** A line about the parsed packet `pkt`. */
export const describe = (pkt: Packet, options: DescribeOptions = {}): string => line(pkt, options, 0);

/** Tunnels in tunnels beyond this are not looked into: a line should stay a line. */
const DEEPEST = 3;

function line(pkt: Packet, options: DescribeOptions, depth: number): string {
  if (pkt.family === 0) return `broken packet (${pkt.malformed || 'not parsed'}), length ${pkt.length}`;
  const marks = checksumMarks(pkt);
  const head = (pkt.family === 4 ? 'IP' : 'IP6') + (options.verbose ? ` (${headerFields(pkt)})` : '');
  return `${head} ${endpoints(pkt)}: ${meaning(pkt, depth)}${marks}`;
}

/** A line about the octets of a packet, which may be cut short or broken. */
export const describeBytes = (bytes: Uint8Array, options?: DescribeOptions): string =>
  describe(Packet.of(bytes), options);

function headerFields({ bytes, l3, family }: Packet): string {
  if (family === 6) {
    const label = ipv6.flowLabel(bytes, l3);
    return `class 0x${ipv6.trafficClass(bytes, l3).toString(16)}, ${label ? `flow 0x${label.toString(16)}, ` : ''}hl ${ipv6.hopLimit(bytes, l3)}`;
  }
  const df = ipv4.dontFragment(bytes, l3) ? ', DF' : '';
  const options = ipv4.headerLength(bytes, l3) - ipv4.MIN_LENGTH;
  const more = options > 0 ? `, options ${options} octets` : '';
  return `tos 0x${ipv4.tos(bytes, l3).toString(16)}, ttl ${ipv4.ttl(bytes, l3)}, id ${ipv4.id(bytes, l3)}${df}${more}`;
}

const WITH_PORTS: readonly number[] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP];

function endpoints(pkt: Packet): string {
  const { bytes, l3, l4, end } = pkt;
  const family = pkt.family as Family;
  const source = formatAddress(addressAt(bytes, l3 + (family === 4 ? 12 : 8), family), family);
  const destination = formatAddress(addressAt(bytes, l3 + (family === 4 ? 16 : 24), family), family);
  if (pkt.fragmentOffset !== 0 || !WITH_PORTS.includes(pkt.protocol) || l4 + 4 > end)
    return `${source} > ${destination}`;
  const ports = u32(bytes, l4);
  return `${source}.${ports >>> 16} > ${destination}.${ports & 0xffff}`;
}

/** Everything behind the addresses. */
function meaning(pkt: Packet, depth: number): string {
  const { bytes, l4, end, protocol } = pkt;
  const chain = pkt.family === 6 ? extensionHeaders(pkt) : fragmentOf4(pkt);
  if (pkt.fragmentOffset !== 0) return `${chain}${protocolWord(protocol)}, length ${Math.max(end - l4, 0)}`;
  if (protocol === -1) return `${chain}[header cut short]`;
  if ((protocol === IPPROTO_IPIP || protocol === IPPROTO_IPV6) && depth < DEEPEST) {
    return chain + line(Packet.of(bytes.subarray(l4, end)), {}, depth + 1);
  }
  if (protocol === IPPROTO_AH) return `${chain}${ahText(bytes, l4, end)} ${protocolWord(bytes[l4])}`;
  const text = describeTransport(pkt);
  const quoted = quotedPacket(pkt);
  return chain + text + (quoted === '' ? '' : `, about: ${quoted}`);
}

const fragmentOf4 = ({ bytes, l3, l4, end, moreFragments, fragmentOffset }: Packet): string =>
  moreFragments || fragmentOffset !== 0
    ? fragmentText(ipv4.id(bytes, l3), fragmentOffset, end - l4, moreFragments)
    : '';

const fragmentText = (id: number, offset: number, length: number, more: boolean): string =>
  `frag (id ${id}, ${offset}|${Math.max(length, 0)}${more ? '+' : ''}) `;

/** The chain from the IPv6 header to `l4`, a word or two each. */
function extensionHeaders(pkt: Packet): string {
  const { bytes, l3, end } = pkt;
  let text = '';
  let next = ipv6.nextHeader(bytes, l3);
  let at = l3 + ipv6.LENGTH;
  while (at < pkt.l4 && ext.fits(bytes, at, end)) {
    text += extensionHeader(bytes, at, end, next);
    const here = at;
    at += ext.length(bytes, here, next);
    next = bytes[here];
  }
  return text;
}

function extensionHeader(bytes: Uint8Array, at: number, end: number, kind: number): string {
  switch (kind) {
    case IPPROTO_HOPOPTS:
      return 'HBH ';
    case IPPROTO_DSTOPTS:
      return 'DSTOPT ';
    case IPPROTO_ROUTING:
      return `RT6 (type ${ext.routingType(bytes, at)}, segleft ${ext.segmentsLeft(bytes, at)}) `;
    case IPPROTO_FRAGMENT: {
      const more = ext.moreFragments(bytes, at);
      return fragmentText(ext.fragmentId(bytes, at), ext.fragmentOffset(bytes, at), end - at - 8, more);
    }
    case IPPROTO_AH:
      return `${ahText(bytes, at, end)} `;
    default:
      return '';
  }
}

const ahText = (bytes: Uint8Array, at: number, end: number): string =>
  ext.ahFits(bytes, at, end)
    ? `AH (spi 0x${ext.ahSpi(bytes, at).toString(16)}, seq ${ext.ahSequence(bytes, at)})`
    : 'AH [cut short]';

function protocolWord(protocol: number): string {
  if (protocol === IPPROTO_NONE) return 'no next header';
  return PROTOCOL_WORDS.get(protocol) ?? (protocol === -1 ? 'unknown protocol' : `ip-proto-${protocol}`);
}

const PROTOCOL_WORDS = new Map([
  [IPPROTO_ICMP, 'ICMP'],
  [IPPROTO_TCP, 'TCP'],
  [IPPROTO_UDP, 'UDP'],
  [IPPROTO_ICMPV6, 'ICMP6'],
  [IPPROTO_SCTP, 'SCTP'],
  [IPPROTO_MH, 'mobility'],
]);

/** The packet inside an ICMP error, as far as it is quoted; '' when there is none. */
function quotedPacket(pkt: Packet): string {
  const { bytes, l4, end, protocol, family } = pkt;
  const isError =
    (protocol === IPPROTO_ICMP && family === 4 && [3, 4, 5, 11, 12].includes(bytes[l4])) ||
    (protocol === IPPROTO_ICMPV6 && family === 6 && bytes[l4] < 128);
  if (!isError || l4 + 8 + (family === 4 ? ipv4.MIN_LENGTH : ipv6.LENGTH) > end) return '';
  return describeQuoted(bytes.slice(l4 + 8, end));
}

/** A quote is cut short: only addresses, protocol and ports are sure to be there. */
function describeQuoted(bytes: Uint8Array): string {
  const version = bytes[0] >>> 4;
  if (version !== 4 && version !== 6) return 'broken packet';
  // The length that the header claims would be refused by parse(); the quote ends where it ends.
  if (version === 4) ipv4.setTotalLength(bytes, 0, bytes.length);
  else ipv6.setPayloadLength(bytes, 0, bytes.length - ipv6.LENGTH);
  const inner = Packet.of(bytes);
  if (inner.family === 0) return 'broken packet';
  return `${inner.family === 4 ? 'IP' : 'IP6'} ${endpoints(inner)} ${protocolWord(inner.protocol)}`;
}

/** Only a whole datagram can be judged; a transport header cut short says so itself. */
function checksumMarks(pkt: Packet): string {
  const { bytes, l3, end } = pkt;
  const header =
    pkt.family === 4 && ipv4.whole(bytes, l3, end) && !ipv4.checksumRight(bytes, l3) ? ' (bad header checksum)' : '';
  const isPiece = pkt.fragmentOffset !== 0 || pkt.moreFragments;
  const judged = !isPiece && pkt.protocol !== -1 && pkt.l4 + 8 <= end && !pkt.checksumTrusted;
  return header + (judged && !checksum.verify(pkt) ? ' (bad checksum)' : '');
}
