import { defineMatch, type Predicate, type Range } from '../engine/extension.ts';
import type { ListScope, RuleScope, ValueScope } from '../grammar/options.ts';
import { type NumberRange, own, strictPort } from '../grammar/values.ts';
import { u16 } from '../packet/bytes.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../packet/numbers.ts';
import { portText } from './shared/ports.ts';
import { complement, union } from './shared/ranges.ts';
import { option } from './shared/text.ts';

/** XT_MULTI_PORTS: a port takes one slot, a range two. */
const SLOTS = 15;
const PROTOCOLS = new Map([
  [IPPROTO_TCP, 'tcp'],
  [IPPROTO_UDP, 'udp'],
  [IPPROTO_UDPLITE, 'udplite'],
  [IPPROTO_SCTP, 'sctp'],
  [IPPROTO_DCCP, 'dccp'],
]);

type Protocol = ValueScope['protocol'] | RuleScope['protocol'];

/** The rule's protocol must be known before the first port is read: services are looked up under its name. */
function protocolName(protocol: Protocol, fail: (message: string, hint?: string) => never): string {
  if (!protocol || (protocol.number === 0 && !protocol.inverted)) {
    return fail("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'", 'write -p first');
  }
  const name = protocol.inverted ? undefined : PROTOCOLS.get(protocol.number);
  return name ?? fail('multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP');
}

const portList = {
  words: 1 as const,
  metavar: 'port[,port:port,port...]',
  parse([word]: readonly string[], scope: ValueScope): NumberRange[] {
    const service = protocolName(scope.protocol, scope.fail.bind(scope));
    const ranges: NumberRange[] = [];
    let slots = 0;
    for (const item of word.split(',')) {
      const colon = item.indexOf(':');
      if (slots === SLOTS || (colon >= 0 && slots === SLOTS - 1)) {
        scope.fail('too many ports specified', `${SLOTS} slots: a port takes one, a range two`);
      }
      slots += colon < 0 ? 1 : 2;
      const low = strictPort(colon < 0 ? item : item.slice(0, colon), scope, service);
      if (colon < 0) {
        ranges.push([low, low]);
        continue;
      }
      const high = strictPort(item.slice(colon + 1), scope, service);
      if (low >= high) scope.fail('invalid portrange specified', 'the first port must be the smaller one');
      ranges.push([low, high]);
    }
    return ranges;
  },
  print: (ranges: readonly NumberRange[]): string =>
    ranges.map(([low, high]) => (low === high ? `${low}` : `${low}:${high}`)).join(','),
};

/** Option name to the word that it is saved by. */
const WORDS = { 'source-ports': 'sports', 'destination-ports': 'dports', ports: 'ports' } as const;
type PortsWord = (typeof WORDS)[keyof typeof WORDS];

interface Checked {
  readonly word: PortsWord;
  readonly ranges: readonly NumberRange[];
  readonly inverted: boolean;
}

export const multiport = defineMatch({
  name: 'multiport',
  families: [4, 6],
  summary: 'Up to 15 ports or ranges of TCP, UDP, UDP-Lite, SCTP or DCCP.',
  kernel: 'net/netfilter/xt_multiport.c multiport_mt()',
  placement: { protocols: [...PROTOCOLS.keys()] },
  effect: 'pure',
  options: {
    'source-ports': own(portList, {
      help: 'source port is one of these',
      invert: true,
      alias: 'sports',
      excludes: ['destination-ports', 'ports'],
    }),
    'destination-ports': own(portList, {
      help: 'destination port is one of these',
      invert: true,
      alias: 'dports',
      excludes: ['source-ports', 'ports'],
    }),
    ports: own(portList, {
      help: 'source or destination port is one of these',
      invert: true,
      excludes: ['source-ports', 'destination-ports'],
    }),
  },
  check(given, scope): Checked {
    for (const [name, word] of Object.entries(WORDS)) {
      const one = given[name as keyof typeof WORDS];
      if (one) return { word, ranges: one.value, inverted: one.inverted };
    }
    return scope.fail('multiport expection an option', undefined, 'give --sports, --dports or --ports');
  },
  save: ({ word, ranges, inverted }) => option(word, portList.print(ranges), inverted),
  list({ word, ranges, inverted }, scope) {
    const service = scope.protocol && PROTOCOLS.get(scope.protocol.number);
    const items = ranges.map((range) => listRange(range, scope, service));
    return `multiport ${word} ${inverted ? ' !' : ''}${items.join(',')}`;
  },
  compile({ word, ranges, inverted }) {
    const low = Uint16Array.from(ranges, (range) => range[0]);
    const high = Uint16Array.from(ranges, (range) => range[1]);
    const listed = (port: number): boolean => {
      for (let index = 0; index < low.length; index++) if (low[index] <= port && port <= high[index]) return true;
      return false;
    };
    return LOOKS[word](listed, inverted);
  },
  constrain({ word, ranges, inverted }) {
    if (word === 'ports') return undefined;
    const listed: Range[] = inverted ? complement(ranges, 0xffff) : union(ranges);
    return word === 'sports' ? { sourcePort: listed } : { destinationPort: listed };
  },
  saw(_checked, pkt) {
    if (pkt.fragmentOffset !== 0) return 'later fragment';
    if (pkt.l4 + 4 > pkt.end) return 'header cut short';
    return `sport ${u16(pkt.bytes, pkt.l4)} dport ${u16(pkt.bytes, pkt.l4 + 2)}`;
  },
});

const listRange = ([low, high]: NumberRange, scope: ListScope, service: string | undefined): string =>
  low === high ? portText(low, scope, service) : `${portText(low, scope, service)}:${portText(high, scope, service)}`;

/** All five protocols begin with source and destination port. */
const LOOKS: Record<PortsWord, (listed: (port: number) => boolean, inverted: boolean) => Predicate> = {
  sports: (listed, inverted) => (pkt) => {
    if (pkt.fragmentOffset !== 0) return false;
    if (pkt.l4 + 4 > pkt.end) return pkt.hotDrop('ports cut short');
    return listed(u16(pkt.bytes, pkt.l4)) !== inverted;
  },
  dports: (listed, inverted) => (pkt) => {
    if (pkt.fragmentOffset !== 0) return false;
    if (pkt.l4 + 4 > pkt.end) return pkt.hotDrop('ports cut short');
    return listed(u16(pkt.bytes, pkt.l4 + 2)) !== inverted;
  },
  ports: (listed, inverted) => (pkt) => {
    if (pkt.fragmentOffset !== 0) return false;
    if (pkt.l4 + 4 > pkt.end) return pkt.hotDrop('ports cut short');
    return (listed(u16(pkt.bytes, pkt.l4)) || listed(u16(pkt.bytes, pkt.l4 + 2))) !== inverted;
  },
};
