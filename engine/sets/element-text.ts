// Elements as text: `10.0.0.0/8,tcp:80-82`. A text may mean many members; they come one after the other, as the kernel takes them, so that a
// set that fills up keeps the first of them. Messages are those of ipset 7.17, one line for each thing that it tried.

import { parseAton } from '../../grammar/addresses.ts';
import type { Names } from '../../grammar/names.ts';
import { type Address, formatAddress, parseAddress, wire } from '../../packet/address.ts';
import { u32 } from '../../packet/bytes.ts';
import {
  type Family,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import { icmpByName, icmpName } from './icmp-names.ts';
import type { Element } from './layout.ts';
import { syntax, type TextScope, wholeNumberOf } from './number-text.ts';
import { SetError, type SetType } from './types.ts';

export type Verb = 'add' | 'del' | 'test';

// --- What a text says -----------------------------------------------------------------------------------------------------

interface Addresses {
  readonly kind: 'addresses';
  readonly from: Int32Array;
  /** Undefined: one address, or the network of `length`. */
  readonly to: Int32Array | undefined;
  readonly length: number;
  /** A length was said; and it is not that of one address. */
  readonly masked: boolean;
  readonly network: boolean;
}
interface Ports {
  readonly kind: 'ports';
  readonly protocol: number;
  readonly from: number;
  readonly to: number;
}
interface Device {
  readonly kind: 'device';
  readonly name: string;
  readonly physdev: boolean;
}
interface Mac {
  readonly kind: 'mac';
  readonly words: readonly [number, number];
}
interface Mark {
  readonly kind: 'mark';
  readonly value: number;
}
export type PartText = Addresses | Ports | Device | Mac | Mark;

/** What an element's text says: one value a part. Throws SetError. */
export const parseElement = (word: string, scope: TextScope): PartText[] =>
  splitParts(word, scope.type).map((text, index) => parsePart(text, index, scope));

/** Takes no network, were it one of one address. */
const ADDRESSES_ONLY = 'bitmap:ip,mac';

const COUNTS = ['none', 'one', 'two'];
const SEPARATORS = ['Elem separator', 'Two elem separators', 'Three elem separators'];

/** Commas inside brackets do not part. */
function splitParts(word: string, { name, parts, storage }: SetType): string[] {
  const count = parts.length;
  const words = word.split(/,(?![^[]*\])/);
  if (words.length > count) {
    throw syntax(`${SEPARATORS[count - 1]} in ${word}, but settype ${name} supports ${COUNTS[count - 1]}.`);
  }
  const empty = words.length > 1 && words.includes('');
  // The MAC address of bitmap:ip,mac may be left out; a comma without one belongs to the address.
  if (storage === 'bitmap' && (empty || words.length < count)) return [word];
  if (words.length < count || empty) {
    throw syntax(
      `${words.length === 2 && count === 3 && !empty ? 'Third' : 'Second'} element is missing from ${word}.`,
    );
  }
  return words;
}

function parsePart(text: string, index: number, scope: TextScope): PartText {
  const { parts } = scope.type;
  switch (parts[index]) {
    case 'ip':
      return parseIp(text, index, scope);
    case 'net':
      return parseNet(text, scope);
    case 'port':
      return parsePorts(text, scope);
    case 'mac':
      return parseMac(text);
    case 'mark':
      return { kind: 'mark', value: wholeNumberOf(text, 0, 0xffff_ffff) };
    default:
      return parseDevice(text);
  }
}

/** What the command does not take; said after complaints about the words behind the element. Throws SetError. */
export function refuseRanges(parts: readonly PartText[], verb: Verb, { type, family }: TextScope): void {
  if (verb !== 'test' ? type.name !== ADDRESSES_ONLY : type.name === 'hash:ip') return;
  const where = `is not allowed in command ${verb} with set type ${type.name} and family ${familyName(family)}`;
  parts.forEach((part, index) => {
    // Of a range behind the port only the first address is looked at.
    if (part.kind === 'addresses' && part.to && index === 0) throw new SetError(`FROM-TO IP range ${where}`);
    if (part.kind === 'addresses' && part.masked && type.parts[index] === 'ip') {
      throw new SetError(`IP/CIDR range ${where}`);
    }
    if (part.kind === 'ports' && part.to !== part.from) throw new SetError(`FROM-TO port range ${where}`);
  });
}

export const familyName = (family: Family | undefined): string =>
  family === undefined ? 'unspec' : family === 4 ? 'inet' : 'inet6';

// --- Addresses ------------------------------------------------------------------------------------------------------------

export function wordsOf(address: Address, family: Family): Int32Array {
  const octets = wire(address, family);
  return Int32Array.from({ length: octets.length >> 2 }, (_zero, word) => u32(octets, 4 * word));
}

export function parseHost(text: string, { family = 4, names }: Pick<TextScope, 'family' | 'names'>): Int32Array {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const written = family === 4 ? parseAton(bare) : parseAddress(bare, 6);
  // The resolver would give an IPv4 address as a mapped one.
  const resolved = bare !== '' && !parseAton(bare) ? names.host(bare, family)?.[0] : undefined;
  const address = written ?? resolved;
  if (!address) throw syntax(`cannot parse ${text}: resolving to IPv${family} address failed`);
  return wordsOf(address, family);
}

/** An address, for IPv4 also a range or a network. */
function parseIp(text: string, index: number, scope: TextScope): Addresses {
  const { family = 4, type } = scope;
  const dash = dashIn(text);
  const plain = family === 6 || (type.parts.length === 3 && index === 2) || type.name === ADDRESSES_ONLY;
  const bits = family === 4 ? 32 : 128;
  if (plain && (dash > 0 || /\/(?!(32|128)$)./.test(text))) throw syntax(`plain IP address must be supplied: ${text}`);
  const { base, length } = splitLength(text, family);
  if (dash > 0) return parseRange(text, dash, scope);
  const from = parseHost(base, scope);
  return {
    kind: 'addresses',
    from,
    to: undefined,
    length: length ?? bits,
    masked: length !== undefined,
    network: length !== undefined && length < bits,
  };
}

function parseNet(text: string, scope: TextScope): Addresses {
  const { family = 4 } = scope;
  const dash = dashIn(text);
  if (dash > 0 && family === 6) throw syntax(`IP address or IP/cidr must be specified: ${text}`);
  if (dash > 0) return parseRange(text, dash, scope);
  const { base, length } = splitLength(text, family);
  const from = parseHost(base, scope);
  const bits = family === 4 ? 32 : 128;
  return {
    kind: 'addresses',
    from,
    to: undefined,
    length: length ?? bits,
    masked: length !== undefined,
    network: length !== undefined && length < bits,
  };
}

/** Types that hold 0.0.0.0/0. */
const ZERO_LENGTH = new Set(['hash:net,iface', 'hash:net,net', 'hash:net,port,net']);
const WRONG_CIDR = 'The value of the CIDR parameter of the IP address is invalid';

const dashIn = (text: string): number =>
  text.startsWith('[') ? text.indexOf('-', text.indexOf(']')) : text.indexOf('-');

function parseRange(text: string, dash: number, scope: TextScope): Addresses {
  const [from, to] = [parseHost(text.slice(0, dash), scope), parseHost(text.slice(dash + 1), scope)];
  return { kind: 'addresses', from, to, length: 32, masked: false, network: false };
}

function splitLength(text: string, family: Family): { base: string; length: number | undefined } {
  const slash = text.indexOf('/');
  if (slash < 0 || slash === text.length - 1) return { base: text, length: undefined };
  return { base: text.slice(0, slash), length: wholeNumberOf(text.slice(slash + 1), 0, family === 4 ? 32 : 128) };
}

// --- Ports ----------------------------------------------------------------------------------------------------------------

const WITH_PORTS: ReadonlySet<number> = new Set([IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_UDPLITE]);

/** Where the host does not say. */
const PROTOCOL_NAMES: Readonly<Record<string, number>> = {
  icmp: IPPROTO_ICMP,
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  'ipv6-icmp': IPPROTO_ICMPV6,
  sctp: IPPROTO_SCTP,
  udplite: IPPROTO_UDPLITE,
};

const protocolName = (protocol: number, names: Names): string =>
  names.protocolName(protocol) ??
  Object.keys(PROTOCOL_NAMES).find((name) => PROTOCOL_NAMES[name] === protocol) ??
  protocol.toString();

function parsePorts(text: string, scope: TextScope): Ports {
  const { names, family, type } = scope;
  const colon = text.startsWith('[') ? -1 : text.indexOf(':');
  if (colon < 0 || colon === text.length - 1) return portRange(text, IPPROTO_TCP, 'tcp', names);
  const word = text.slice(0, colon);
  const value = text.slice(colon + 1);
  const protocol = protocolOf(word, names);
  if (type.storage === 'bitmap' && protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) {
    throw syntax('Only protocols TCP and UDP are valid');
  }
  if (WITH_PORTS.has(protocol)) return portRange(value, protocol, word.toLowerCase(), names);
  if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
    const own: Family = protocol === IPPROTO_ICMP ? 4 : 6;
    if (own !== family) {
      const name = own === 4 ? 'ICMP can be used with family inet only' : 'ICMPv6 can be used with family inet6 only';
      throw syntax(`Protocol ${name}\nInvalid add command: missing setname`);
    }
    const typeCode = parseTypeCode(value, own);
    return { kind: 'ports', protocol, from: typeCode, to: typeCode };
  }
  if (value !== '0') throw syntax(`Protocol ${word} can be used with pseudo port value 0 only.`);
  if (protocol === 0) throw new SetError('Invalid protocol specified');
  return { kind: 'ports', protocol, from: 0, to: 0 };
}

function protocolOf(word: string, names: Names): number {
  const lower = word.toLowerCase();
  if (lower === 'icmpv6') return IPPROTO_ICMPV6;
  const known = names.protocol(word) ?? PROTOCOL_NAMES[lower];
  if (known !== undefined) return known;
  if (/^\d+$/.test(word) && Number(word) <= 255) return Number(word);
  throw syntax(`cannot parse '${word}' as a protocol`);
}

function portRange(text: string, protocol: number, name: string, names: Names): Ports {
  const dash = dashIn(text);
  const words = dash > 0 && dash < text.length - 1 ? [text.slice(0, dash), text.slice(dash + 1)] : [text];
  const ends = words.map((word) => parsePort(word, name, names));
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  return { kind: 'ports', protocol, from, to };
}

export function parsePort(text: string, protocol: string, names: Names): number {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  const service = names.service(bare, protocol);
  if (service !== undefined) return service;
  try {
    return wholeNumberOf(bare, 0, 0xffff);
  } catch (error) {
    const tried = `Syntax error: '${protocol}' is invalid as number\ncannot parse '${bare}' as a ${protocol} port`;
    throw new SetError(`${(error as SetError).message}\n${tried}`);
  }
}

function parseTypeCode(text: string, family: Family): number {
  const named = icmpByName(text, family);
  if (named !== undefined) return named;
  const [type, code] = text.split('/');
  if (code === undefined) throw new SetError(`Cannot parse ${text} as an ICMP${family === 6 ? 'v6' : ''} type/code.`);
  return (wholeNumberOf(type, 0, 255) << 8) | wholeNumberOf(code, 0, 255);
}

// --- Devices and MAC addresses ----------------------------------------------------------------------------------------------

function parseDevice(text: string): Device {
  const physdev = text.startsWith('physdev:');
  const name = physdev ? text.slice('physdev:'.length) : text;
  if (name.length > 15) throw syntax(`interface name '${name}' is longer than 15 characters`);
  return { kind: 'device', name, physdev };
}

function parseMac(text: string): Mac {
  const octets = text.split(':');
  if (octets.length !== 6 || !octets.every((octet) => /^[0-9a-fA-F]{1,2}$/.test(octet))) {
    throw syntax(`cannot parse '${text}' as ethernet address`);
  }
  const [a, b, c, d, e, f] = octets.map((octet) => Number.parseInt(octet, 16));
  return { kind: 'mac', words: [(a << 8) | b, (c << 24) | (d << 16) | (e << 8) | f] };
}

// --- One text, many elements -------------------------------------------------------------------------------------------------

function refuseZeroLength(parts: readonly PartText[], { parts: kinds, name }: SetType): void {
  for (const [index, part] of parts.entries()) {
    if (part.kind !== 'addresses' || part.length > 0) continue;
    if (kinds[index] !== 'net' || !ZERO_LENGTH.has(name)) throw new SetError(WRONG_CIDR);
  }
}

interface Network {
  readonly words: Int32Array;
  readonly length: number;
}

/** A test looks for what is written; the others go through all that is meant. */
export function* elementsOf(
  parts: readonly PartText[],
  wildcard: boolean,
  verb: Verb,
  { type, family = 4, netmask }: TextScope,
): Generator<Element> {
  if (verb !== 'test') refuseZeroLength(parts, type);
  const bits = family === 4 ? 32 : 128;
  const none: Network = { words: new Int32Array(0), length: bits };
  const choices = parts.map((part, index): Choices => {
    if (part.kind === 'ports') return () => portsOf(part);
    if (part.kind !== 'addresses') return () => [none];
    if (verb === 'test') return () => [{ words: part.from, length: part.length }];
    return () =>
      type.parts[index] === 'net'
        ? networksOf(part)
        : addressesOf(part, type.parts.length === 1 ? netmask : undefined, type.storage === 'hash');
  });
  const device = parts.find((part) => part.kind === 'device');
  const mac = parts.find((part) => part.kind === 'mac');
  const mark = parts.find((part) => part.kind === 'mark');
  for (const chosen of product(choices)) {
    const networks = chosen.map((one) => (typeof one === 'number' ? none : one));
    yield {
      addresses: networks.map(({ words }) => words),
      lengths: networks.map(({ length }) => length),
      port: chosen.find((one) => typeof one === 'number') ?? 0,
      iface: device?.name ?? '',
      physdev: device?.physdev ?? false,
      wildcard,
      mac: mac?.words,
      mark: mark?.value ?? 0,
    };
  }
}

type Choices = () => Iterable<Network | number>;

/** Every way to choose one of each, the last changing fastest. */
function* product(
  choices: readonly Choices[],
  before: readonly (Network | number)[] = [],
): Generator<readonly (Network | number)[]> {
  if (choices.length === before.length) yield before;
  else for (const one of choices[before.length]()) yield* product(choices, [...before, one]);
}

function* portsOf({ protocol, from, to }: Ports): Generator<number> {
  for (let port = from; port <= to; port++) yield (port << 8) | protocol;
}

/** All addresses of a range or an IPv4 network, or one of each network of length `netmask`; a hash begins at the start of the first one. */
function* addressesOf({ from, to, length, network }: Addresses, netmask = 32, fromStart = false): Generator<Network> {
  if (!to && !network) {
    yield { words: from, length };
    return;
  }
  const step = 2 ** (32 - netmask);
  const [written, last] = bounds(from, to, length);
  const first = fromStart ? Math.floor(written / step) * step : written;
  for (let address = first; address <= last; address += step) yield { words: Int32Array.of(address), length: 32 };
}

/** A range may be written either way round. */
function sortedEnds(from: Int32Array, to: Int32Array): [number, number] {
  const [one, other] = [from[0] >>> 0, to[0] >>> 0];
  return one <= other ? [one, other] : [other, one];
}

function bounds(from: Int32Array, to: Int32Array | undefined, length: number): [number, number] {
  if (to) return sortedEnds(from, to);
  const size = 2 ** (32 - length);
  const first = Math.floor((from[0] >>> 0) / size) * size;
  return [first, first + size - 1];
}

/** The fewest networks that cover a range exactly. */
function* networksOf({ from, to, length }: Addresses): Generator<Network> {
  if (!to) {
    yield { words: from, length };
    return;
  }
  const [start, last] = sortedEnds(from, to);
  let first = start;
  if (first === 0 && last === 0xffff_ffff) throw new SetError('Invalid range, covers the whole address space');
  while (first <= last) {
    let size = 1;
    while (first % (2 * size) === 0 && first + 2 * size - 1 <= last) size *= 2;
    yield { words: Int32Array.of(first), length: 32 - Math.log2(size) };
    first += size;
  }
}

// --- Back to text ---------------------------------------------------------------------------------------------------------

export function addressText(words: Int32Array, family: Family): string {
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  words.forEach((word, index) => {
    view.setInt32((family === 4 ? 12 : 0) + 4 * index, word);
  });
  return formatAddress(address, family);
}

const macText = ([high, low]: readonly [number, number]): string =>
  [high >>> 8, high & 0xff, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff]
    .map((octet) => octet.toString(16).padStart(2, '0').toUpperCase())
    .join(':');

/** A member as `list` prints it. */
export function printElement(element: Element, { family = 4, names, type }: TextScope): string {
  const bits = family === 4 ? 32 : 128;
  return type.parts
    .filter((part) => part !== 'mac' || element.mac)
    .map((part, index) => {
      switch (part) {
        case 'ip':
        case 'net': {
          const length = element.lengths[index];
          const text = addressText(element.addresses[index], family);
          return length === bits ? text : `${text}/${length}`;
        }
        case 'port':
          return portText(element.port >>> 8, element.port & 0xff, type.storage === 'bitmap', names);
        case 'mac':
          return macText(element.mac!);
        case 'mark':
          return `0x${(element.mark >>> 0).toString(16).padStart(8, '0')}`;
        default:
          return (element.physdev ? 'physdev:' : '') + element.iface;
      }
    })
    .join(',');
}

function portText(port: number, protocol: number, bare: boolean, names: Names): string {
  if (bare) return port.toString();
  const icmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  return `${protocolName(protocol, names)}:${icmp ? icmpName(port, protocol === IPPROTO_ICMP ? 4 : 6) : port}`;
}

/** What `test` repeats: the text as it was understood. */
export const printParts = (parts: readonly PartText[], scope: TextScope): string =>
  parts.map((part, index) => printPart(part, index, scope)).join(',');

function printPart(part: PartText, index: number, { family = 4, names, type }: TextScope): string {
  switch (part.kind) {
    case 'addresses': {
      const from = addressText(part.from, family);
      if (part.to && index === 0) return `${from}-${addressText(part.to, family)}`;
      return part.network ? `${from}/${part.length}` : from;
    }
    case 'ports':
      return portText(part.from, part.protocol, type.storage === 'bitmap', names);
    case 'mac':
      return macText(part.words);
    case 'mark':
      return `0x${part.value.toString(16).padStart(8, '0')}`;
    case 'device':
      return (part.physdev ? 'physdev:' : '') + part.name;
  }
}
