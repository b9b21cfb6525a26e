import { defineMatch, type PlaceContext } from '../engine/extension.ts';
import type { Services } from '../engine/services.ts';
import type { Given, GivenOptions, Option, RuleScope, ValueScope } from '../grammar/options.ts';
import { protocolNumber } from '../grammar/protocols.ts';
import { type AddressMask, addressMask, addressMaskBounds, flag, hex, oneOf, own, u32 } from '../grammar/values.ts';
import { type Family, IPPROTO_AH, IPPROTO_COMP, IPPROTO_ESP } from '../packet/numbers.ts';
import type { Packet, SecurityAssociation } from '../packet/packet.ts';
import { words } from './shared/text.ts';

/** XT_POLICY_MAX_ELEM */
const MOST_ELEMENTS = 4;

const PROTOCOLS = { ah: IPPROTO_AH, esp: IPPROTO_ESP, ipcomp: IPPROTO_COMP };
const nameOf = (number: number): string => Object.entries(PROTOCOLS).find(([, one]) => one === number)![0];

/** Of an element each thing may be said once. */
function once(scope: ValueScope): void {
  const before = scope.before();
  const element = before.slice(before.findLastIndex(({ name }) => name === 'next') + 1);
  if (element.some(({ name }) => name === scope.option)) scope.fail(`policy match: double --${scope.option} option`);
}

const many = { invert: true, many: true } as const;

/** A part of an element: its value is read first, and then must not be there already. */
const part = <T>(kind: Option<T>, help: string) =>
  own(
    {
      ...kind,
      parse(given: readonly string[], scope: ValueScope): T {
        const value = kind.parse(given, scope);
        once(scope);
        return value;
      },
    },
    { help, ...many },
  );

const proto = {
  words: 1 as const,
  metavar: 'ah|esp|ipcomp',
  parse([word]: readonly string[], scope: ValueScope): number {
    const number = protocolNumber(word, scope.names) ?? scope.fail(`unknown protocol "${word}" specified`);
    once(scope);
    if (!Object.values(PROTOCOLS).includes(number)) scope.fail('policy match: protocol must be ah/esp/ipcomp');
    return number;
  },
  print: nameOf,
};

const mode = {
  words: 1 as const,
  metavar: 'transport|tunnel',
  parse([word]: readonly string[], scope: ValueScope): 'transport' | 'tunnel' {
    once(scope);
    if (word === 'transport' || word === 'tunnel') return word;
    return scope.fail(`policy match: invalid mode "${word}"`, 'transport or tunnel');
  },
  print: (word: string): string => word,
};

const next = {
  words: 0 as const,
  parse(_given: readonly string[], scope: ValueScope): true {
    const earlier = scope.before().filter(({ name }) => name === 'next').length;
    if (earlier + 1 === MOST_ELEMENTS) scope.fail('policy match: maximum policy depth reached');
    return true;
  },
  print: (): string => '',
};

const direction = oneOf({ in: 'in', out: 'out' } as const, (word) => `policy_match: invalid dir "${word}"`);
const wanted = oneOf({ none: false, ipsec: true }, (word) => `policy match: invalid policy "${word}"`);

const options = {
  dir: direction({ help: 'what was taken off, or what will be put around' }),
  pol: wanted({ help: 'whether IPsec has to do with it; ipsec unless given' }),
  strict: flag({ help: 'the whole policy, instead of one element of it anywhere' }),
  reqid: part(u32({ help: '' }), 'reqid of the element'),
  spi: part(u32({ help: '' }), 'SPI of the element'),
  'tunnel-src': part(addressMask({ help: '' }), 'where the tunnel begins'),
  'tunnel-dst': part(addressMask({ help: '' }), 'where the tunnel ends'),
  proto: own(proto, { help: 'protocol of the element', ...many }),
  mode: own(mode, { help: 'mode of the element', ...many }),
  next: own(next, { help: 'the next element begins', many: true }),
};

interface Asked<T> {
  readonly value: T;
  readonly inverted: boolean;
}

interface Element {
  readonly reqid?: Asked<number>;
  readonly spi?: Asked<number>;
  readonly proto?: Asked<number>;
  readonly mode?: Asked<'transport' | 'tunnel'>;
  readonly 'tunnel-dst'?: Asked<AddressMask>;
  readonly 'tunnel-src'?: Asked<AddressMask>;
}

interface Checked {
  readonly direction: 'in' | 'out';
  readonly ipsec: boolean;
  readonly strict: boolean;
  readonly elements: readonly Element[];
}

const PARTS = ['reqid', 'spi', 'proto', 'mode', 'tunnel-dst', 'tunnel-src'] as const;
/** More than a number each, so that one function prints them all. */
const TEXT: { readonly [Part in (typeof PARTS)[number]]: (value: never) => string } = {
  reqid: (value: number) => `${value}`,
  spi: hex,
  proto: nameOf,
  mode: (value: string) => value,
  'tunnel-dst': options['tunnel-dst'].print,
  'tunnel-src': options['tunnel-src'].print,
};

const elementText = (element: Element, dashes: string, numeric = false): string =>
  words(
    ...PARTS.map((part) => {
      const one = element[part];
      if (!one) return '';
      const text = numeric && part === 'proto' ? `${one.value}` : TEXT[part](one.value as never);
      return `${one.inverted ? '! ' : ''}${dashes}${part} ${text}`;
    }),
  );

const headText = ({ direction, ipsec, strict }: Checked, dashes: string): string =>
  words(`${dashes}dir ${direction} ${dashes}pol ${ipsec ? 'ipsec' : 'none'}`, strict && `${dashes}strict`);

export const policy = defineMatch({
  name: 'policy',
  families: [4, 6],
  summary: 'IPsec protection that the packet had on receipt, or will have when it leaves.',
  supplied:
    'Inline: the flows that the configuration says to be protected; none when it tells of none. In tests also what the packet itself is said to have had.',
  kernel: 'net/netfilter/xt_policy.c policy_mt()',
  placement: { refuses: misplaced },
  effect: 'pure',
  options,
  check,
  save: (c) => words(headText(c, '--'), c.elements.map((element) => elementText(element, '--')).join(' --next ')),
  list: (c, { numeric }) =>
    words(
      `policy match ${headText(c, '')}`,
      ...c.elements.map((element, index) =>
        words(c.elements.length > 1 && `[${index}]`, elementText(element, '', numeric)),
      ),
    ),
  compile({ direction, ipsec, strict, elements }, { family, services }) {
    const tests = elements.map((element) => elementTest(element, family));
    return (pkt) => {
      const path = pathOf(pkt, direction, services);
      if (!path) return !ipsec;
      if (!ipsec) return false;
      if (!strict) return path.some((one) => tests[0](one));
      return path.length === tests.length && path.every((one, index) => tests[index](one));
    };
  },
  saw({ direction }, pkt, services) {
    const path = pathOf(pkt, direction, services);
    if (!path) return 'no IPsec';
    return path.map(({ protocol, mode, reqid }) => `${nameOf(protocol)} ${mode} reqid ${reqid}`).join(', ');
  },
});

function pathOf(pkt: Packet, direction: 'in' | 'out', services: Services): readonly SecurityAssociation[] | undefined {
  const had = direction === 'in' ? pkt.ipsec : undefined;
  return had ?? services.ipsec?.(pkt, direction);
}

type Test = (one: SecurityAssociation) => boolean;

/** match_xfrm_state() */
function elementTest(element: Element, family: Family): Test {
  const tests: Test[] = [];
  const add = <T>(asked: Asked<T> | undefined, test: (one: SecurityAssociation, value: T) => boolean): void => {
    if (asked) tests.push((one) => test(one, asked.value) !== asked.inverted);
  };
  const within = (asked: Asked<AddressMask> | undefined, end: 'source' | 'destination'): void => {
    if (!asked) return;
    const [low, high] = addressMaskBounds(asked.value, family);
    tests.push((one) => one[end].every((octet, at) => low[at] <= octet && octet <= high[at]) !== asked.inverted);
  };
  within(element['tunnel-src'], 'source');
  within(element['tunnel-dst'], 'destination');
  add(element.proto, (one, value) => one.protocol === value);
  add(element.mode, (one, value) => one.mode === value);
  add(element.spi, (one, value) => one.spi === value);
  add(element.reqid, (one, value) => one.reqid === value);
  return (one) => tests.every((test) => test(one));
}

// --- Checks, in the order of the tool ------------------------------------------------------------------------------------

function check(given: GivenOptions<typeof options>, scope: RuleScope): Checked {
  const elements = elementsOf(given);
  const { dir, pol, strict } = given;
  if (!dir) return scope.fail('policy match: neither --dir in nor --dir out specified');
  const made = { direction: dir.value, ipsec: pol?.value ?? true, strict: strict !== undefined };
  if (!made.ipsec) {
    if (strict) scope.fail('policy match: policy none but --strict given', strict);
    if (given.next) scope.fail('policy match: policy none but policy given', given.next);
    // What is said of the one element is forgotten.
    return { ...made, elements: [] };
  }
  for (const [index, element] of elements.entries()) checkElement(element, index, made.strict, scope);
  // Stated here, not in the table: the tool looks at the elements first.
  if (given.next && !strict) scope.fail('policy: option "--next" also requires "--strict".', given.next);
  return { ...made, elements };
}

/** What was given, in the order in which it stood, cut at each --next. */
function elementsOf(given: GivenOptions<typeof options>): Element[] {
  const all = [...PARTS, 'next' as const].flatMap((name): readonly Given<unknown>[] => given[name]?.repeated ?? []);
  const elements: Record<string, Asked<unknown>>[] = [{}];
  for (const one of all.sort((a, b) => a.span.start - b.span.start)) {
    if (one.name === 'next') elements.push({});
    else elements.at(-1)![one.name] = { value: one.value, inverted: one.inverted };
  }
  return elements;
}

function checkElement(element: Element, index: number, strict: boolean, scope: RuleScope): void {
  if (strict && Object.keys(element).length === 0) {
    scope.fail(
      `policy match: empty policy element ${index}. --strict is in effect, but at least one of reqid, spi, tunnel-src, tunnel-dst, proto or mode is required.`,
    );
  }
  const { mode } = element;
  if (!element['tunnel-src'] && !element['tunnel-dst']) return;
  if (mode && (mode.value === 'tunnel') !== mode.inverted) return;
  scope.fail('policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode');
}

/** policy_mt_check() */
function misplaced({ direction }: Checked, { hooks }: PlaceContext): string | undefined {
  const among = (...names: string[]): boolean => hooks.some((hook) => names.includes(hook));
  if (direction === 'out' && among('PREROUTING', 'INPUT')) return 'output policy not valid in PREROUTING and INPUT';
  if (direction === 'in' && among('POSTROUTING', 'OUTPUT')) return 'input policy not valid in POSTROUTING and OUTPUT';
  return undefined;
}
