import { defineMatch, type Predicate } from '../engine/extension.ts';
import type { Given, ValueScope } from '../grammar/options.ts';
import { flag, own, text, u16 } from '../grammar/values.ts';
import { fromHex, toHex } from '../packet/bytes.ts';
import { search } from './shared/search.ts';
import { utf8 } from './shared/utf8.ts';

/** XT_STRING_MAX_PATTERN_SIZE */
const LONGEST = 128;
const ALGORITHMS = ['bm', 'kmp'];

/**
 * Differs: the real tool looks for whatever octets it is given. Text comes to us decoded, with U+FFFD where it was no UTF-8: to look for that
 * would be to look for something else.
 */
function octetsOf(word: string, scope: ValueScope): Uint8Array {
  if (word.includes('\ufffd')) scope.fail('STRING is no UTF-8', 'write such octets in hex: --hex-string "caf|e9|"');
  return utf8(word);
}

const plain = {
  words: 1 as const,
  metavar: 'pattern',
  parse([word]: readonly string[], scope: ValueScope): string {
    const octets = octetsOf(word, scope);
    if (octets.length > LONGEST) scope.fail(`STRING too long "${word}"`, `at most ${LONGEST} octets`);
    return toHex(octets);
  },
  print: (pattern: string): string => `"${pattern}"`,
};

const hexString = {
  words: 1 as const,
  metavar: 'pattern with |hex| parts',
  parse: ([word]: readonly string[], scope: ValueScope): string => toHex(Uint8Array.from(mixedOctets(word, scope))),
  print: (pattern: string): string => `"|${pattern}|"`,
};

const isHexDigit = (character: string): boolean => /^[0-9a-fA-F]$/.test(character);

/**
 * Text with parts in hex between bars; a backslash takes the next character as it is. The octet after a closing bar is plain text
 * whatever it is, so that a second bar there does not open: the tool's way.
 */
function mixedOctets(word: string, scope: ValueScope): number[] {
  const whole = octetsOf(word, scope);
  if (whole.length === 0) scope.fail('STRING must contain at least one char');
  const at = (index: number): string => (index < whole.length ? String.fromCharCode(whole[index]) : '');
  const pattern: number[] = [];
  let inHex = false;
  let index = 0;
  while (index < whole.length) {
    let literal = false;
    if (at(index) === '\\') {
      if (inHex) scope.fail('Cannot include literals in hex data');
      literal = true;
    } else if (at(index) === '|') {
      inHex = !inHex;
      if (inHex) while (at(index + 1) === ' ') index++;
      if (index + 1 >= whole.length) break;
      index++;
    }
    if (literal) {
      if (index + 1 >= whole.length) scope.fail('Bad literal placement at end of string');
      pattern.push(whole[index + 1]);
      index += 2;
    } else if (inHex) {
      pattern.push(hexOctet(at, index, whole.length, scope));
      index += at(index + 2) === ' ' ? 3 : 2;
    } else {
      pattern.push(whole[index]);
      index++;
    }
    if (pattern.length > LONGEST + 1) scope.fail(`STRING too long "${word}"`, `at most ${LONGEST} octets`);
  }
  return pattern;
}

function hexOctet(at: (index: number) => string, index: number, length: number, scope: ValueScope): number {
  if (index + 1 >= length) scope.fail('Odd number of hex digits');
  if (index + 2 >= length) scope.fail('Invalid hex block', 'a hex part ends with |');
  for (const digit of [at(index), at(index + 1)]) if (!isHexDigit(digit)) scope.fail(`Invalid hex char '${digit}'`);
  return Number.parseInt(at(index) + at(index + 1), 16);
}

interface Checked {
  /** Octets in hex. */
  readonly pattern: string;
  readonly inverted: boolean;
  readonly algorithm: string;
  readonly from: number;
  readonly to: number;
  readonly ignoreCase: boolean;
}

/** As text where all of it can be printed and the end is no backslash, else in hex. */
function patternText(pattern: string): { readonly hex: boolean; readonly text: string } {
  const octets = fromHex(pattern)!;
  const unprintable = octets.some((octet) => octet < 0x20 || octet > 0x7e);
  if (unprintable || octets.at(-1) === 0x5c) return { hex: true, text: hexString.print(pattern) };
  const plainText = String.fromCharCode(...octets).replace(/["\\]/g, '\\$&');
  return { hex: false, text: plain.print(plainText) };
}

export const string = defineMatch({
  name: 'string',
  families: [4, 6],
  summary: 'A pattern somewhere in the packet.',
  kernel: 'net/netfilter/xt_string.c string_mt(), skb_find_text()',
  placement: {
    refuses({ pattern, algorithm, from, to }: Checked) {
      if (from > to) return 'the search would end before it begins';
      if (pattern === '') return 'an empty pattern';
      if (pattern.length > 2 * LONGEST) return `a pattern of more than ${LONGEST} octets`;
      return ALGORITHMS.includes(algorithm) ? undefined : `no search algorithm "${algorithm}"`;
    },
  },
  effect: 'pure',
  options: {
    from: u16({ help: 'octet, counted from the IP header, where the search begins' }),
    to: u16({ help: 'octet before which the match must end' }),
    algo: own(
      { ...text({})({ help: '' }), parse: ([word]: readonly string[]) => word.slice(0, 15) },
      { help: 'bm or kmp: both find the same' },
    ),
    string: own(plain, { help: 'pattern', invert: true, excludes: ['hex-string'] }),
    'hex-string': own(hexString, { help: 'pattern with |hex| parts', invert: true, excludes: ['string'] }),
    icase: flag({ help: 'upper and lower case are the same' }),
  },
  check(given, scope): Checked {
    const pattern: Given<string> | undefined = given.string ?? given['hex-string'];
    if (!pattern) return scope.fail("STRING match: You must specify `--string' or `--hex-string'");
    if (!given.algo) return scope.fail('string: option "--algo" must be specified');
    return {
      pattern: pattern.value,
      inverted: pattern.inverted,
      algorithm: given.algo.value,
      from: given.from?.value ?? 0,
      to: given.to?.value ?? 0xffff,
      ignoreCase: given.icase !== undefined,
    };
  },
  save({ pattern, inverted, algorithm, from, to, ignoreCase }) {
    const { hex, text: shown } = patternText(pattern);
    const range = `${from !== 0 ? ` --from ${from}` : ''}${to !== 0xffff ? ` --to ${to}` : ''}`;
    return `${inverted ? '! ' : ''}--${hex ? 'hex-string' : 'string'} ${shown} --algo ${algorithm}${range}${ignoreCase ? ' --icase' : ''}`;
  },
  list({ pattern, inverted, algorithm, from, to, ignoreCase }) {
    const range = `${from !== 0 ? ` FROM ${from}` : ''}${to !== 0xffff ? ` TO ${to}` : ''}`;
    const shown = patternText(pattern).text;
    return `STRING match ${inverted ? '!' : ''} ${shown} ALGO name ${algorithm}${range}${ignoreCase ? ' ICASE' : ''}`;
  },
  compile({ pattern, inverted, from, to, ignoreCase }): Predicate {
    const found = search(fromHex(pattern)!, ignoreCase);
    return (pkt) => {
      const end = Math.min(pkt.end, pkt.l3 + to);
      return found(pkt.bytes, pkt.l3 + from, end) >= 0 !== inverted;
    };
  },
  saw({ pattern, ignoreCase }, pkt) {
    const at = search(fromHex(pattern)!, ignoreCase)(pkt.bytes, pkt.l3, pkt.end);
    return at < 0 ? 'nowhere' : `at ${at - pkt.l3}`;
  },
});
