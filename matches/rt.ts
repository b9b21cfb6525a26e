import { defineMatch, type Predicate } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { flag, own, u32, u32Range } from '../grammar/values.ts';
import { formatAddress, parseAddress } from '../packet/address.ts';
import { u32 as readU32 } from '../packet/bytes.ts';
import { IPPROTO_ROUTING } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { BROKEN, findHeader, headerLength, LONGER, NOT_FOUND } from './shared/ext-headers.ts';
import { isAnySpi, listSpis, type SpiRange, saveSpis, spiRange, spiTest } from './shared/spi.ts';
import { bang, option, words } from './shared/text.ts';

// Routing header, RFC 8200 4.4; type 0 (RFC 2460 4.4) goes on with 4 reserved octets and addresses:
//   at+0         at+1     at+2   at+3           at+4       at+8
//   | nextHeader | length | type | segmentsLeft | reserved | address | address ...
const MIN_LENGTH = 4;
const RESERVED_AT = 4;
const ADDRESSES_AT = 8;
/** IP6T_RT_HOPS */
const MOST = 16;

const addressList = {
  words: 1 as const,
  metavar: 'address[,address...]',
  parse([word]: readonly string[], scope: ValueScope): string[] {
    const items = word.split(',');
    const found = items.slice(0, MOST).map((item) => {
      const address = parseAddress(item, 6) ?? scope.fail(`bad address: ${item}`);
      return formatAddress(address, 6);
    });
    if (items.length > MOST) scope.fail('too many addresses specified', `at most ${MOST}`);
    return found;
  },
  print: (addresses: readonly string[]): string => addresses.join(','),
};

interface Asked {
  readonly value: number;
  readonly inverted: boolean;
}

interface Checked {
  readonly type: Asked | undefined;
  readonly segmentsLeft: SpiRange;
  readonly length: Asked | undefined;
  readonly reserved: boolean;
  readonly addresses: readonly string[] | undefined;
  /** The addresses need not be all, nor side by side. */
  readonly loose: boolean;
}

const both = (c: Checked): string => (c.addresses ? addressList.print(c.addresses) : '');

export const rt = defineMatch({
  name: 'rt',
  families: [6],
  summary: 'Fields of the IPv6 routing header.',
  kernel: 'net/ipv6/netfilter/ip6t_rt.c rt_mt6()',
  effect: 'pure',
  options: {
    'rt-type': u32({ help: 'type of the header', invert: true }),
    'rt-segsleft': u32Range({ help: 'segments left, or MIN:MAX', invert: true }),
    'rt-len': u32({ help: 'octets of the whole header', invert: true }),
    'rt-0-res': flag({ help: 'type 0: the reserved field is zero' }),
    'rt-0-addrs': own(addressList, { help: 'type 0: exactly these addresses' }),
    'rt-0-not-strict': flag({ help: 'type 0: these addresses among others, in this order' }),
  },
  check(given, scope): Checked {
    const type = given['rt-type'];
    const isType0 = type?.value === 0 && !type.inverted;
    const addresses = given['rt-0-addrs'];
    const loose = given['rt-0-not-strict'];
    // The tool looks when it meets each, so the first in the rule that is wrong is the one it names.
    const needing = [given['rt-0-res'], addresses, loose].filter((one) => one !== undefined);
    for (const one of needing.sort((a, b) => a.span.start - b.span.start)) {
      if (one === loose) {
        if (addresses && addresses.span.start < loose.span.start) continue;
        scope.fail("`--rt-0-addr ...' required before `--rt-0-not-strict'", loose);
      }
      if (!isType0 || type.span.start > one.span.start)
        scope.fail(`\`--rt-type 0' required before \`--${one.name}'`, one);
    }
    const length = given['rt-len'];
    return {
      type: type && { value: type.value, inverted: type.inverted },
      segmentsLeft: spiRange(given['rt-segsleft']),
      length: length && { value: length.value, inverted: length.inverted },
      reserved: given['rt-0-res'] !== undefined,
      addresses: addresses?.value,
      loose: loose !== undefined,
    };
  },
  save: (c) =>
    words(
      c.type && option('rt-type', c.type.value, c.type.inverted),
      saveSpis('rt-segsleft', c.segmentsLeft),
      c.length && option('rt-len', c.length.value, c.length.inverted),
      c.reserved && '--rt-0-res',
      c.addresses && `--rt-0-addrs ${both(c)}`,
      c.loose && '--rt-0-not-strict',
    ),
  list: (c) =>
    words(
      'rt',
      // A type is printed as a signed number.
      c.type && `type:${bang(c.type.inverted)}${c.type.value | 0}`,
      listSpis('segsleft', c.segmentsLeft.range, c.segmentsLeft.inverted),
      c.length && `length:${bang(c.length.inverted)}${c.length.value}`,
      c.reserved && 'reserved',
      c.addresses && `0-addrs ${both(c)}`,
      c.loose && '0-not-strict',
    ),
  compile: routingMatch,
  saw(_checked, pkt) {
    const at = findHeader(pkt, IPPROTO_ROUTING);
    if (at === NOT_FOUND) return 'no routing header';
    if (at === BROKEN || at + MIN_LENGTH > pkt.end) return 'routing header cut short';
    return `type ${pkt.bytes[at + 2]} segsleft ${pkt.bytes[at + 3]} length ${headerLength(pkt.bytes, at, IPPROTO_ROUTING)}`;
  },
});

function routingMatch({ type, segmentsLeft, length, reserved, addresses, loose }: Checked): Predicate {
  const left = isAnySpi(segmentsLeft.range) && !segmentsLeft.inverted ? undefined : spiTest(segmentsLeft);
  const listed = addresses?.map((address) => parseAddress(address, 6)!);
  return (pkt) => {
    const at = findHeader(pkt, IPPROTO_ROUTING);
    if (at === NOT_FOUND) return false;
    const { bytes, end } = pkt;
    if (at === BROKEN || at + MIN_LENGTH > end) return pkt.hotDrop('routing header cut short');
    const octets = headerLength(bytes, at, IPPROTO_ROUTING);
    if (at + octets > end) return pkt.hotDrop(LONGER);
    if (left && !left(bytes[at + 3])) return false;
    if (length && (octets === length.value) === length.inverted) return false;
    if (type && (bytes[at + 2] === type.value) === type.inverted) return false;
    if (reserved && readU32(bytes, at + RESERVED_AT) !== 0) return false;
    if (!listed) return true;
    const there = (octets - ADDRESSES_AT) >> 4;
    return loose ? containsInOrder(pkt, at, there, listed) : areExactly(pkt, at, there, listed);
  };
}

function areExactly(pkt: Packet, at: number, there: number, listed: readonly Uint8Array[]): boolean {
  if (there !== listed.length) return false;
  return listed.every((address, index) => isAddress(pkt, at + ADDRESSES_AT + 16 * index, address));
}

function containsInOrder(pkt: Packet, at: number, there: number, listed: readonly Uint8Array[]): boolean {
  let found = 0;
  for (let index = 0; index < there && found < listed.length; index++) {
    if (isAddress(pkt, at + ADDRESSES_AT + 16 * index, listed[found])) found++;
  }
  return found === listed.length;
}

function isAddress(pkt: Packet, at: number, address: Uint8Array): boolean {
  for (let octet = 0; octet < 16; octet++) if (pkt.bytes[at + octet] !== address[octet]) return false;
  return true;
}
