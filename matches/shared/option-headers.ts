// -m hbh and -m dst: the same match over the hop-by-hop or the (first) destination options header.

import { defineMatch, type Predicate } from '../../engine/extension.ts';
import type { ValueScope } from '../../grammar/options.ts';
import { own, u32 } from '../../grammar/values.ts';
import type { Packet } from '../../packet/packet.ts';
import { BROKEN, findHeader, headerLength, LONGER, NOT_FOUND } from './ext-headers.ts';
import { bang, option, words } from './text.ts';

/** IP6T_OPTS_OPTSNR */
const MOST = 16;
/** Stands for "any length": the kernel keeps type and length in two octets. */
const ANY_LENGTH = 0xff;

export interface HeaderOption {
  readonly type: number;
  readonly length: number;
}

interface Dialect {
  readonly name: 'hbh' | 'dst';
  readonly header: number;
  readonly summary: string;
  /** Pad1 has no length field; the two say so in slightly different words. */
  readonly pad: string;
}

export interface Checked {
  readonly length: { readonly value: number; readonly inverted: boolean } | undefined;
  readonly options: readonly HeaderOption[] | undefined;
}

/** Numbers that are too large are cut to eight bits, negative ones too: strtoul(). */
function octet(word: string, what: 'opt' | 'length', whole: string, scope: ValueScope): number {
  const digits = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|\d+)(.*)$/.exec(word);
  if (!digits) return scope.fail(`${scope.extension}: no valid digits in ${what} \`${word}'`);
  if (digits[3] !== '') scope.fail(`${scope.extension}: error parsing ${what} \`${word}'`);
  const octal = /^0[0-7]+$/.test(digits[2]);
  const value = BigInt(octal ? `0o${digits[2]}` : digits[2]);
  if (value > 0xffff_ffff_ffff_ffffn)
    scope.fail(`${what} \`${word}' specified too big: would overflow`, `in "${whole}"`);
  return Number(BigInt.asUintN(8, digits[1] === '-' ? -value : value));
}

export function defineOptionHeader({ name, header, summary, pad }: Dialect) {
  const kind = {
    words: 1 as const,
    metavar: 'type[:length][,type[:length]...]',
    parse([word]: readonly string[], scope: ValueScope): HeaderOption[] {
      const items = word.split(',');
      const found = items.slice(0, MOST).map((item, index): HeaderOption => {
        const colon = item.indexOf(':');
        // A range would take two places in the port lists that this reader was made for.
        if (colon >= 0 && index === MOST - 1) scope.fail('too many ports specified', `the ${MOST}th has no length`);
        const type = octet(colon < 0 ? item : item.slice(0, colon), 'opt', word, scope);
        if (colon < 0) return { type, length: ANY_LENGTH };
        if (type === 0) scope.fail(pad, 'option 0 (Pad1) is a single octet');
        return { type, length: octet(item.slice(colon + 1), 'length', word, scope) };
      });
      if (items.length > MOST) scope.fail('too many addresses specified', `at most ${MOST} options`);
      return found;
    },
    print: (options: readonly HeaderOption[]): string =>
      options.map(({ type, length }) => (length === ANY_LENGTH ? `${type}` : `${type}:${length}`)).join(','),
  };
  return defineMatch({
    name,
    families: [6],
    summary,
    kernel: 'net/ipv6/netfilter/ip6t_hbh.c hbh_mt6()',
    effect: 'pure',
    options: {
      [`${name}-len`]: u32({ help: 'octets of the whole header', invert: true }),
      [`${name}-opts`]: own(kind, { help: 'its options begin with these, in this order' }),
    },
    check(given): Checked {
      const length = given[`${name}-len`];
      return {
        length: length && { value: length.value as number, inverted: length.inverted },
        options: given[`${name}-opts`]?.value as HeaderOption[] | undefined,
      };
    },
    save: ({ length, options }) =>
      words(
        length && option(`${name}-len`, length.value, length.inverted),
        options && option(`${name}-opts`, kind.print(options)),
      ),
    list: ({ length, options }) =>
      words(name, length && `length:${bang(length.inverted)}${length.value}`, options && `opts ${kind.print(options)}`),
    compile: (checked) => headerMatch(header, checked),
    saw(_checked, pkt) {
      const at = findHeader(pkt, header);
      if (at === NOT_FOUND) return 'no such header';
      if (at === BROKEN) return 'header chain cut short';
      return `length ${headerLength(pkt.bytes, at, header)} first option ${pkt.bytes[at + 2]}`;
    },
  });
}

function headerMatch(header: number, { length, options }: Checked): Predicate {
  return (pkt) => {
    const at = findHeader(pkt, header);
    if (at === NOT_FOUND) return false;
    if (at === BROKEN) return pkt.hotDrop('extension header cut short');
    const octets = headerLength(pkt.bytes, at, header);
    if (at + octets > pkt.end) return pkt.hotDrop(LONGER);
    if (options && !beginsWith(pkt, at + 2, octets - 2, options)) return false;
    return !length || (octets === length.value) !== length.inverted;
  };
}

/** The options at `at`, of which there are `left` octets, are those wanted, in order; more may follow. */
function beginsWith(pkt: Packet, at: number, left: number, options: readonly HeaderOption[]): boolean {
  const { bytes, end } = pkt;
  for (let index = 0; index < options.length; index++) {
    const { type, length } = options[index];
    if (left < 1 || at >= end || bytes[at] !== type) return false;
    let octets = 1;
    if (type !== 0) {
      if (left < 2 || at + 1 >= end) return false;
      const found = bytes[at + 1];
      if (length !== ANY_LENGTH && length !== found) return false;
      octets = found + 2;
    }
    const last = index === options.length - 1;
    if (!last && (at + octets > end || left < octets)) return false;
    at += octets;
    left -= octets;
  }
  return true;
}
