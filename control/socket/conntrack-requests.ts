// What is asked about connections on the control socket, and what is answered: ConntrackRequest and its answers as JSON. Addresses are texts,
// pages of flows are their words in base64, so that the daemon's main thread passes them on as they came from the data plane.

import type { FlowGiven, NatGiven, TupleGiven } from '../../conntrack/editor.ts';
import type { ExpectGiven } from '../../conntrack/expect-flow.ts';
import type { FlowPage } from '../../conntrack/flow.ts';
import type { Answers, ConntrackRequest } from '../../conntrack/service.ts';
import { formatAddress, parseAddress } from '../../packet/address.ts';

/** FlowGiven, with texts for addresses. */
type TupleJson = Omit<TupleGiven, 'src' | 'dst'> & { src: string; dst: string };
type NatJson = { address?: string; port?: number };
export type FlowGivenJson = Omit<FlowGiven, 'orig' | 'reply' | 'sourceNat' | 'destinationNat'> & {
  orig?: TupleJson;
  reply?: TupleJson;
  sourceNat?: NatJson;
  destinationNat?: NatJson;
};

export interface PageJson {
  /** Words of the flows, little end first, in base64. */
  page: string;
  names: string[];
  next: number;
}

const isPage = (answer: unknown): answer is FlowPage =>
  typeof answer === 'object' && answer !== null && 'words' in answer;

/** An answer as it goes over the socket. */
export function answerToJson(answer: Answers[ConntrackRequest['do']]): unknown {
  if (!isPage(answer)) return answer ?? null;
  const { words, names, next } = answer;
  return { page: Buffer.from(words.buffer, words.byteOffset, words.byteLength).toString('base64'), names, next };
}

/** And back. */
export function answerFromJson(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('page' in answer)) return answer ?? undefined;
  const { page, names, next } = answer as PageJson;
  return { words: wordsFrom(page), names, next } satisfies FlowPage;
}

export function wordsFrom(text: string): Int32Array {
  const octets = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Int32Array(octets.buffer, 0, octets.length >>> 2);
}

// --- Requests ------------------------------------------------------------------------------------------------------------

/** A request as it goes over the socket. */
export function requestToJson(request: ConntrackRequest): unknown {
  if ('expect' in request) return { ...request, expect: expectToJson(request.expect) };
  if (!('given' in request)) return request;
  const { given } = request;
  return { ...request, given: Array.isArray(given) ? given.map(givenToJson) : givenToJson(given as FlowGiven) };
}

const tupleToJson = (one: TupleGiven | undefined, family: 4 | 6): TupleJson | undefined =>
  one && { ...one, src: formatAddress(one.src, family), dst: formatAddress(one.dst, family) };

const expectToJson = (given: ExpectGiven): unknown => ({
  ...given,
  master: tupleToJson(given.master, given.family),
  tuple: tupleToJson(given.tuple, given.family),
});

function givenToJson(given: FlowGiven): FlowGivenJson {
  const { family, orig, reply, sourceNat, destinationNat } = given;
  const nat = (one: NatGiven | undefined): NatJson | undefined =>
    one && { address: one.address && formatAddress(one.address, family), port: one.port };
  return {
    ...given,
    orig: tupleToJson(orig, family),
    reply: tupleToJson(reply, family),
    sourceNat: nat(sourceNat),
    destinationNat: nat(destinationNat),
  };
}

type Members = Record<string, unknown>;

/** Connections made or deleted by one request. */
const MOST_GIVEN = 4_096;

/** Takes the request of a message apart; throws an Error whose text may be sent back. */
export function parseConntrackRequest(message: unknown): ConntrackRequest {
  const members = object('request', message);
  const by = members.by === undefined ? undefined : text('by', members.by);
  switch (members.do) {
    case 'list':
      return {
        do: 'list',
        from: whole('from', members.from, 0x7fffffff),
        family: members.family === undefined ? undefined : familyOf(members.family),
        zero: members.zero === true,
      };
    case 'flush':
      return { do: 'flush', from: whole('from', members.from, 0x7fffffff), by };
    case 'expectations':
      return { do: 'expectations', family: members.family === undefined ? undefined : familyOf(members.family) };
    case 'expect-get':
    case 'expect-create':
    case 'expect-delete':
      return { do: members.do, expect: expectFrom(object('expect', members.expect)) };
    case 'expect-flush':
    case 'statistics':
    case 'memory':
      return { do: members.do };
    case 'get':
    case 'update':
      return { do: members.do, given: givenFrom(members.given), by };
    case 'create':
      return { do: 'create', given: severalFrom(members.given), content: members.content === true, by };
    case 'delete':
      return { do: 'delete', given: severalFrom(members.given), by };
    default:
      throw new Error('unknown "do"');
  }
}

function expectFrom({ family: given, master, zone, tuple, mask }: Members): ExpectGiven {
  const family = familyOf(given);
  return {
    family,
    master: master === undefined ? undefined : tupleFrom(family, object('master', master)),
    zone: zone === undefined ? undefined : whole('zone', zone, 0xffff),
    tuple: tupleFrom(family, object('tuple', tuple)),
    mask: mask === undefined ? undefined : maskFrom(family, object('mask', mask)),
  };
}

function maskFrom(family: 4 | 6, { src, srcKey }: Members): ExpectGiven['mask'] {
  const address = addressFrom('src', src, family);
  return { src: formatAddress(address, family), srcKey: whole('srcKey', srcKey, 0xffff) };
}

function severalFrom(given: unknown): FlowGiven[] {
  if (!Array.isArray(given) || given.length > MOST_GIVEN) throw new Error(`"given" is a list of at most ${MOST_GIVEN}`);
  return given.map(givenFrom);
}

function givenFrom(message: unknown): FlowGiven {
  const members = object('given', message);
  const family = familyOf(members.family);
  const optional = <T>(name: string, read: (name: string, value: unknown) => T): T | undefined =>
    members[name] === undefined ? undefined : read(name, members[name]);
  const word = (name: string, value: unknown): number => whole(name, value, 0xffffffff);
  const zone = (name: string, value: unknown): number => whole(name, value, 0xffff);
  return {
    family,
    orig: optional('orig', (name, value) => tupleFrom(family, object(name, value))),
    reply: optional('reply', (name, value) => tupleFrom(family, object(name, value))),
    zone: optional('zone', zone),
    zoneOrig: optional('zoneOrig', zone),
    zoneReply: optional('zoneReply', zone),
    id: optional('id', word),
    timeout: optional('timeout', word),
    status: optional('status', word),
    state: optional('state', (name, value) => whole(name, value, 255)),
    tcpFlags: optional('tcpFlags', (name, value) => whole(name, value, 255)),
    tags: optional('tags', tagsFrom),
    mark: optional('mark', word),
    labels: optional('labels', labelsFrom),
    sourceNat: optional('sourceNat', (name, value) => natFrom(family, object(name, value))),
    destinationNat: optional('destinationNat', (name, value) => natFrom(family, object(name, value))),
  };
}

function tupleFrom(family: 4 | 6, members: Members): TupleGiven {
  return {
    protocol: whole('protocol', members.protocol, 255),
    src: addressFrom('src', members.src, family),
    dst: addressFrom('dst', members.dst, family),
    srcKey: whole('srcKey', members.srcKey, 0xffff),
    dstKey: whole('dstKey', members.dstKey, 0xffff),
  };
}

function natFrom(family: 4 | 6, { address, port }: Members): NatGiven {
  return {
    address: address === undefined ? undefined : addressFrom('address', address, family),
    port: port === undefined ? undefined : whole('port', port, 0xffff),
  };
}

function tagsFrom(name: string, value: unknown): [number, number] {
  if (!Array.isArray(value) || value.length !== 2) throw new Error(`"${name}" is a list of two numbers`);
  return [whole(name, value[0], 0xffffffff), whole(name, value[1], 0xffffffff)];
}

function labelsFrom(name: string, value: unknown): NonNullable<FlowGiven['labels']> {
  const { words, mask } = object(name, value);
  const four = (list: unknown): number[] => {
    if (!Array.isArray(list) || list.length !== 4 || !list.every((one) => Number.isInteger(one)))
      throw new Error(`"${name}" has four words, and a mask of four`);
    return list.map((one: number) => one | 0);
  };
  return { words: four(words), mask: four(mask) };
}

function object(name: string, value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`"${name}" is an object`);
  return value as Members;
}

function whole(name: string, value: unknown, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > most)
    throw new Error(`"${name}" is a number from 0 to ${most}`);
  return value;
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value.length > 100)
    throw new Error(`"${name}" is a string of at most 100 characters`);
  return value;
}

function familyOf(value: unknown): 4 | 6 {
  if (value !== 4 && value !== 6) throw new Error('"family" is 4 or 6');
  return value;
}

function addressFrom(name: string, value: unknown, family: 4 | 6): Uint8Array {
  const address = typeof value === 'string' ? parseAddress(value, family) : undefined;
  if (!address) throw new Error(`"${name}" is an address of IPv${family}`);
  return address;
}
