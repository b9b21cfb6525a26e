import { type AddressRange, defineMatch, type Predicate } from '../engine/extension.ts';
import type { Given, ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { type AddressSpan, own } from '../grammar/values.ts';
import { type Address, addressAt, formatAddress, parseAddress, parseAddress4, wire } from '../packet/address.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import { addressesWithin } from './shared/ranges.ts';
import { words } from './shared/text.ts';

/** The address reader of this match: no host names, and short IPv4 forms are filled up with zeros (`1.2` is 1.2.0.0). */
function end(word: string, scope: ValueScope): Address {
  const found = scope.family === 4 ? dotted(word) : parseAddress(word, 6);
  return found ?? scope.fail(`iprange: Bad value for "--${scope.option}" option: "${word}"`);
}

/** xtables_numeric_to_ipaddr(): one to four parts in any base. */
function dotted(word: string): Address | undefined {
  const parts = word.split('.').map((part) => wholeNumber(part, 0, 255));
  if (parts.length > 4 || parts.includes(undefined)) return undefined;
  return parseAddress4([...parts, 0, 0, 0].slice(0, 4).join('.'));
}

const range = {
  words: 1 as const,
  metavar: 'address[-address]',
  parse([word]: readonly string[], scope: ValueScope): AddressSpan {
    const dash = word.indexOf('-');
    const first = end(dash < 0 ? word : word.slice(0, dash), scope);
    const last = dash < 0 ? first : end(word.slice(dash + 1), scope);
    const [low, high] = [formatAddress(first, scope.family), formatAddress(last, scope.family)];
    if (order(first, 0, last) > 0) scope.warn(`xt_iprange: range ${low}-${high} is reversed and will never match`);
    return { low, high };
  },
  print: ({ low, high }: AddressSpan): string => `${low}-${high}`,
};

interface Asked extends AddressSpan {
  readonly inverted: boolean;
}

interface Checked {
  readonly source?: Asked;
  readonly destination?: Asked;
}

const asked = ({ value, inverted }: Given<AddressSpan>): Asked => ({ ...value, inverted });
const save = (name: string, one: Asked | undefined): string | undefined =>
  one && `${one.inverted ? '! ' : ''}--${name} ${range.print(one)}`;
const list = (label: string, one: Asked | undefined): string | undefined =>
  one && `${label} IP range ${one.inverted ? '! ' : ''}${range.print(one)}`;

export const iprange = defineMatch({
  name: 'iprange',
  families: [4, 6],
  summary: 'Source or destination lies between two addresses.',
  kernel: 'net/netfilter/xt_iprange.c iprange_mt4(), iprange_mt6()',
  effect: 'pure',
  options: {
    'src-range': own(range, { help: 'source from the first to the second address', invert: true }),
    'dst-range': own(range, { help: 'destination from the first to the second address', invert: true }),
  },
  check(given, scope): Checked {
    const source = given['src-range'];
    const destination = given['dst-range'];
    if (!source && !destination) scope.fail("iprange match: You must specify `--src-range' or `--dst-range'");
    return { ...(source && { source: asked(source) }), ...(destination && { destination: asked(destination) }) };
  },
  save: ({ source, destination }) => words(save('src-range', source), save('dst-range', destination)),
  list: ({ source, destination }) => words(list('source', source), list('destination', destination)),
  compile({ source, destination }, { family }) {
    const from = source && lies(source, family === 4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT, family);
    const to = destination && lies(destination, family === 4 ? ipv4.DESTINATION_AT : ipv6.DESTINATION_AT, family);
    if (from && to) return (pkt) => from(pkt) && to(pkt);
    return (from ?? to)!;
  },
  constrain: ({ source, destination }, family) => ({
    ...(source && { source: constraint(source, family) }),
    ...(destination && { destination: constraint(destination, family) }),
  }),
  saw(_checked, pkt) {
    if (pkt.family === 0) return '';
    const [source, destination] =
      pkt.family === 4 ? [ipv4.SOURCE_AT, ipv4.DESTINATION_AT] : [ipv6.SOURCE_AT, ipv6.DESTINATION_AT];
    const text = (at: number): string =>
      formatAddress(addressAt(pkt.bytes, pkt.l3 + at, pkt.family as Family), pkt.family as Family);
    return `source ${text(source)} destination ${text(destination)}`;
  },
});

/** Compares the octets in place, high one first; a range whose ends are the wrong way round holds nothing. */
function lies({ low, high, inverted }: Asked, offset: number, family: Family): Predicate {
  const first = wire(parseAddress(low, family)!, family);
  const last = wire(parseAddress(high, family)!, family);
  return (pkt) => {
    const at = pkt.l3 + offset;
    return (order(pkt.bytes, at, first) >= 0 && order(pkt.bytes, at, last) <= 0) !== inverted;
  };
}

function order(bytes: Uint8Array, at: number, limit: Uint8Array): number {
  for (let octet = 0; octet < limit.length; octet++) {
    const difference = bytes[at + octet] - limit[octet];
    if (difference !== 0) return difference;
  }
  return 0;
}

const ALL: Record<Family, AddressRange> = {
  4: [parseAddress('0.0.0.0', 4)!, parseAddress('255.255.255.255', 4)!],
  6: [new Uint8Array(16), new Uint8Array(16).fill(0xff)],
};

const constraint = ({ low, high, inverted }: Asked, family: Family): AddressRange[] =>
  addressesWithin([parseAddress(low, family)!, parseAddress(high, family)!], inverted, ALL[family]);
