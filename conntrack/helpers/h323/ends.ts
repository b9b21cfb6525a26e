// What Q.931, H.245 and RAS have in common: addresses as messages have them, beside those of the connection, and what is expected there. Where
// addresses are translated (IPv4 alone, as in the kernel) the announced ones are written in place: messages keep their lengths.
// Source: net/netfilter/nf_conntrack_h323_main.c, net/ipv4/netfilter/nf_nat_h323.c

import { putU16, putU32, u32 } from '../../../packet/bytes.ts';
import type { Expectation, ExpectFunction } from '../../helping/expectation.ts';
import type { HelperCall } from '../../helping/helper-call.ts';
import { findPort, followMaster } from '../../nat/follow.ts';
import { DESTINATION, SOURCE } from '../../nat/range.ts';
import { Tuple } from '../../table/tuple.ts';
import type { Found } from './per.ts';

/** Ports by direction: as the packets of that direction have them. */
export type Ports = [number, number];

export interface State {
  /** Octets that the last segment of a direction announced and did not have. */
  readonly announced: Ports;
  /** Where calls, or their control, are awaited; 0: nowhere. */
  readonly signal: Ports;
  /** The same of sound and pictures, the even ports. */
  readonly media: readonly Ports[];
  /** Seconds that a registration was asked for. */
  seconds: number;
}

/** H323_RTP_CHANNEL_MAX: as many pairs of ports may a translated connection announce. */
const MOST_CHANNELS = 4;

export const open = (): State => ({
  announced: [0, 0],
  signal: [0, 0],
  media: Array.from({ length: MOST_CHANNELS }, (): Ports => [0, 0]),
  seconds: 0,
});

export const TIMEOUT_MS = 240_000;
export const MOST_OF_CALL = MOST_CHANNELS * 4 + 4;
export const MOST_OF_CONTROL = MOST_CHANNELS * 4 + 2;

export const source = ({ words }: Tuple): Int32Array => words.subarray(0, 4);
export const destination = ({ words }: Tuple): Int32Array => words.subarray(4);

/** The addresses count whose family is the connection's. */
export const isReadable = (call: HelperCall, { family }: Found): boolean => family === call.family;

/** The found address is that end. */
export function isAt({ bytes }: HelperCall, { family, at }: Found, words: Int32Array): boolean {
  for (let word = 0; word < (family === 4 ? 1 : 4); word++)
    if (u32(bytes, at + 4 * word) !== words[word] >>> 0) return false;
  return true;
}

export function wordsOf({ bytes }: HelperCall, { family, at }: Found): Int32Array {
  const words = new Int32Array(4);
  for (let word = 0; word < (family === 4 ? 1 : 4); word++) words[word] = u32(bytes, at + 4 * word);
  return words;
}

/** Who speaks announces an address of his own. */
export const isOwn = (call: HelperCall, one: Found): boolean =>
  isReadable(call, one) && one.value !== 0 && isAt(call, one, source(call.own));

/** Addresses in messages are written anew. */
export const isRewritten = (call: HelperCall): boolean => call.family === 4 && call.translated;

/** The same, of those that the other side knows otherwise: not of whom only the other end's address is translated. */
export const isSpeakerTranslated = (call: HelperCall): boolean =>
  isRewritten(call) && call.own.words[0] !== call.other.words[4];

const octets = new Uint8Array(6);

/** set_addr(). False: the packet cannot be written. */
export function write(call: HelperCall, { at }: Found, words: Int32Array, port: number): boolean {
  putU32(octets, 0, words[0]);
  putU16(octets, 4, port);
  return call.mangle(at, octets.length, octets);
}

/** It comes in the other direction than this packet, and then goes where it would go untranslated. */
export function comesBack(call: HelperCall, one: Expectation, born: ExpectFunction): void {
  one.savedAddress.set(destination(one.tuple));
  one.savedKey = one.destinationKey;
  one.direction = call.direction === 0 ? 1 : 0;
  one.born = born;
}

/** A connection from the other end to the port that was announced, at the speaker's own address unless it is to another. */
export const fromOther = (
  call: HelperCall,
  protocol: number,
  destinationPort: number,
  to = destination(call.other),
): Expectation => call.expectation({ protocol, source: source(call.other), destination: to, destinationPort });

/**
 * Expects it at the address that the other side knows, and announces that. Undefined: the packet goes on, unchanged where no port is left. The port is
 * asked for first that `ports` has for the same one. nat_h245(), nat_q931(), nat_t120()
 */
export function expectAnnounced(
  call: HelperCall,
  one: Expectation,
  at: Found,
  born: ExpectFunction = followMaster,
  ports?: Ports,
): string | undefined {
  const { direction } = call;
  const back = direction === 0 ? 1 : 0;
  const wanted = ports?.[direction] === at.value ? ports[back] : at.value;
  comesBack(call, one, born);
  one.tuple.words.set(destination(call.other), 4);
  const { tracker } = call;
  const port = findPort(tracker.expectations, one, wanted, tracker.random);
  if (port === 0) return undefined;
  if (!write(call, at, destination(call.other), port)) {
    call.unexpect(one);
    return 'H.323 address cannot be rewritten';
  }
  if (ports) {
    ports[direction] = at.value;
    ports[back] = port;
  }
  return undefined;
}

const scratch = new Tuple();

/**
 * A call that is forwarded to somebody else goes where the forwarder sent it, and seems to come from the address that was announced instead.
 * ip_nat_callforwarding_expect()
 */
export const forwardedCall: ExpectFunction = {
  name: 'callforwarding',
  run({ table, nat }, id, { direction, savedAddress, savedKey }) {
    table.readTuple(id, direction === 0 ? 1 : 0, scratch);
    const [from, to] = [scratch.words.slice(0, 4), savedAddress.slice()];
    nat.assign(id, SOURCE, { addresses: [from, from] });
    nat.assign(id, DESTINATION, { addresses: [to, to], ports: [savedKey, savedKey] });
  },
};
