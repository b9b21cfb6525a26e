import { defineMatch } from '../engine/extension.ts';
import type { ListScope, ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { type NumberRange, own } from '../grammar/values.ts';
import { IPPROTO_MH, IPPROTO_NONE } from '../packet/numbers.ts';
import { bang } from './shared/text.ts';

// Mobility header, RFC 6275 6.1.1: | payloadProtocol | length | type | reserved | checksum(16) | ...
const LENGTH = 6;
const TYPE_AT = 2;

/** The first name of a number is the one that is listed; a name may be cut short, then the first that begins so is meant. */
const NAMES: readonly (readonly [name: string, type: number])[] = [
  ['binding-refresh-request', 0],
  ['brr', 0],
  ['home-test-init', 1],
  ['hoti', 1],
  ['careof-test-init', 2],
  ['coti', 2],
  ['home-test', 3],
  ['hot', 3],
  ['careof-test', 4],
  ['cot', 4],
  ['binding-update', 5],
  ['bu', 5],
  ['binding-acknowledgement', 6],
  ['ba', 6],
  ['binding-error', 7],
  ['be', 7],
];

/** The whole name first, else one that begins so. */
function typeNumber(word: string, scope: ValueScope): number {
  const lower = word.toLowerCase();
  const named = NAMES.find(([name]) => name === lower) ?? NAMES.find(([name]) => name.startsWith(lower));
  const hint = `0 to 255, or one of: ${NAMES.map(([name]) => name).join(', ')}`;
  return named?.[1] ?? wholeNumber(word, 0, 255) ?? scope.fail(`Invalid MH type \`${word}'`, hint);
}

const typeRange = {
  words: 1 as const,
  metavar: 'type[:type]',
  parse([word]: readonly string[], scope: ValueScope): NumberRange {
    const colon = word.indexOf(':');
    if (colon < 0) {
      const only = typeNumber(word, scope);
      return [only, only];
    }
    const [first, second] = [word.slice(0, colon), word.slice(colon + 1)];
    const low = first === '' ? 0 : typeNumber(first, scope);
    const high = second === '' ? 255 : typeNumber(second, scope);
    if (low > high) scope.fail('Invalid MH type range (min > max)', `write ${high}:${low}`);
    return [low, high];
  },
  print: ([low, high]: NumberRange): string => (low === high ? `${low}` : `${low}:${high}`),
};

const isAny = ([low, high]: NumberRange): boolean => low === 0 && high === 255;
const listed = (type: number, scope: ListScope): string =>
  (scope.numeric ? undefined : NAMES.find((entry) => entry[1] === type)?.[0]) ?? type.toString();

export const mh = defineMatch({
  name: 'mh',
  families: [6],
  summary: 'Type of a mobility header message.',
  kernel: 'net/ipv6/netfilter/ip6t_mh.c mh_mt6()',
  placement: { protocols: [IPPROTO_MH] },
  effect: 'pure',
  options: { 'mh-type': own(typeRange, { help: 'type or types', invert: true }) },
  check: (given) => ({
    range: given['mh-type']?.value ?? ([0, 255] as NumberRange),
    inverted: given['mh-type']?.inverted ?? false,
  }),
  save: ({ range, inverted }) => (isAny(range) ? '' : `${inverted ? '! ' : ''}--mh-type ${typeRange.print(range)}`),
  list({ range, inverted }, scope) {
    if (isAny(range) && !inverted) return 'mh';
    const [low, high] = range;
    const text = low === high ? listed(low, scope) : `${listed(low, scope)}:${listed(high, scope)}`;
    return `mh ${bang(inverted)}${text}`;
  },
  compile:
    ({ range: [low, high], inverted }) =>
    (pkt) => {
      if (pkt.fragmentOffset !== 0) return false;
      const { bytes, l4 } = pkt;
      if (l4 + LENGTH > pkt.end) return pkt.hotDrop('mobility header cut short');
      // RFC 6275 6.1.1: nothing may follow it.
      if (bytes[l4] !== IPPROTO_NONE) return pkt.hotDrop('mobility header with a payload');
      const type = bytes[l4 + TYPE_AT];
      return (low <= type && type <= high) !== inverted;
    },
  saw: (_checked, pkt) =>
    pkt.l4 + LENGTH > pkt.end ? 'mobility header cut short' : `type ${pkt.bytes[pkt.l4 + TYPE_AT]}`,
});
