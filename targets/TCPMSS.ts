import { pull } from '../conntrack/defrag/cut.ts';
import { type Action, defineTarget } from '../engine/extension.ts';
import type { Services } from '../engine/services.ts';
import { CONTINUE, DROP, type Verdict } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import type { MatchSpec } from '../grammar/rule-spec.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { flag, own } from '../grammar/values.ts';
import { readAddress } from '../packet/address.ts';
import { putU16, putU32, u16 } from '../packet/bytes.ts';
import { fold, rewriteTransportU8, rewriteTransportU16, rewriteU16, updated } from '../packet/checksum.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import { type Family, IPPROTO_TCP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import * as tcp from '../packet/tcp.ts';

/** IP and TCP headers without options: what a path MTU has and a segment size has not. */
const HEADERS: Record<Family, number> = { 4: 40, 6: 60 };
/** RFC 9293 3.7.1: what a SYN without the option means, so an option that is added may not say more. */
const DEFAULT_MSS: Record<Family, number> = { 4: 536, 6: 1220 };
const OPTION_LENGTH = 4;
const CLAMP = 0xffff;

const segmentSize = {
  words: 1 as const,
  metavar: 'value',
  parse([word]: readonly string[], scope: ValueScope): number {
    const most = 65_535 - HEADERS[scope.family] + 20;
    return wholeNumber(word, 0, most) ?? scope.outOfRange(0, most);
  },
  print: (value: number): string => value.toString(),
};

/** xt_TCPMSS.c find_syn_match(): some tcp match of the rule asks for SYN to be set. */
const asksForSyn = ({ name, checked }: MatchSpec): boolean => {
  const { set = 0, flagsInverted = false } = checked as { set?: number; flagsInverted?: boolean };
  return name === 'tcp' && (set & tcp.SYN) !== 0 && !flagsInverted;
};

export const TCPMSS = defineTarget({
  name: 'TCPMSS',
  families: [4, 6],
  summary: 'Lowers the segment size that a SYN announces, to a number or to what the path MTU leaves.',
  kernel: 'net/netfilter/xt_TCPMSS.c tcpmss_mangle_packet()',
  options: {
    'set-mss': own(segmentSize, { help: 'lower the MSS to VALUE' }),
    'clamp-mss-to-pmtu': flag({ help: 'lower the MSS to the path MTU less 40 (IPv4) or 60 (IPv6) octets' }),
  },
  check(options, scope): { readonly mss: number | 'clamp' } {
    const { 'set-mss': set, 'clamp-mss-to-pmtu': clamp } = options;
    // Both write into one field: the later one counts.
    if (clamp && !(set && set.span.start > clamp.span.start)) return { mss: 'clamp' };
    return set ? { mss: set.value } : scope.fail('TCPMSS target: At least one parameter is required');
  },
  save: ({ mss }) => (mss === 'clamp' ? '--clamp-mss-to-pmtu' : `--set-mss ${mss}`),
  list: ({ mss }) => (mss === 'clamp' ? 'TCPMSS clamp to PMTU' : `TCPMSS set ${mss}`),
  placement: {
    protocols: [IPPROTO_TCP],
    refuses({ mss }, { hooks, matches }) {
      if (mss === 'clamp' && hooks.some((hook) => hook === 'PREROUTING' || hook === 'INPUT')) {
        return 'xt_TCPMSS: path-MTU clamping only supported in FORWARD, OUTPUT and POSTROUTING hooks';
      }
      return matches.some(asksForSyn) ? undefined : 'xt_TCPMSS: Only works on TCP SYN packets';
    },
  },
  compile({ mss }, { family, services }): Action {
    if (mss !== 'clamp') return (pkt) => lower(pkt, family, mss);
    return (pkt) => (pkt.fragmentOffset === 0 ? lower(pkt, family, clamp(pkt, family, services)) : CONTINUE);
  },
});

/** Of the packet at hand. */
const source = new Uint8Array(16);

/** What the smaller of the two paths leaves; CLAMP + 1 and above never happen, -1: the MTU has no room for the headers. */
function clamp(pkt: Packet, family: Family, { routes }: Services): number {
  const { bytes, l3 } = pkt;
  readAddress(bytes, l3 + (family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT), family, source);
  const back = routes.lookup(source, family)?.device ?? pkt.inDevice;
  const mtu = Math.min(knownMtu(routes.mtu(pkt.outDevice)), knownMtu(routes.mtu(back)));
  return mtu <= HEADERS[family] ? -1 : Math.min(mtu - HEADERS[family], CLAMP);
}

/** A device that is not known limits nothing: tcpmss_reverse_mtu() answers the same for a source without route. */
const knownMtu = (mtu: number): number => (mtu === 0 ? Number.POSITIVE_INFINITY : mtu);

function lower(pkt: Packet, family: Family, mss: number): Verdict {
  if (pkt.fragmentOffset !== 0) return CONTINUE;
  // skb_ensure_writable() of all of it: the pieces of a reassembled packet are forgotten, whatever is found.
  pull(pkt, pkt.length);
  const { bytes, l4, end } = pkt;
  if (!tcp.whole(bytes, l4, end) || mss < 0) {
    pkt.reason = mss < 0 ? 'no room for a TCP segment in the path MTU' : 'TCP header cut short';
    return DROP;
  }
  const limit = l4 + tcp.headerLength(bytes, l4);
  for (let here = l4 + tcp.LENGTH; here + OPTION_LENGTH <= limit; here += tcp.stride(bytes, here, limit)) {
    if (bytes[here] !== tcp.TCPOPT_MSS || bytes[here + 1] !== OPTION_LENGTH) continue;
    // Never raised: the announcing host relies on it.
    if (u16(bytes, here + 2) > mss) setSize(pkt, here + 2, mss);
    return CONTINUE;
  }
  // With data there is no place for the option; with a full header none either.
  if (limit < end || limit - l4 === tcp.MAX_LENGTH) return CONTINUE;
  addOption(pkt, family, Math.min(mss, DEFAULT_MSS[family]));
  return CONTINUE;
}

/** Like the kernel, this mends the checksum as if the number stood at an even place; no real sender puts it at an odd one. */
function setSize({ bytes, l4, checksumPartial }: Packet, at: number, mss: number): void {
  if (checksumPartial) putU16(bytes, at, mss);
  else rewriteU16(bytes, at, mss, l4 + tcp.CHECKSUM_AT);
}

/** Puts the option first, where the kernel puts it; the packet grows by 4 octets. */
function addOption(pkt: Packet, family: Family, mss: number): void {
  makeRoom(pkt);
  const { bytes, l3, l4, end } = pkt;
  const first = l4 + tcp.LENGTH;
  const length = end - l4;
  if (first < end) bytes.copyWithin(first + OPTION_LENGTH, first, end);
  pkt.end = end + OPTION_LENGTH;
  mendLength(pkt, length, length + OPTION_LENGTH);
  // The words behind have moved by an even number of octets, so their sum is the same: only the new ones count.
  putU32(bytes, first, 0);
  rewriteTransportU16(pkt, first, (tcp.TCPOPT_MSS << 8) | OPTION_LENGTH);
  rewriteTransportU16(pkt, first + 2, mss);
  rewriteTransportU8(pkt, l4 + 12, bytes[l4 + 12] + ((OPTION_LENGTH / 4) << 4));
  if (family === 4) ipv4.setTotalLength(bytes, l3, ipv4.totalLength(bytes, l3) + OPTION_LENGTH);
  else ipv6.setPayloadLength(bytes, l3, ipv6.payloadLength(bytes, l3) + OPTION_LENGTH);
}

/** The length is part of the pseudo header, so a partial checksum changes with it too. */
function mendLength(pkt: Packet, before: number, after: number): void {
  const at = pkt.l4 + tcp.CHECKSUM_AT;
  const stored = u16(pkt.bytes, at);
  const mended = pkt.checksumPartial ? fold(stored + (~before & 0xffff) + after) : updated(stored, before, after);
  putU16(pkt.bytes, at, mended);
}

/** Buffers of devices are longer than any packet; one that is exactly full (a test, a copy) is replaced by a longer one. */
function makeRoom(pkt: Packet): void {
  if (pkt.end + OPTION_LENGTH <= pkt.room) return;
  const longer = new Uint8Array(pkt.end + OPTION_LENGTH);
  longer.set(pkt.bytes.subarray(0, pkt.end));
  pkt.bytes = longer;
  pkt.room = longer.length;
}
