// The options of a hop-by-hop or destination options header, as a node on the way or at the end treats them. RFC 8200 4.2;
// net/ipv6/exthdrs.c ip6_parse_tlv() and the handlers it calls. Seen on the kernel for every kind here.

import { u32 } from '../../packet/bytes.ts';
import { ICMPV6_PARAMPROB } from '../../packet/icmpv6.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Packet } from '../../packet/packet.ts';
import type { IcmpError } from './icmp-error.ts';
import { isMulticast } from './routes.ts';

/** net.ipv6.max_hbh_opts_number, max_dst_opts_number: options other than padding. */
const MOST_OPTIONS = 8;
/** RFC 4942 2.1.9.5: padding is there to align, so never more than 7 octets of it in a row. */
const MOST_PADDING = 7;

const PAD1 = 0;
const PADN = 1;
const ROUTER_ALERT = 5;
const CALIPSO = 7;
const IOAM = 0x31;
const JUMBO = 0xc2;

/** What to do: 'go' on, 'drop' in silence, or drop and answer with this error. */
export type OptionVerdict = 'go' | 'drop' | IcmpError;

/** The options header at `at`; it was checked to lie within the packet. */
export function examineOptions(pkt: Packet, at: number, hopByHop: boolean): OptionVerdict {
  const { bytes } = pkt;
  const end = at + ((bytes[at + 1] + 1) << 3);
  let padding = 0;
  let options = 0;
  let here = at + 2;
  while (here < end) {
    const length = bytes[here] === PAD1 ? 1 : here + 1 < end ? bytes[here + 1] + 2 : 0;
    if (length === 0 || here + length > end) return 'drop';
    if (bytes[here] === PAD1 || bytes[here] === PADN) {
      padding += length;
      if (padding > MOST_PADDING || !isZero(bytes, here + 2, here + length)) return 'drop';
    } else {
      padding = 0;
      if (++options > MOST_OPTIONS) return 'drop';
      const verdict = hopByHop ? examineHopByHop(pkt, here, length) : unknown(pkt, here);
      if (verdict !== 'go') return verdict;
    }
    here += length;
  }
  return 'go';
}

function examineHopByHop(pkt: Packet, at: number, length: number): OptionVerdict {
  const { bytes, l3 } = pkt;
  switch (bytes[at]) {
    case ROUTER_ALERT:
      return length === 4 ? 'go' : 'drop';
    case IOAM: // not enabled (net.ipv6.conf.*.ioam6_enabled), but its alignment is looked at
      return ((at - l3) & 3) === 0 ? 'go' : 'drop';
    case CALIPSO: // no domain of interpretation is configured, so none is valid (net/ipv6/calipso.c calipso_validate())
      return 'drop';
    case JUMBO:
      return jumbo(pkt, at, length);
    default:
      return unknown(pkt, at);
  }
}

/** RFC 2675 3. A length that could be a real one is more than any of our devices carries, so it is always cut short. */
function jumbo({ bytes, l3, end }: Packet, at: number, length: number): OptionVerdict {
  if (length !== 6 || ((at - l3) & 3) !== 2) return 'drop';
  const claimed = u32(bytes, at + 2);
  if (claimed <= 0xffff) return problem(0, at + 2 - l3);
  if (ipv6.payloadLength(bytes, l3) !== 0) return problem(0, at - l3);
  return claimed > end - l3 - ipv6.LENGTH ? 'drop' : 'go';
}

/** RFC 8200 4.2: the two high bits of the type say what becomes of the packet where it is not known. ip6_tlvopt_unknown() */
function unknown({ bytes, l3 }: Packet, at: number): OptionVerdict {
  const action = bytes[at] >>> 6;
  if (action === 0) return 'go';
  const answered = action === 2 || (action === 3 && !isMulticast(bytes, l3 + ipv6.DESTINATION_AT, 6));
  return answered ? problem(2, at - l3) : 'drop';
}

const problem = (code: number, pointer: number): IcmpError => ({ type: ICMPV6_PARAMPROB, code, rest: pointer });

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}
