import { defineMatch, type Predicate } from '../engine/extension.ts';
import type { ListScope, ValueScope } from '../grammar/options.ts';
import { type NumberRange, own, portRange, printRange, u8 } from '../grammar/values.ts';
import { u16 } from '../packet/bytes.ts';
import { IPPROTO_DCCP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { listPorts, portRangeTest } from './shared/ports.ts';
import { within } from './shared/ranges.ts';
import { bang, option, words } from './shared/text.ts';

// Generic header, RFC 4340 5.1:
//   at+0         at+2              at+4        at+5           at+6       at+8                     at+9
//   | sourcePort | destinationPort | dataOffset | CCVal CsCov | checksum | reserved(3) type(4) X(1) | sequence ...
const LENGTH = 12;
const DATA_OFFSET_AT = 4;
const TYPE_AT = 8;

/** Type numbers 0 to 9; INVALID stands for 10 to 15. */
const TYPES = ['REQUEST', 'RESPONSE', 'DATA', 'ACK', 'DATAACK', 'CLOSEREQ', 'CLOSE', 'RESET', 'SYNC', 'SYNCACK'];
const INVALID_BITS = 0xfc00;
const TYPE_BITS = new Map<string, number>([
  ...TYPES.map((name, number): [string, number] => [name, 1 << number]),
  ['INVALID', INVALID_BITS],
]);

/** What stands between the generic header and the options, by type. net/dccp/dccp.h dccp_packet_hdr_len() */
const TYPE_LENGTHS = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8, 12, 12, 12, 12, 12, 12];

const typeList = {
  words: 1 as const,
  metavar: 'type[,type...]',
  // strtok(): empty items vanish.
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    word
      .split(',')
      .filter((name) => name !== '')
      .reduce((bits, name) => bits | (TYPE_BITS.get(name.toUpperCase()) ?? unknownType(name, scope)), 0),
  print: (bits: number): string =>
    [...TYPE_BITS]
      .filter(([, bit]) => bits & bit)
      .map(([name]) => name)
      .join(','),
};

const unknownType = (name: string, scope: ValueScope): never =>
  scope.fail(`Unknown DCCP type \`${name}'`, `types are ${[...TYPE_BITS.keys()].join(', ')}`);

const typeNumbers = (bits: number): string =>
  Array.from({ length: 16 }, (_, type) => type)
    .filter((type) => bits & (1 << type))
    .join(',');

interface Asked<T> {
  readonly value: T;
  readonly inverted: boolean;
}

interface Checked {
  readonly source?: Asked<NumberRange>;
  readonly destination?: Asked<NumberRange>;
  readonly types?: Asked<number>;
  readonly option?: Asked<number>;
}

const savePort = (name: string, ports: Asked<NumberRange> | undefined): string | undefined =>
  ports && option(name, printRange(ports.value), ports.inverted);
const listPort = (name: string, ports: Asked<NumberRange> | undefined, scope: ListScope): string | undefined =>
  ports && listPorts(name, ports.value, ports.inverted, scope, 'dccp');

export const dccp = defineMatch({
  name: 'dccp',
  families: [4, 6],
  summary: 'Ports, packet type and options of a DCCP packet.',
  kernel: 'net/netfilter/xt_dccp.c dccp_mt()',
  placement: { protocols: [IPPROTO_DCCP] },
  effect: 'pure',
  options: {
    'source-port': portRange({ help: 'source port or ports', invert: true, alias: 'sport' }),
    'destination-port': portRange({ help: 'destination port or ports', invert: true, alias: 'dport' }),
    'dccp-types': own(typeList, { help: 'packet is of one of these types', invert: true }),
    'dccp-option': u8({ help: 'an option of this kind is there', invert: true, min: 1 }),
  },
  check(given): Checked {
    const source = given['source-port'];
    const destination = given['destination-port'];
    const types = given['dccp-types'];
    const kind = given['dccp-option'];
    return {
      ...(source && { source: { value: source.value, inverted: source.inverted } }),
      ...(destination && { destination: { value: destination.value, inverted: destination.inverted } }),
      ...(types && { types: { value: types.value, inverted: types.inverted } }),
      ...(kind && { option: { value: kind.value, inverted: kind.inverted } }),
    };
  },
  save: (c) =>
    words(
      savePort('sport', c.source),
      savePort('dport', c.destination),
      c.types && option('dccp-types', typeList.print(c.types.value), c.types.inverted),
      c.option && option('dccp-option', c.option.value, c.option.inverted),
    ),
  list(c, scope) {
    // An empty type list leaves its blank behind.
    const types = c.types && (scope.numeric ? typeNumbers : typeList.print)(c.types.value);
    const text = words(
      'dccp',
      listPort('spt', c.source, scope),
      listPort('dpt', c.destination, scope),
      c.types && `${c.types.inverted ? '! ' : ''}${types}`,
      c.option && `option=${bang(c.option.inverted)}${c.option.value}`,
    );
    return types === '' ? `${text} ` : text;
  },
  compile(c) {
    const from = c.source && portRangeTest(c.source.value, c.source.inverted);
    const to = c.destination && portRangeTest(c.destination.value, c.destination.inverted);
    const { types } = c;
    const kind = c.option && optionMatch(c.option.value);
    const kindInverted = c.option?.inverted ?? false;
    return (pkt) => {
      if (pkt.fragmentOffset !== 0) return false;
      const { bytes, l4 } = pkt;
      if (l4 + LENGTH > pkt.end) return pkt.hotDrop('DCCP header cut short');
      if (from && !from(u16(bytes, l4))) return false;
      if (to && !to(u16(bytes, l4 + 2))) return false;
      if (types && ((types.value & (1 << packetType(bytes, l4))) !== 0) === types.inverted) return false;
      return !kind || kind(pkt) !== kindInverted;
    };
  },
  constrain: (c) =>
    c.types || c.option
      ? undefined
      : {
          ...(c.source && { sourcePort: within(c.source.value, c.source.inverted, 0xffff) }),
          ...(c.destination && { destinationPort: within(c.destination.value, c.destination.inverted, 0xffff) }),
        },
  saw(_checked, pkt) {
    if (pkt.fragmentOffset !== 0) return 'later fragment';
    const { bytes, l4 } = pkt;
    if (l4 + LENGTH > pkt.end) return 'header cut short';
    const type = packetType(bytes, l4);
    return `sport ${u16(bytes, l4)} dport ${u16(bytes, l4 + 2)} ${TYPES[type] ?? `type ${type}`}`;
  },
});

const packetType = (bytes: Uint8Array, at: number): number => (bytes[at + TYPE_AT] >>> 1) & 0x0f;

/** dccp_find_option(): a data offset inside the header, or options beyond the packet, drop it. */
function optionMatch(kind: number): Predicate {
  return (pkt: Packet) => {
    const { bytes, l4 } = pkt;
    const extended = bytes[l4 + TYPE_AT] & 1 ? 4 : 0;
    const first = l4 + LENGTH + extended + TYPE_LENGTHS[packetType(bytes, l4)];
    const limit = l4 + bytes[l4 + DATA_OFFSET_AT] * 4;
    if (limit < first || (limit > first && limit > pkt.end)) return pkt.hotDrop('DCCP options cut short');
    for (let at = first; at < limit; ) {
      if (bytes[at] === kind) return true;
      at += bytes[at] < 2 || at + 1 >= limit ? 1 : bytes[at + 1] || 1;
    }
    return false;
  };
}
