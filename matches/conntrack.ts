import { SecurityContexts } from '../conntrack/security-contexts.ts';
import { Tuple } from '../conntrack/table/tuple.ts';
import { templateOf } from '../conntrack/template.ts';
import {
  type Connections,
  type Direction,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_EXPECTED,
  IPS_SEEN_REPLY,
} from '../conntrack/tracker.ts';
import { defineMatch } from '../engine/extension.ts';
import type { Given, ListScope, ValueScope } from '../grammar/options.ts';
import {
  type AddressMask,
  addressMask,
  type NumberRange,
  own,
  portRange,
  printRange,
  protocol,
  u32Range,
} from '../grammar/values.ts';
import { parseAddress, prefixMask } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import { Packet } from '../packet/packet.ts';
import { STATES_AND_NAT, type StateSet, sawState, stateConstraints, stateMatch } from './shared/ctstate.ts';
import { choicesOf, type NamedBits, parseNames, printNames } from './shared/name-lists.ts';
import { words } from './shared/text.ts';

/** NONE is a name for no bit: it never matches, and `! NONE` always does. */
const STATUSES: NamedBits = [
  ['NONE', 0],
  ['EXPECTED', IPS_EXPECTED],
  ['SEEN_REPLY', IPS_SEEN_REPLY],
  ['ASSURED', IPS_ASSURED],
  ['CONFIRMED', IPS_CONFIRMED],
];
const printStatus = (bits: number): string => (bits === 0 ? 'NONE' : printNames(bits, STATUSES));

const nameList = (names: NamedBits, print: (bits: number) => string) => ({
  words: 1 as const,
  metavar: 'name[,name...]',
  choices: choicesOf(names),
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    parseNames(word, names, { bad: (rest) => `Bad ${scope.option} "${rest}"` }, scope),
  print,
});

const DIRECTIONS = ['ORIGINAL', 'REPLY'] as const;
const direction = {
  words: 1 as const,
  metavar: 'ORIGINAL|REPLY',
  choices: { words: () => DIRECTIONS },
  parse([word]: readonly string[], scope: ValueScope): Direction {
    const found = DIRECTIONS.indexOf(word.toUpperCase() as (typeof DIRECTIONS)[number]);
    if (found < 0) scope.fail(`conntrack: Bad value for "--ctdir" option: "${word}"`, 'ORIGINAL or REPLY');
    return found as Direction;
  },
  print: (value: Direction): string => DIRECTIONS[value],
};

/** Save order, and what each address or port option looks at. */
const ADDRESSES = {
  ctorigsrc: { direction: 0, end: 'source' },
  ctorigdst: { direction: 0, end: 'destination' },
  ctreplsrc: { direction: 1, end: 'source' },
  ctrepldst: { direction: 1, end: 'destination' },
} as const;
const PORTS = {
  ctorigsrcport: { direction: 0, end: 'source' },
  ctorigdstport: { direction: 0, end: 'destination' },
  ctreplsrcport: { direction: 1, end: 'source' },
  ctrepldstport: { direction: 1, end: 'destination' },
} as const;
type AddressName = keyof typeof ADDRESSES;
type PortName = keyof typeof PORTS;

interface Asked<T> {
  readonly value: T;
  readonly inverted: boolean;
}

interface Checked {
  readonly state?: StateSet;
  readonly protocol?: Asked<number>;
  readonly addresses: Partial<Record<AddressName, Asked<AddressMask>>>;
  readonly ports: Partial<Record<PortName, Asked<NumberRange>>>;
  readonly status?: Asked<number>;
  readonly expire?: Asked<NumberRange>;
  readonly direction?: Direction;
}

const asked = <T>(given: Given<T>): Asked<T> => ({ value: given.value, inverted: given.inverted });

/** The options of `names` that were given, as plain data, in the order of `names`. */
function collect<K extends string, T>(
  names: Readonly<Record<K, unknown>>,
  given: Readonly<Partial<Record<K, Given<T>>>>,
): Partial<Record<K, Asked<T>>> {
  const found: Partial<Record<K, Asked<T>>> = {};
  for (const name of Object.keys(names) as K[]) {
    const one = given[name];
    if (one) found[name] = asked(one);
  }
  return found;
}

/** A range that ends at 0 prints its first port alone, as the tool does, and yet holds nothing. */
const printPorts = ([low, high]: NumberRange): string => (high === 0 ? low.toString() : printRange([low, high]));

/** Everything that was asked, in save order: `mark` turns a name into its word, `address` prints one. */
function describe(c: Checked, lead: string, address: (value: AddressMask) => string): string {
  const item = (name: string, text: string, inverted = false): string =>
    `${inverted ? '! ' : ''}${lead}${name} ${text}`;
  return words(
    c.state && item('ctstate', printNames(c.state.bits, STATES_AND_NAT), c.state.inverted),
    c.protocol && item('ctproto', c.protocol.value.toString(), c.protocol.inverted),
    ...Object.entries(c.addresses).map(([name, { value, inverted }]) => item(name, address(value), inverted)),
    ...Object.entries(c.ports).map(([name, { value, inverted }]) => item(name, printPorts(value), inverted)),
    c.status && item('ctstatus', printStatus(c.status.value), c.status.inverted),
    c.expire && item('ctexpire', printRange(c.expire.value), c.expire.inverted),
    c.direction !== undefined && item('ctdir', DIRECTIONS[c.direction]),
  );
}

const addressText = { help: '', invert: true } as const;
const printMask = addressMask(addressText).print;

function listAddress(value: AddressMask, scope: ListScope): string {
  if (scope.numeric) return printMask(value);
  // Whatever the mask.
  if (isZero(value.address, scope.family)) return 'anywhere';
  const name = scope.names.hostName(parseAddress(value.address, scope.family)!, scope.family);
  return name === undefined ? printMask(value) : printMask(value).replace(value.address, name);
}

const isZero = (text: string, family: Family): boolean => text === (family === 4 ? '0.0.0.0' : '::');

export const conntrack = defineMatch({
  name: 'conntrack',
  families: [4, 6],
  summary: 'What the connection tracker knows of the packet.',
  kernel: 'net/netfilter/xt_conntrack.c conntrack_mt()',
  needsTracking: true,
  effect: 'pure',
  options: {
    ctstate: own(
      nameList(STATES_AND_NAT, (bits) => printNames(bits, STATES_AND_NAT)),
      { help: 'one of these states, or a connection with that translation', invert: true },
    ),
    ctproto: protocol({ help: 'protocol of the connection', invert: true }),
    ctorigsrc: addressMask({ help: 'source of the first packet', invert: true }),
    ctorigdst: addressMask({ help: 'destination of the first packet', invert: true }),
    ctreplsrc: addressMask({ help: 'source of the answers', invert: true }),
    ctrepldst: addressMask({ help: 'destination of the answers', invert: true }),
    ctorigsrcport: portRange({ help: 'source port of the first packet', invert: true }),
    ctorigdstport: portRange({ help: 'destination port of the first packet', invert: true }),
    ctreplsrcport: portRange({ help: 'source port of the answers', invert: true }),
    ctrepldstport: portRange({ help: 'destination port of the answers', invert: true }),
    ctstatus: own(nameList(STATUSES, printStatus), { help: 'any of these status bits is set', invert: true }),
    ctexpire: u32Range({ help: 'seconds until the entry expires', invert: true }),
    ctdir: own(direction, { help: 'direction of the packet in its connection' }),
  },
  check(given, scope): Checked {
    if (Object.values(given).every((one) => one === undefined))
      scope.fail('conntrack: At least one option is required');
    const { ctstate, ctproto, ctstatus, ctexpire, ctdir } = given;
    // The tool means to refuse `! --ctproto 0`, but looks at the bit of an inverted --ctstatus that it has read before.
    if (ctproto?.value === 0 && ctstatus?.inverted && ctstatus.span.start < ctproto.span.start) {
      scope.fail('conntrack: rule would never match protocol', ctproto);
    }
    return {
      ...(ctstate && { state: { bits: ctstate.value, inverted: ctstate.inverted } }),
      ...(ctproto && { protocol: asked(ctproto) }),
      addresses: collect<AddressName, AddressMask>(ADDRESSES, given),
      ports: collect<PortName, NumberRange>(PORTS, given),
      ...(ctstatus && { status: asked(ctstatus) }),
      ...(ctexpire && { expire: asked(ctexpire) }),
      ...(ctdir && { direction: ctdir.value }),
    };
  },
  save: (c) => describe(c, '--', printMask),
  list: (c, scope) => describe(c, '', (value) => listAddress(value, scope)),
  compile(c, { family, services }) {
    const state = c.state && stateMatch(c.state, services);
    const tests = entryTests(c, family, services.tracker.connections);
    if (tests.length === 0) return state!;
    const fitsTemplate = entryTests(c, family, TEMPLATE).every((test) => test(NO_PACKET, 0));
    return (pkt) => {
      if (state && !state(pkt)) return false;
      if (templateOf(pkt)) return fitsTemplate;
      // Without an entry the state alone decides, whatever else was asked.
      if (pkt.connection === -1) return state !== undefined;
      for (let index = 0; index < tests.length; index++) if (!tests[index](pkt, pkt.connection)) return false;
      return true;
    };
  },
  constrain: (c) => (c.state && onlyState(c) ? stateConstraints(c.state) : undefined),
  saw(_checked, pkt, services) {
    const seen = `ctstate ${sawState(pkt, services)}`;
    if (pkt.connection === -1) return seen;
    const { connections } = services.tracker;
    const status = printStatus(connections.status(pkt.connection) & 0xf);
    return `${seen} ctproto ${connections.protocol(pkt.connection)} ctstatus ${status} ctdir ${DIRECTIONS[pkt.direction]}`;
  },
});

const onlyState = (c: Checked): boolean =>
  !c.protocol &&
  !c.status &&
  !c.expire &&
  c.direction === undefined &&
  Object.keys(c.addresses).length === 0 &&
  Object.keys(c.ports).length === 0;

/** A template in the place of a connection, as in the raw table behind CT: nothing in it but that it is confirmed. */
const TEMPLATE: Connections = {
  family: () => 4,
  protocol: () => 0,
  zone: () => 0,
  status: () => IPS_CONFIRMED,
  addStatus: () => {},
  mark: () => 0,
  setMark: () => {},
  contexts: new SecurityContexts(),
  secmark: () => 0,
  setSecmark: () => {},
  hasLabel: () => false,
  setLabel: () => false,
  sourceOctet: () => 0,
  destinationOctet: () => 0,
  sourceKey: () => 0,
  destinationKey: () => 0,
  timeLeft: () => 0,
  inTable: () => false,
  closed: () => false,
  tuple: () => new Tuple(),
  whenGone: () => {},
};
const NO_PACKET = new Packet(0);

/** One question about the connection of a packet. */
type EntryTest = (pkt: Packet, id: number) => boolean;

/** In the kernel's order; none of them has an effect, so the order shows only in speed. */
function entryTests(c: Checked, family: Family, connections: Connections): EntryTest[] {
  const tests: EntryTest[] = [];
  const { protocol: proto, status, expire } = c;
  if (c.direction !== undefined) {
    const wanted = c.direction;
    tests.push((pkt) => pkt.direction === wanted);
  }
  for (const [name, { value, inverted }] of Object.entries(c.addresses)) {
    tests.push(addressTest(ADDRESSES[name as AddressName], value, inverted, family, connections));
  }
  if (proto) tests.push((_pkt, id) => (connections.protocol(id) === proto.value) !== proto.inverted);
  for (const [name, { value, inverted }] of Object.entries(c.ports)) {
    tests.push(portTest(PORTS[name as PortName], value, inverted, connections));
  }
  if (status) tests.push((_pkt, id) => ((connections.status(id) & status.value) !== 0) !== status.inverted);
  if (expire) {
    const [low, high] = expire.value;
    tests.push((pkt, id) => {
      const seconds = secondsLeft(pkt, id, connections);
      return (low <= seconds && seconds <= high) !== expire.inverted;
    });
  }
  return tests;
}

/** Whole seconds; 0 for an entry that is not confirmed yet, whose clock has not started. nf_ct_expires(). */
const secondsLeft = (pkt: Packet, id: number, connections: Connections): number =>
  pkt.unconfirmed ? 0 : Math.max(0, Math.floor(connections.timeLeft(id, pkt.now) / 1000));

interface Place {
  readonly direction: Direction;
  readonly end: 'source' | 'destination';
}

function addressTest(
  place: Place,
  value: AddressMask,
  inverted: boolean,
  family: Family,
  connections: Connections,
): EntryTest {
  const wanted = parseAddress(value.address, family)!;
  const mask = prefixMask(value.length, family);
  const first = family === 4 ? 12 : 0;
  const { direction: dir } = place;
  const octet = (place.end === 'source' ? connections.sourceOctet : connections.destinationOctet).bind(connections);
  return (_pkt, id) => {
    for (let at = first; at < 16; at++) {
      if (((octet(id, dir, at) ^ wanted[at]) & mask[at]) !== 0) return inverted;
    }
    return !inverted;
  };
}

/** Every protocol has the two 16-bit keys; for ICMP they are the id, and type and code. */
function portTest(place: Place, [low, high]: NumberRange, inverted: boolean, connections: Connections): EntryTest {
  const { direction: dir } = place;
  const key = (place.end === 'source' ? connections.sourceKey : connections.destinationKey).bind(connections);
  return (_pkt, id) => {
    const found = key(id, dir);
    return (low <= found && found <= high) !== inverted;
  };
}
