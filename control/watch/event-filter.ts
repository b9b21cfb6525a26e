// Which events a client wants: asked here, on the daemon's side, so that what nobody wants to see does not travel.

import { noNames } from '../../grammar/names.ts';
import { protocolNumber } from '../../grammar/protocols.ts';
import { type Address, parseAnyAddress, prefixMask } from '../../packet/address.ts';
import { type DaemonEvent, EVENT_KINDS, type EventKind } from './event-stream.ts';

/** Every member that is there must hold. */
export interface EventFilter {
  /** All of them where left out. */
  readonly kinds?: readonly EventKind[];
  /** Of connections and expectations. */
  readonly types?: readonly string[];
  /** Log lines of this syslog level or more urgent: 0 emergencies, 7 debugging. */
  readonly level?: number;
  /** 4 or 6. Notes of the daemon have none, nor any of what follows: with one of these asked for they are left out. */
  readonly family?: number;
  /** tcp, udp, icmpv6 ... or a number. */
  readonly protocol?: string;
  /** An address, with /LENGTH if wanted: source or destination. */
  readonly address?: string;
  /** Source or destination. */
  readonly port?: number;
  /** Somewhere in the text. */
  readonly text?: string;
}

const TYPES = ['new', 'update', 'destroy'];

/** Takes a filter from a message apart; throws an Error whose text may be sent back. */
export function parseFilter(given: unknown): EventFilter {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error('"filter" is an object');
  const filter: { -readonly [Key in keyof EventFilter]: EventFilter[Key] } = {};
  for (const [key, value] of Object.entries(given as Record<string, unknown>)) {
    if (value === undefined) continue;
    if (key === 'kinds') filter.kinds = words(key, value, EVENT_KINDS);
    else if (key === 'types') filter.types = words(key, value, TYPES);
    else if (key === 'level') filter.level = whole(key, value, 0, 7);
    else if (key === 'family') filter.family = whole(key, value, 4, 6);
    else if (key === 'port') filter.port = whole(key, value, 0, 65_535);
    else if (key === 'text') filter.text = string(key, value);
    else if (key === 'address') filter.address = checkedAddress(string(key, value));
    else if (key === 'protocol') filter.protocol = checkedProtocol(string(key, value));
    else throw new Error(`a filter has no "${key}"`);
  }
  return filter;
}

function words<Word extends string>(key: string, value: unknown, known: readonly Word[]): Word[] {
  if (!Array.isArray(value) || !value.every((word): word is Word => known.includes(word as Word)))
    throw new Error(`"${key}" is a list of ${known.join(', ')}`);
  return [...new Set(value)];
}

function whole(key: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`"${key}" is a number from ${least} to ${most}`);
  return value;
}

function string(key: string, value: unknown): string {
  if (typeof value !== 'string') throw new Error(`"${key}" is a string`);
  return value;
}

function checkedAddress(text: string): string {
  parsePrefix(text);
  return text;
}

function checkedProtocol(text: string): string {
  if (protocolNumber(text, noNames) === undefined) throw new Error(`"${text}" is no protocol`);
  return text;
}

/** The question that a filter asks of an event. */
export function compileFilter(filter: EventFilter): (event: DaemonEvent) => boolean {
  const { types, level, text } = filter;
  const ends = endsQuestion(filter);
  return (event) => {
    // What was lost might have been wanted.
    if (event.kind === 'lost') return true;
    if (level !== undefined && 'level' in event && event.level > level) return false;
    if (types && 'type' in event && !types.includes(event.type)) return false;
    if (text !== undefined && !event.text.includes(text)) return false;
    return ends === undefined || ends(endsOf(event));
  };
}

/** What an event says of the packet or connection that it is about. */
interface Ends {
  readonly family: number | undefined;
  readonly protocol: number | undefined;
  readonly addresses: readonly string[];
  readonly ports: readonly number[];
}

function endsQuestion({ family, protocol, address, port }: EventFilter): ((ends: Ends) => boolean) | undefined {
  if (family === undefined && protocol === undefined && address === undefined && port === undefined) return undefined;
  const number = protocol === undefined ? undefined : protocolNumber(protocol, noNames);
  const within = address === undefined ? undefined : prefixQuestion(address);
  return (ends) =>
    (family === undefined || ends.family === family) &&
    (number === undefined || ends.protocol === number) &&
    (port === undefined || ends.ports.includes(port)) &&
    (within === undefined || ends.addresses.some(within));
}

const NOWHERE: Ends = { family: undefined, protocol: undefined, addresses: [], ports: [] };

function endsOf(event: Exclude<DaemonEvent, { kind: 'lost' }>): Ends {
  if (event.kind === 'note') return NOWHERE;
  if (event.kind === 'connection') {
    const { family, proto, orig, reply } = event.entry;
    const both = [orig, reply];
    return {
      family: family === 'ipv4' ? 4 : 6,
      protocol: proto,
      addresses: both.flatMap(({ src, dst }) => [String(src), String(dst)]),
      ports: both.flatMap(({ sport, dport }) => [Number(sport), Number(dport)]),
    };
  }
  return endsOfLine(event.text);
}

/** `SRC=10.0.0.1 DST=... PROTO=TCP SPT=1 DPT=2` of a log line, `src=... sport=...` of the tracker's. */
function endsOfLine(line: string): Ends {
  const addresses = [...line.matchAll(/\b(?:SRC|DST|src|dst)=([0-9a-fA-F:.]+)/g)].map(([, text]) => text);
  const ports = [...line.matchAll(/\b(?:SPT|DPT|sport|dport)=(\d+)/g)].map(([, text]) => Number(text));
  const [, protocol = ''] = /\b(?:PROTO|proto)=(\S+)/.exec(line) ?? [];
  const family = addresses.length === 0 ? undefined : parseAnyAddress(addresses[0])?.family;
  return { family, protocol: protocolNumber(protocol, noNames), addresses, ports };
}

function prefixQuestion(prefix: string): (address: string) => boolean {
  const { family, address, mask } = parsePrefix(prefix);
  return (text) => {
    const found = parseAnyAddress(text);
    return found?.family === family && found.address.every((octet, at) => ((octet ^ address[at]) & mask[at]) === 0);
  };
}

function parsePrefix(text: string): { family: number; address: Address; mask: Address } {
  const [written, lengthText] = text.split('/');
  const found = parseAnyAddress(written);
  const longest = found?.family === 4 ? 32 : 128;
  const length = lengthText === undefined ? longest : Number(lengthText);
  if (!found || lengthText === '' || !Number.isInteger(length) || length < 0 || length > longest)
    throw new Error(`"${text}" is no address or prefix`);
  return { ...found, mask: prefixMask(length, found.family) };
}
