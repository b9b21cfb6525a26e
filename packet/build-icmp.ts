// ICMP and ICMPv6 layers of build.ts, and whole errors about a packet.

import type { Address } from './address.ts';
import { type Ip4Fields, type Ip6Fields, ip4, ip6 } from './build-ip.ts';
import { addressOctets, type ChecksumFields, chooseChecksum, type Data, type Layer, octets } from './build-layer.ts';
import { concat, putU16, putU32 } from './bytes.ts';
import { ICMP_DEST_UNREACH, ICMP_ECHO } from './icmp.ts';
import { ICMPV6_DEST_UNREACH, ICMPV6_ECHO_REQUEST } from './icmpv6.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from './numbers.ts';

interface CommonFields extends ChecksumFields {
  type?: number;
  code?: number;
  /** The second word: of echo messages, */
  id?: number;
  seq?: number;
  /** of "fragmentation needed" and packet too big, */
  mtu?: number;
  /** of parameter problem, */
  pointer?: number;
  /** or as it stands. */
  rest?: number;
  /** What follows: echo data, the quoted packet, the message's own fields. */
  data?: Data;
}

export interface IcmpFields extends CommonFields {
  /** Of a redirect. */
  gateway?: string | Address;
}

export type Icmp6Fields = CommonFields;

export const icmp = (fields: IcmpFields = {}): Layer => ({
  protocol: IPPROTO_ICMP,
  emit(_next, rest) {
    const message = concat(head(fields, ICMP_ECHO), octets(fields.data), rest);
    if (fields.gateway !== undefined) message.set(addressOctets(fields.gateway, 4), 4);
    if (fields.mtu !== undefined) putU16(message, 6, fields.mtu);
    if (fields.pointer !== undefined) message[4] = fields.pointer;
    putU16(message, 2, chooseChecksum(message, fields, 0));
    return message;
  },
});

export const icmp6 = (fields: Icmp6Fields = {}): Layer => ({
  protocol: IPPROTO_ICMPV6,
  emit(_next, rest, pseudo) {
    const message = concat(head(fields, ICMPV6_ECHO_REQUEST), octets(fields.data), rest);
    const word = fields.mtu ?? fields.pointer;
    if (word !== undefined) putU32(message, 4, word);
    putU16(message, 2, chooseChecksum(message, fields, pseudo(IPPROTO_ICMPV6, message.length)));
    return message;
  },
});

function head({ type, code = 0, id = 0, seq = 0, rest }: CommonFields, echo: number): Uint8Array {
  const octets = new Uint8Array(8);
  octets[0] = type ?? echo;
  octets[1] = code;
  putU16(octets, 4, id);
  putU16(octets, 6, seq);
  if (rest !== undefined) putU32(octets, 4, rest);
  return octets;
}

/**
 * An ICMP error about `packet`, sent back to its source from `from` (or its destination), quoting up to `quote` octets:
 * the header and 8 more by default, the least that RFC 792 asks. Port unreachable unless the fields say otherwise.
 */
export function icmpErrorAbout(
  packet: Uint8Array,
  fields: IcmpFields & { from?: string | Address; quote?: number; outer?: Ip4Fields } = {},
): Uint8Array {
  const headerLength = (packet[0] & 0x0f) << 2;
  const quoted = packet.slice(0, fields.quote ?? headerLength + 8);
  const outer = { src: fields.from ?? mapped(packet, 16), dst: mapped(packet, 12), ...fields.outer };
  return ip4(outer, icmp({ type: ICMP_DEST_UNREACH, code: 3, data: quoted, ...fields }));
}

/** The ICMPv6 counterpart: quotes as much as fits into 1280 octets (RFC 4443 2.4 c), or `quote` octets. */
export function icmp6ErrorAbout(
  packet: Uint8Array,
  fields: Icmp6Fields & { from?: string | Address; quote?: number; outer?: Ip6Fields } = {},
): Uint8Array {
  const quoted = packet.slice(0, fields.quote ?? 1280 - 48);
  const outer = { src: fields.from ?? packet.slice(24, 40), dst: packet.slice(8, 24), ...fields.outer };
  return ip6(outer, icmp6({ type: ICMPV6_DEST_UNREACH, code: 4, data: quoted, ...fields }));
}

/** A 4-octet address of a packet in the 16-octet form. */
function mapped(packet: Uint8Array, at: number): Address {
  const address = new Uint8Array(16);
  address.set(packet.subarray(at, at + 4), 12);
  return address;
}
