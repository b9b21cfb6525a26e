import { defineMatch } from '../engine/extension.ts';
import { flag, type NumberRange, printRange, u32, u32Range } from '../grammar/values.ts';
import { u32 as readU32, u16 } from '../packet/bytes.ts';
import { IPPROTO_FRAGMENT } from '../packet/numbers.ts';
import { BROKEN, findHeader, NOT_FOUND } from './shared/ext-headers.ts';
import { isAnySpi, listSpis } from './shared/spi.ts';
import { bang, option } from './shared/text.ts';

// Fragment header, RFC 8200 4.5:
//   at+0         at+1       at+2                      at+4
//   | nextHeader | reserved | offset(13) res(2) M(1)  | identification |
const LENGTH = 8;
const RESERVED_BITS = 0x6;
const OFFSET_BITS = 0xfff8;
const MORE = 0x1;

interface Checked {
  readonly id: NumberRange;
  readonly idInverted: boolean;
  /** Kept and printed; the kernel does not look at it. */
  readonly length: { readonly value: number; readonly inverted: boolean } | undefined;
  readonly flags: readonly Flag[];
}

/** In save order. */
const FLAGS = { fragres: 'reserved', fragfirst: 'first', fragmore: 'more', fraglast: 'last' } as const;
type Flag = keyof typeof FLAGS;

export const frag = defineMatch({
  name: 'frag',
  families: [6],
  summary: 'Fields of the IPv6 fragment header.',
  kernel: 'net/ipv6/netfilter/ip6t_frag.c frag_mt6()',
  effect: 'pure',
  options: {
    fragid: u32Range({ help: 'identification, or MIN:MAX', invert: true }),
    fraglen: u32({ help: 'length of the header; has no effect', invert: true }),
    fragres: flag({ help: 'the reserved bits are zero' }),
    fragfirst: flag({ help: 'offset 0' }),
    fragmore: flag({ help: 'more fragments follow', excludes: ['fraglast'] }),
    fraglast: flag({ help: 'no more fragments follow', excludes: ['fragmore'] }),
  },
  check: (given): Checked => ({
    id: given.fragid?.value ?? [0, 0xffff_ffff],
    idInverted: given.fragid?.inverted ?? false,
    length: given.fraglen && { value: given.fraglen.value, inverted: given.fraglen.inverted },
    flags: (Object.keys(FLAGS) as Flag[]).filter((name) => given[name]),
  }),
  save: ({ id, idInverted, length, flags }) =>
    [
      isAnySpi(id) ? '' : option('fragid', printRange(id), idInverted),
      length ? option('fraglen', length.value, length.inverted) : '',
      ...flags.map((name) => `--${name}`),
    ]
      .filter(Boolean)
      .join(' '),
  // The parts bring their own blanks, which do not always fit together.
  list: ({ id, idInverted, length, flags }) =>
    `frag ${listSpis('id', id, idInverted)}${length ? ` length:${bang(length.inverted)}${length.value}` : ''}${flags
      .map((name) => ` ${FLAGS[name]}`)
      .join('')}`,
  compile({ id: [low, high], idInverted, flags }) {
    const zero = (flags.includes('fragfirst') ? OFFSET_BITS : 0) | (flags.includes('fraglast') ? MORE : 0);
    const reserved = flags.includes('fragres');
    const zeroBits = zero | (reserved ? RESERVED_BITS : 0);
    const oneBits = flags.includes('fragmore') ? MORE : 0;
    return (pkt) => {
      const at = findHeader(pkt, IPPROTO_FRAGMENT);
      if (at === NOT_FOUND) return false;
      const { bytes } = pkt;
      if (at === BROKEN || at + LENGTH > pkt.end) return pkt.hotDrop('fragment header cut short');
      const id = readU32(bytes, at + 4);
      if ((low <= id && id <= high) === idInverted) return false;
      const field = u16(bytes, at + 2);
      return (field & zeroBits) === 0 && (field & oneBits) === oneBits && !(reserved && bytes[at + 1] !== 0);
    };
  },
  saw(_checked, pkt) {
    const at = findHeader(pkt, IPPROTO_FRAGMENT);
    if (at === NOT_FOUND) return 'no fragment header';
    if (at === BROKEN || at + LENGTH > pkt.end) return 'fragment header cut short';
    const field = u16(pkt.bytes, at + 2);
    return `id ${readU32(pkt.bytes, at + 4)} offset ${field & OFFSET_BITS}${field & MORE ? ' more' : ' last'}`;
  },
});
