// The part of a packet's line that its transport header gives. Only for a whole packet or a first fragment.

import { formatAddress } from './address.ts';
import { u32 } from './bytes.ts';
import * as dccp from './dccp.ts';
import * as ext from './ext-headers.ts';
import * as gre from './gre.ts';
import * as icmp from './icmp.ts';
import { icmpName } from './icmp-names.ts';
import * as icmpv6 from './icmpv6.ts';
import * as ndp from './ndp.ts';
import * as numbers from './numbers.ts';
import type { Packet } from './packet.ts';
import * as sctp from './sctp.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';

/** By protocol; one that is not known by number, and a header that is not all there marked. */
export function describeTransport(pkt: Packet): string {
  const { bytes, l4, end } = pkt;
  const length = Math.max(end - l4, 0);
  const known = DESCRIBED.get(pkt.protocol);
  if (pkt.protocol === numbers.IPPROTO_NONE) return 'no next header';
  if (!known) return `ip-proto-${pkt.protocol}, length ${length}`;
  if (length < known.least) return `${known.word} [header cut short], length ${length}`;
  return known.text(bytes, l4, end, pkt);
}

type Describe = (bytes: Uint8Array, at: number, end: number, pkt: Packet) => string;

const DESCRIBED = new Map<number, { word: string; least: number; text: Describe }>([
  [numbers.IPPROTO_TCP, { word: 'TCP', least: tcp.LENGTH, text: tcpText }],
  [numbers.IPPROTO_UDP, { word: 'UDP', least: udp.LENGTH, text: udpText }],
  [numbers.IPPROTO_UDPLITE, { word: 'UDP-Lite', least: 8, text: (_b, at, end) => `UDP-Lite, length ${end - at - 8}` }],
  [numbers.IPPROTO_ICMP, { word: 'ICMP', least: 4, text: icmpText }],
  [numbers.IPPROTO_ICMPV6, { word: 'ICMP6', least: 4, text: icmp6Text }],
  [numbers.IPPROTO_SCTP, { word: 'sctp', least: sctp.LENGTH, text: sctpText }],
  [numbers.IPPROTO_DCCP, { word: 'DCCP', least: dccp.MIN_LENGTH, text: dccpText }],
  [numbers.IPPROTO_GRE, { word: 'GRE', least: gre.MIN_LENGTH, text: greText }],
  [numbers.IPPROTO_ESP, { word: 'ESP', least: ext.ESP_LENGTH, text: espText }],
  [numbers.IPPROTO_MH, { word: 'mobility', least: ext.MIN_LENGTH, text: mobilityText }],
]);

// --- TCP ------------------------------------------------------------------------------------------------------------------

// In tcpdump's order and letters.
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [tcp.FIN, 'F'],
  [tcp.SYN, 'S'],
  [tcp.RST, 'R'],
  [tcp.PSH, 'P'],
  [tcp.ACK, '.'],
  [tcp.URG, 'U'],
  [tcp.ECE, 'E'],
  [tcp.CWR, 'W'],
];

/** `S.`, `P.`, `none`. */
export const tcpFlagLetters = (flags: number): string =>
  FLAG_LETTERS.map(([bit, letter]) => (flags & bit ? letter : '')).join('') || 'none';

function tcpText(bytes: Uint8Array, at: number, end: number): string {
  const flags = tcp.flags(bytes, at);
  const head = `Flags [${tcpFlagLetters(flags)}]`;
  if (!tcp.whole(bytes, at, end))
    return `${head}, bad header length ${tcp.headerLength(bytes, at)}, length ${end - at}`;
  const length = end - at - tcp.headerLength(bytes, at);
  const seq = tcp.sequence(bytes, at);
  const parts = [head];
  // tcpdump leaves out the sequence number of a bare ACK.
  if (length > 0) parts.push(`seq ${seq}:${(seq + length) >>> 0}`);
  else if (flags & (tcp.SYN | tcp.FIN | tcp.RST) || seq !== 0) parts.push(`seq ${seq}`);
  if (flags & tcp.ACK) parts.push(`ack ${tcp.acknowledgment(bytes, at)}`);
  parts.push(`win ${tcp.window(bytes, at)}`);
  if (flags & tcp.URG) parts.push(`urg ${tcp.urgentPointer(bytes, at)}`);
  const options = tcpOptions(bytes, at, end);
  if (options !== '') parts.push(`options [${options}]`);
  parts.push(`length ${length}`);
  return parts.join(', ');
}

function tcpOptions(bytes: Uint8Array, at: number, end: number): string {
  const limit = tcp.optionsEnd(bytes, at, end);
  const words: string[] = [];
  let here = at + tcp.LENGTH;
  while (here < limit) {
    const kind = bytes[here];
    if (kind <= tcp.TCPOPT_NOP) {
      words.push(kind === tcp.TCPOPT_NOP ? 'nop' : 'eol');
      if (kind === tcp.TCPOPT_EOL) break;
      here++;
      continue;
    }
    const length = here + 1 < limit ? bytes[here + 1] : 0;
    if (length < 2 || here + length > limit) {
      words.push(`bad option ${kind}`);
      break;
    }
    words.push(tcpOption(bytes, here, kind, length));
    here += length;
  }
  return words.join(',');
}

function tcpOption(bytes: Uint8Array, here: number, kind: number, length: number): string {
  if (kind === tcp.TCPOPT_MSS && length === 4) return `mss ${(bytes[here + 2] << 8) | bytes[here + 3]}`;
  if (kind === tcp.TCPOPT_WINDOW && length === 3) return `wscale ${bytes[here + 2]}`;
  if (kind === tcp.TCPOPT_SACK_PERM && length === 2) return 'sackOK';
  if (kind === tcp.TCPOPT_TIMESTAMP && length === 10)
    return `TS val ${u32(bytes, here + 2)} ecr ${u32(bytes, here + 6)}`;
  if (kind === tcp.TCPOPT_SACK && length % 8 === 2) {
    const blocks = Array.from({ length: length >>> 3 }, (_, index) => here + 2 + 8 * index);
    return `sack ${blocks.length} ${blocks.map((block) => `{${u32(bytes, block)}:${u32(bytes, block + 4)}}`).join('')}`;
  }
  return `opt-${kind}`;
}

// --- UDP, ICMP --------------------------------------------------------------------------------------------------------------

function udpText(bytes: Uint8Array, at: number, end: number, pkt: Packet): string {
  const claimed = udp.length(bytes, at);
  // A first fragment claims the whole datagram.
  const wrong = claimed < udp.LENGTH || (claimed > end - at && !pkt.moreFragments);
  return wrong ? `UDP, bad length ${claimed}, length ${end - at - 8}` : `UDP, length ${claimed - udp.LENGTH}`;
}

function icmpText(bytes: Uint8Array, at: number, end: number): string {
  const type = icmp.type(bytes, at);
  const parts = [`ICMP ${icmpName(type, icmp.code(bytes, at), 4)}`];
  if (icmp.fits(bytes, at, end)) {
    if (ICMP_WITH_ID.includes(type)) parts.push(`id ${icmp.id(bytes, at)}`, `seq ${icmp.sequence(bytes, at)}`);
    if (type === icmp.ICMP_DEST_UNREACH && icmp.code(bytes, at) === icmp.ICMP_FRAG_NEEDED)
      parts.push(`mtu ${icmp.mtu(bytes, at)}`);
    if (type === icmp.ICMP_PARAMETERPROB) parts.push(`pointer ${icmp.pointer(bytes, at)}`);
    if (type === icmp.ICMP_REDIRECT) parts.push(`gateway ${[...bytes.subarray(at + 4, at + 8)].join('.')}`);
  }
  parts.push(`length ${end - at}`);
  return parts.join(', ');
}

const ICMP_WITH_ID: readonly number[] = [
  icmp.ICMP_ECHOREPLY,
  icmp.ICMP_ECHO,
  icmp.ICMP_TIMESTAMP,
  icmp.ICMP_TIMESTAMPREPLY,
  icmp.ICMP_ADDRESS,
  icmp.ICMP_ADDRESSREPLY,
];

function icmp6Text(bytes: Uint8Array, at: number, end: number): string {
  const type = icmpv6.type(bytes, at);
  const parts = [`ICMP6, ${icmpName(type, icmpv6.code(bytes, at), 6)}`];
  if (icmpv6.fits(bytes, at, end)) parts.push(...icmp6Fields(bytes, at, end));
  parts.push(`length ${end - at}`);
  return parts.join(', ');
}

function icmp6Fields(bytes: Uint8Array, at: number, end: number): string[] {
  switch (icmpv6.type(bytes, at)) {
    case icmpv6.ICMPV6_ECHO_REQUEST:
    case icmpv6.ICMPV6_ECHO_REPLY:
      return [`id ${icmpv6.id(bytes, at)}`, `seq ${icmpv6.sequence(bytes, at)}`];
    case icmpv6.ICMPV6_PKT_TOOBIG:
      return [`mtu ${icmpv6.mtu(bytes, at)}`];
    case icmpv6.ICMPV6_PARAMPROB:
      return [`pointer ${icmpv6.pointer(bytes, at)}`];
    case icmpv6.NDISC_NEIGHBOUR_SOLICITATION:
      return ndp.fits(bytes, at, end) ? [`who has ${address6(bytes, at + ndp.TARGET_AT)}`] : [];
    case icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT:
      return ndp.fits(bytes, at, end) ? [`tgt is ${address6(bytes, at + ndp.TARGET_AT)}`] : [];
    default:
      return [];
  }
}

const address6 = (bytes: Uint8Array, at: number): string => formatAddress(bytes.subarray(at, at + 16), 6);

// --- SCTP, DCCP, GRE, ESP, mobility -------------------------------------------------------------------------------------------

export const SCTP_CHUNK_WORDS: Readonly<Record<number, string>> = {
  [sctp.SCTP_CID_DATA]: 'DATA',
  [sctp.SCTP_CID_INIT]: 'INIT',
  [sctp.SCTP_CID_INIT_ACK]: 'INIT ACK',
  [sctp.SCTP_CID_SACK]: 'SACK',
  [sctp.SCTP_CID_HEARTBEAT]: 'HB REQ',
  [sctp.SCTP_CID_HEARTBEAT_ACK]: 'HB ACK',
  [sctp.SCTP_CID_ABORT]: 'ABORT',
  [sctp.SCTP_CID_SHUTDOWN]: 'SHUTDOWN',
  [sctp.SCTP_CID_SHUTDOWN_ACK]: 'SHUTDOWN ACK',
  [sctp.SCTP_CID_ERROR]: 'OP ERR',
  [sctp.SCTP_CID_COOKIE_ECHO]: 'COOKIE ECHO',
  [sctp.SCTP_CID_COOKIE_ACK]: 'COOKIE ACK',
  [sctp.SCTP_CID_SHUTDOWN_COMPLETE]: 'SHUTDOWN COMPLETE',
};

function sctpText(bytes: Uint8Array, at: number, end: number): string {
  const chunks: string[] = [];
  for (let chunk = sctp.firstChunk(bytes, at, end); chunk >= 0; chunk = sctp.nextChunk(bytes, chunk, end)) {
    const type = sctp.chunkType(bytes, chunk);
    chunks.push(`[${SCTP_CHUNK_WORDS[type] ?? `chunk ${type}`}]`);
    if (chunks.length === 8) break;
  }
  return `sctp tag 0x${sctp.verificationTag(bytes, at).toString(16)} ${chunks.join(' ')}, length ${end - at}`;
}

export const DCCP_TYPE_WORDS: readonly string[] = [
  'Request',
  'Response',
  'Data',
  'Ack',
  'DataAck',
  'CloseReq',
  'Close',
  'Reset',
  'Sync',
  'SyncAck',
];

function dccpText(bytes: Uint8Array, at: number, end: number): string {
  const type = dccp.type(bytes, at);
  const word = DCCP_TYPE_WORDS[type] ?? `type ${type}`;
  const seq = dccp.genericLength(bytes, at) <= end - at ? `, seq ${dccp.sequence(bytes, at)}` : '';
  return `DCCP ${word}${seq}, length ${end - at}`;
}

function greText(bytes: Uint8Array, at: number, end: number): string {
  const head = `GREv${gre.version(bytes, at)}, proto 0x${gre.protocol(bytes, at).toString(16).padStart(4, '0')}`;
  if (!gre.whole(bytes, at, end)) return `${head} [header cut short], length ${end - at}`;
  const flags = gre.flags(bytes, at);
  const parts = [head];
  if (gre.version(bytes, at) === 1) parts.push(`call ${gre.callId(bytes, at)}`);
  else if (flags & gre.GRE_KEY) parts.push(`key 0x${gre.key(bytes, at).toString(16)}`);
  if (flags & gre.GRE_SEQ) parts.push(`seq ${gre.sequence(bytes, at)}`);
  if (gre.version(bytes, at) === 1 && flags & gre.GRE_ACK) parts.push(`ack ${gre.acknowledgment(bytes, at)}`);
  parts.push(`length ${end - at}`);
  return parts.join(', ');
}

function espText(bytes: Uint8Array, at: number, end: number): string {
  return `ESP (spi 0x${ext.espSpi(bytes, at).toString(16)}, seq ${ext.espSequence(bytes, at)}), length ${end - at}`;
}

function mobilityText(bytes: Uint8Array, at: number, end: number): string {
  return `mobility type ${ext.mobilityType(bytes, at)}, length ${end - at}`;
}
