// SIP where addresses are translated: each address of this connection's ends that a message names becomes the one that the other side knows, and what
// is expected comes to the translated address. Source: net/netfilter/nf_nat_sip.c

import { formatAddress } from '../../packet/address.ts';
import { putU16, putU32 } from '../../packet/bytes.ts';
import { IPPROTO_TCP } from '../../packet/numbers.ts';
import * as udp from '../../packet/udp.ts';
import type { Expectation, ExpectFunction } from '../helping/expectation.ts';
import type { HelperCall } from '../helping/helper-call.ts';
import { findPort } from '../nat/follow.ts';
import { DESTINATION, SOURCE } from '../nat/range.ts';
import { Tuple } from '../table/tuple.ts';
import { type SdpKind, sdpLine } from './sdp-text.ts';
import {
  addressParameter,
  CONTACT,
  CONTENT_LENGTH,
  FROM,
  found,
  header,
  headerAddress,
  type Message,
  numberParameter,
  requestAddress,
  TO,
  VIA_TCP,
  VIA_UDP,
} from './sip-text.ts';
import { startsWith } from './text.ts';

/** An end of a tuple. */
export interface End {
  readonly words: Int32Array;
  readonly port: number;
}

export const sourceOf = ({ words, keys }: Tuple): End => ({ words: words.subarray(0, 4), port: keys >>> 16 });
export const destinationOf = ({ words, keys }: Tuple): End => ({ words: words.subarray(4), port: keys & 0xffff });

export const sameWords = (one: Int32Array, other: Int32Array): boolean =>
  one[0] === other[0] && one[1] === other[1] && one[2] === other[2] && one[3] === other[3];

const octets = new Uint8Array(16);

/** As the kernel prints it (%pI4, %pI6c); IPv6 in brackets if wanted. sip_sprintf_addr() */
function addressText({ family }: HelperCall, words: Int32Array, brackets: boolean): string {
  octets.fill(0);
  for (let word = 0; word < 4; word++) putU32(octets, family === 4 ? 12 : 4 * word, words[family === 4 ? 0 : word]);
  const text = formatAddress(octets, family);
  return family === 6 && brackets ? `[${text}]` : text;
}

/** mangle_packet(): what TCP sends behind is shifted when the whole packet is written. */
export function write(message: Message, at: number, length: number, text: string): boolean {
  if (!message.call.mangle(at, length, text, false)) return false;
  message.to += text.length - length;
  return true;
}

/** found.address and found.port, at found.at, are those of an end of this connection: its translation is written there. map_addr() */
function mapAddress(message: Message, forced: number): boolean {
  const { call } = message;
  const [source, destination] = [sourceOf(call.own), destinationOf(call.own)];
  const isEnd = ({ words, port }: End): boolean => port === found.port && sameWords(words, found.address);
  let to: End;
  if (isEnd(source)) to = destinationOf(call.other);
  else if (isEnd(destination)) to = { ...sourceOf(call.other), port: forced || sourceOf(call.other).port };
  else return true;
  if (isEnd(to)) return true;
  return write(message, found.at, found.length, `${addressText(call, to.words, true)}:${to.port}`);
}

/** The first Via of the message, and what its parameters tell of this connection. False: it cannot be written. */
function mapVia(message: Message, request: boolean, forced: number): boolean {
  const { call } = message;
  const via = call.pkt.protocol === IPPROTO_TCP ? VIA_TCP : VIA_UDP;
  if (headerAddress(message, via) !== 'yes') return true;
  const [source, destination] = [sourceOf(call.own), destinationOf(call.own)];
  const [otherSource, otherDestination] = [sourceOf(call.other), destinationOf(call.other)];
  const speaker = request ? source : destination;
  if (speaker.port !== found.port || !sameWords(speaker.words, found.address)) return true;
  const before = message.to;
  const end = found.at + found.length;
  if (!mapAddress(message, forced)) return false;
  const behind = end + message.to - before;
  const rewrite = (text: string): boolean => write(message, found.at, found.length, text);
  if (
    addressParameter(message, behind, 'MADDR=', true) &&
    sameWords(found.address, source.words) &&
    !sameWords(found.address, otherDestination.words) &&
    !rewrite(addressText(call, otherDestination.words, true))
  )
    return false;
  if (
    addressParameter(message, behind, 'RECEIVED=', false) &&
    sameWords(found.address, destination.words) &&
    !sameWords(found.address, otherSource.words) &&
    !rewrite(addressText(call, otherSource.words, false))
  )
    return false;
  const port = numberParameter(message, behind, 'RPORT=');
  return port !== destination.port || port === otherSource.port || rewrite(String(otherSource.port));
}

/** Translates what a message says of its connection; a string is why it cannot be. nf_nat_sip() */
export function mapMessage(message: Message, forced: number): string | undefined {
  const { call } = message;
  const request = !startsWith(call.bytes, message.from, message.to, 'SIP/2.0', true);
  if (request && requestAddress(message) === 'yes' && !mapAddress(message, forced)) return 'SIP request line';
  if (!mapVia(message, request, forced)) return 'SIP Via header';
  const walk = { at: message.from, inHeader: false };
  while (headerAddress(message, CONTACT, walk) === 'yes') if (!mapAddress(message, forced)) return 'SIP Contact header';
  for (const kind of [FROM, TO])
    if (headerAddress(message, kind) === 'yes' && !mapAddress(message, forced)) return 'SIP From or To header';
  if (call.direction === 1 && forced !== 0) {
    // A phone that sends from one port and listens at another: what its Via says is where it listens. In a stream the kernel takes the
    // segment for a datagram, and loses it.
    const { pkt } = call;
    if (pkt.protocol === IPPROTO_TCP) return 'SIP answer to another port';
    putU16(pkt.bytes, pkt.l4 + udp.DESTINATION_PORT_AT, forced);
    if (!call.mangle(call.from, 0, '', false)) return 'SIP answer';
  }
  return undefined;
}

// --- What is expected ------------------------------------------------------------------------------------------------------

const scratch = new Tuple();

/** Comes to where it was announced; media from whom the other half of the call expects them. nf_nat_sip_expected() */
export const sipExpected: ExpectFunction = {
  name: 'nf_nat_sip',
  run({ table, nat }, id, { master, class: kind, direction, savedAddress, savedKey }) {
    const exactly = (words: Int32Array, port: number) => ({
      addresses: [words.slice(0, 4), words.slice(0, 4)] as const,
      ports: [port, port] as const,
    });
    table.readTuple(id, 0, scratch);
    const source = { words: scratch.words.slice(0, 4), port: scratch.keys >>> 16 };
    const { family, protocol } = scratch;
    nat.assign(id, DESTINATION, exactly(savedAddress, savedKey));
    const pair =
      kind === 0
        ? undefined
        : master.expectations.findLast(
            ({ tuple, savedAddress: words, savedKey: port }) =>
              tuple.family === family &&
              tuple.protocol === protocol &&
              port === source.port &&
              sameWords(words, source.words),
          );
    if (pair) {
      nat.assign(id, SOURCE, exactly(pair.tuple.words.subarray(4), pair.destinationKey));
      return;
    }
    table.readTuple(master.id, direction, scratch);
    if (!sameWords(scratch.words.subarray(0, 4), source.words)) return;
    table.readTuple(master.id, direction === 0 ? 1 : 0, scratch);
    const own = scratch.words.slice(4, 8);
    nat.assign(id, SOURCE, { addresses: [own, own] });
  },
};

/** Where what is announced by the speaker can be reached from the other side. */
const reachable = ({ own, other }: HelperCall, announced: Int32Array): Int32Array => {
  const outside = destinationOf(other).words;
  return sameWords(sourceOf(own).words, outside) ? announced.slice() : outside.slice();
};

function translated(call: HelperCall, expectation: Expectation, to: Int32Array): void {
  expectation.savedAddress.set(expectation.tuple.words.subarray(4));
  expectation.savedKey = expectation.destinationKey;
  expectation.tuple.words.set(to, 4);
  expectation.direction = call.direction === 0 ? 1 : 0;
  expectation.born = sipExpected;
}

/** Calls to a registered address, which stands at `at`. nf_nat_sip_expect() */
export function expectCalls(
  message: Message,
  expectation: Expectation,
  at: number,
  length: number,
  forced: number,
): string | undefined {
  const { call } = message;
  const { tracker } = call;
  const to = reachable(call, expectation.tuple.words.subarray(4));
  const own = forced || sourceOf(call.own).port;
  const wanted = expectation.destinationKey === own ? destinationOf(call.other).port : expectation.destinationKey;
  translated(call, expectation, to);
  const port = findPort(tracker.expectations, expectation, wanted, tracker.random);
  if (port === 0) return 'no port is left for SIP calls';
  if (port === expectation.savedKey && sameWords(expectation.tuple.words.subarray(4), expectation.savedAddress))
    return undefined;
  if (write(message, at, length, `${addressText(call, to, true)}:${port}`)) return undefined;
  call.unexpect(expectation);
  return 'SIP registration would grow too long';
}

/** A pair of ports, the first one even, for a stream and its control; its address is then `address`. nf_nat_sdp_media() */
export function expectMedia(
  message: Message,
  streams: readonly [Expectation, Expectation],
  at: number,
  length: number,
  address: Int32Array,
): string | undefined {
  const { call } = message;
  const [rtp, rtcp] = streams;
  address.set(reachable(call, rtp.tuple.words.subarray(4)));
  for (const one of streams) translated(call, one, address);
  let port = rtp.destinationKey;
  for (; port !== 0; port = (port + 2) & 0xffff) {
    rtp.destinationKey = port;
    const first = call.expect(rtp, { anyMaster: true });
    if (first === 'taken') continue;
    if (first !== undefined) return 'SIP media cannot be expected';
    rtcp.destinationKey = (port + 1) & 0xffff;
    const second = call.expect(rtcp, { anyMaster: true });
    if (second === undefined) break;
    call.unexpect(rtp);
    if (second !== 'taken') return 'SIP media cannot be expected';
  }
  if (port === 0) return 'no ports are left for SIP media';
  if (port === rtp.savedKey || writePort(message, at, length, port)) return undefined;
  for (const one of streams) call.unexpect(one);
  return 'SDP media line would grow too long';
}

/** nf_nat_sdp_port() */
export const writePort = (message: Message, at: number, length: number, port: number): boolean =>
  write(message, at, length, String(port)) && writeLength(message);

/** mangle_content_len() */
function writeLength(message: Message): boolean {
  if (sdpLine(message, message.from, 'version') !== 'yes') return false;
  const length = message.to - found.at + 'v='.length;
  return (
    header(message, message.from, CONTENT_LENGTH) === 'yes' && write(message, found.at, found.length, String(length))
  );
}

/** 'no' where there is no such line. mangle_sdp_packet() */
function writeLine(message: Message, at: number, kind: SdpKind, text: string): 'done' | 'no' | 'failed' {
  if (sdpLine(message, at, kind, 'media') !== 'yes') return 'no';
  return write(message, found.at, found.length, text) ? 'done' : 'failed';
}

/** The address of one stream. nf_nat_sdp_addr() */
export const writeStreamAddress = (message: Message, at: number, address: Int32Array): boolean =>
  writeLine(message, at, 'connection', addressText(message.call, address, false)) === 'done' && writeLength(message);

/** Those of the session. nf_nat_sdp_session() */
export function writeSessionAddress(message: Message, at: number, address: Int32Array): boolean {
  const text = addressText(message.call, address, false);
  if (writeLine(message, at, 'owner', text) !== 'done') return false;
  return writeLine(message, at, 'connection', text) !== 'failed' && writeLength(message);
}
