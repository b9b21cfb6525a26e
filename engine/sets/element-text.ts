// Elements as text: `10.0.0.0/8,tcp:80-82`, read part by part (element-print.ts writes them, elements.ts has all that one may mean). Messages are
// those of ipset 7.17, one line for each thing that it tried.

import { parseAton } from '../../grammar/addresses.ts';
import type { Names } from '../../grammar/names.ts';
import { type Address, parseAddress, wire } from '../../packet/address.ts';
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
import { icmpByName } from './icmp-names.ts';
import { syntax, type TextScope, wholeNumberOf } from './number-text.ts';
import { protocolOf } from './protocol-names.ts';
import { SetError, type SetType } from './types.ts';
import { isPlain } from './words.ts';

export type Verb = 'add' | 'del' | 'test';

// --- What a text says -----------------------------------------------------------------------------------------------------

export interface Addresses {
  readonly kind: 'addresses';
  readonly from: Int32Array;
  /** Undefined: one address, or the network of `length`. */
  readonly to: Int32Array | undefined;
  readonly length: number;
  /** A length was said; and it is not that of one address. */
  readonly masked: boolean;
  readonly network: boolean;
}
export interface Ports {
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
  // It stands behind something else in its word.
  if (!isPlain(`,${name}`)) throw syntax(`interface name '${name}' has a blank or a line break`);
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
