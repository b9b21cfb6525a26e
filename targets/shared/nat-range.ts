// What the NAT targets write: addresses and ports to translate to. SNAT, DNAT, MASQUERADE and REDIRECT share one reader and one
// printer (libxt_NAT), and what the tracker makes of it.

import { addressWords, type NatRange } from '../../conntrack/nat/range.ts';
import type { ValueScope } from '../../grammar/options.ts';
import { scanNumber } from '../../grammar/scan.ts';
import { formatAddress, parseAddress } from '../../packet/address.ts';
import {
  type Family,
  IPPROTO_DCCP,
  IPPROTO_ICMP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../packet/numbers.ts';

export interface NatWords {
  /** Canonical text, both or none. A first address above the last one is kept, as on the real tool. */
  readonly addresses?: readonly [low: string, high: string];
  readonly ports?: readonly [low: number, high: number];
  /** Of a shifted range `low-high/base`; 0 where the target has no room for it and forgets it. */
  readonly base?: number;
}

/** How much a target makes of a base port. */
export type BasePort = 'kept' | 'forgotten';

/** Inverted or not does not matter, and ICMP is among them in both families. */
const WITH_PORTS: readonly number[] = [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_ICMP];

function mayHavePorts({ protocol, fail }: ValueScope): void {
  if (protocol && WITH_PORTS.includes(protocol.number)) return;
  fail('Need TCP, UDP, SCTP or DCCP with port specification', 'the -p must stand before the target');
}

/** `port[-port[/base]]`. */
export function parsePorts(word: string, base: BasePort, scope: ValueScope): NatWords {
  mayHavePorts(scope);
  const first = portOrService(word, scope);
  if (first.rest === '') return { ports: [first.port, first.port] };
  if (first.rest[0] === ':') return scope.fail('Invalid port:port syntax - use dash');
  if (first.rest[0] !== '-') return scope.fail(`Garbage after port value: \`${first.rest}'`);
  const tail = first.rest.slice(1);
  const last = portNumber(tail, 0) ?? scope.fail(`Port \`${tail}' not valid`);
  if (last.port < first.port) return scope.fail(`Port range \`${tail}' funky`, `write ${last.port}-${first.port}`);
  const ports = [first.port, last.port] as const;
  if (last.rest === '') return { ports };
  if (last.rest[0] !== '/') return scope.fail(`Garbage after port range: \`${last.rest}'`);
  const start = basePort(last.rest.slice(1), scope);
  return { ports, base: base === 'kept' ? start : 0 };
}

interface Scanned {
  readonly port: number;
  readonly rest: string;
}

function portNumber(word: string, min: number): Scanned | undefined {
  const scanned = scanNumber(word);
  if (!scanned || scanned.value < min || scanned.value > 0xffff) return undefined;
  return { port: Number(scanned.value), rest: word.slice(scanned.end) };
}

function portOrService(word: string, scope: ValueScope): Scanned {
  const number = portNumber(word, 0);
  if (number) return number;
  const port = scope.names.service(word) ?? scope.fail(`Port \`${word}' not valid`);
  return { port, rest: '' };
}

/** What follows the number is not looked at. */
const basePort = (word: string, scope: ValueScope): number =>
  portNumber(word, 1)?.port ?? scope.names.service(word) ?? scope.fail(`Port \`${word}' not valid`);

/** `[address[-address]][:ports]`; in IPv6 an address with ports stands in brackets. */
export function parseNatRange(word: string, base: BasePort, scope: ValueScope): NatWords {
  const { host, ports } = splitPorts(word, scope);
  const range = ports === undefined ? {} : parsePorts(ports, base, scope);
  if (host === '' && ports !== undefined) return range;
  const dash = host.indexOf('-');
  const low = oneAddress(dash < 0 ? host : host.slice(0, dash), scope);
  return { addresses: [low, dash < 0 ? low : oneAddress(host.slice(dash + 1), scope)], ...range };
}

/** One colon stands before ports, two or more are an IPv6 address, and behind brackets everything up to the next colon is skipped. */
function splitPorts(word: string, { family, fail }: ValueScope): { host: string; ports: string | undefined } {
  const open = word.indexOf('[');
  if (open < 0) {
    const colon = word.indexOf(':');
    if (colon < 0 || word.includes(':', colon + 1)) return { host: word, ports: undefined };
    return { host: word.slice(0, colon), ports: word.slice(colon + 1) };
  }
  const close = word.indexOf(']', open);
  if (close < 0 || family === 4) return fail('Invalid address format');
  const colon = word.indexOf(':', close);
  return { host: word.slice(open + 1, close), ports: colon < 0 ? undefined : word.slice(colon + 1) };
}

function oneAddress(text: string, { family, fail }: ValueScope): string {
  const address = parseAddress(text, family);
  return address ? formatAddress(address, family) : fail(`Bad IP address "${text}"`);
}

export function printPorts({ ports, base }: NatWords): string {
  if (!ports) return '';
  const [low, high] = ports;
  return `${low}${high === low ? '' : `-${high}`}${base === undefined ? '' : `/${base}`}`;
}

export function printNatRange(range: NatWords): string {
  const ports = range.ports ? `:${printPorts(range)}` : '';
  if (!range.addresses) return ports;
  const [low, high] = range.addresses;
  const host = low === high ? low : `${low}-${high}`;
  return ports !== '' && low.includes(':') ? `[${host}]${ports}` : host + ports;
}

export interface Choice {
  readonly random?: boolean;
  readonly randomFully?: boolean;
  readonly persistent?: boolean;
}

/** What the tracker is to choose from. */
export const rangeOf = (
  { addresses, ports, base }: NatWords,
  { random, randomFully, persistent }: Choice,
  family: Family,
): NatRange => ({
  ...(addresses && {
    addresses: [wordsOf(addresses[0], family), wordsOf(addresses[1], family)] as const,
  }),
  ports,
  base,
  random: random || randomFully,
  persistent,
});

const wordsOf = (text: string, family: Family): Int32Array => addressWords(parseAddress(text, family)!, family);
