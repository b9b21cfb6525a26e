// SNPT and DNPT: stateless IPv6-to-IPv6 prefix translation, RFC 6296. What the prefix adds to a checksum is taken off another word of
// the address, so that no checksum has to be mended.

import { defineTarget } from '../../engine/extension.ts';
import { CONTINUE, DROP } from '../../engine/verdict.ts';
import type { HookName } from '../../grammar/tables.ts';
import { type AddressMask, addressMask, addressMaskBounds } from '../../grammar/values.ts';
import { type Address, formatAddress, parseAddress, prefixMask } from '../../packet/address.ts';
import { putU16, u16 } from '../../packet/bytes.ts';
import { fold, sum } from '../../packet/checksum.ts';
import * as icmpv6 from '../../packet/icmpv6.ts';
import { ICMPV6_DEST_UNREACH, ICMPV6_PARAMPROB } from '../../packet/icmpv6.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import { IPPROTO_ICMPV6 } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { words } from './text.ts';

/** ip6t_npt_checkentry(): at most 64 bits, and none set behind them. */
const fits = (prefix: AddressMask): boolean =>
  prefix.length <= 64 && formatAddress(addressMaskBounds(prefix, 6)[0], 6) === prefix.address;

export const prefixTranslation = (
  name: 'SNPT' | 'DNPT',
  end: 'source' | 'destination',
  hooks: readonly HookName[],
  kernel: string,
) =>
  defineTarget({
    name,
    families: [6],
    summary: `Exchanges the prefix of the ${end} address, without state.`,
    kernel,
    options: {
      'src-pfx': addressMask({ help: 'prefix to be exchanged', required: true }),
      'dst-pfx': addressMask({ help: 'prefix to put in its place', required: true }),
    },
    check: (options) => ({ from: options['src-pfx'].value, to: options['dst-pfx'].value }),
    // A prefix of no bits does not print.
    save: ({ from, to }) =>
      words(
        from.length > 0 && `--src-pfx ${from.address}/${from.length}`,
        to.length > 0 && `--dst-pfx ${to.address}/${to.length}`,
      ),
    list: ({ from, to }) =>
      words(
        name,
        from.length > 0 && `src-pfx ${from.address}/${from.length}`,
        to.length > 0 && `dst-pfx ${to.address}/${to.length}`,
      ),
    placement: {
      tables: ['mangle'],
      hooks,
      refuses: ({ from, to }) =>
        fits(from) && fits(to) ? undefined : `ip6t_NPT: a prefix has at most 64 bits, and none set behind them`,
    },
    compile({ from, to }, { services }) {
      const [mine, other] =
        end === 'source' ? [ipv6.SOURCE_AT, ipv6.DESTINATION_AT] : [ipv6.DESTINATION_AT, ipv6.SOURCE_AT];
      const prefix = parseAddress(from.address, 6)!;
      const mask = prefixMask(from.length, 6);
      const exchange = exchanger(prefix, parseAddress(to.address, 6)!, Math.max(from.length, to.length));
      return (pkt) => {
        const { bytes, l3 } = pkt;
        if (!exchange(bytes, l3 + mine)) {
          services.sendError?.(pkt, { type: ICMPV6_PARAMPROB, code: 0, rest: mine });
          pkt.reason = 'prefix cannot be exchanged';
          return DROP;
        }
        const quote = quotedHeader(pkt);
        if (quote >= 0 && begins(bytes, quote + other, prefix, mask)) exchange(bytes, quote + other);
        return CONTINUE;
      };
    },
  });

/**
 * Puts the prefix into an address and takes the difference off a word behind it: the fourth for prefixes of up to 48 bits, for longer ones the
 * first of the interface identifier that is not all ones. False: all of them are. ip6t_npt_map_pfx()
 */
function exchanger(from: Address, to: Address, length: number): (bytes: Uint8Array, at: number) => boolean {
  const mask = prefixMask(length, 6);
  const adjustment = fold(sum(from, 0, 16) + (~sum(to, 0, 16) & 0xffff));
  return (bytes, at) => {
    for (let octet = 0; octet < 16; octet++) {
      bytes[at + octet] = (bytes[at + octet] & ~mask[octet]) | (to[octet] & mask[octet]);
    }
    const word = at + (length <= 48 ? 6 : firstOtherThanOnes(bytes, at));
    if (word >= at + 16) return false;
    const value = fold(u16(bytes, word) + adjustment);
    // RFC 6296 3.6: all ones are written as zero.
    putU16(bytes, word, value === 0xffff ? 0 : value);
    return true;
  };
}

function firstOtherThanOnes(bytes: Uint8Array, at: number): number {
  let word = 8;
  while (word < 16 && u16(bytes, at + word) === 0xffff) word += 2;
  return word;
}

/** IPv6 header that an ICMPv6 error quotes, or -1: right behind the IPv6 header only, and types 1 to 4. icmpv6_bounced_ipv6hdr() */
function quotedHeader({ bytes, l3, end }: Packet): number {
  const message = l3 + ipv6.LENGTH;
  const quote = message + icmpv6.LENGTH;
  if (ipv6.nextHeader(bytes, l3) !== IPPROTO_ICMPV6 || quote + ipv6.LENGTH > end) return -1;
  return bytes[message] >= ICMPV6_DEST_UNREACH && bytes[message] <= ICMPV6_PARAMPROB ? quote : -1;
}

function begins(bytes: Uint8Array, at: number, prefix: Address, mask: Address): boolean {
  for (let octet = 0; octet < 16; octet++) if ((bytes[at + octet] & mask[octet]) !== prefix[octet]) return false;
  return true;
}
