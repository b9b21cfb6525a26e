// SIP, RFC 3261: calls. A registration says where its maker can be called, and such a call is expected once the registrar has agreed. An offer of media
// (SDP, RFC 4566) says where each stream is wanted, and its answer where the other one is; each is expected with its control, one port above.
//
// Only addresses of the speaker himself are believed, for calls and for media: the kernel's sip_direct_signalling and sip_direct_media.
// Source: net/netfilter/nf_conntrack_sip.c

import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { EXPECT_INACTIVE, EXPECT_PERMANENT, type Expectation } from '../helping/expectation.ts';
import { defineHelper, type Helper } from '../helping/helper.ts';
import type { HelperCall } from '../helping/helper-call.ts';
import { Tuple } from '../table/tuple.ts';
import { sdpLine } from './sdp-text.ts';
import {
  destinationOf,
  expectCalls,
  expectMedia,
  mapMessage,
  sameWords,
  sourceOf,
  writePort,
  writeSessionAddress,
  writeStreamAddress,
} from './sip-nat.ts';
import {
  CONTACT,
  CONTENT_LENGTH,
  CSEQ,
  EXPIRES,
  found,
  header,
  headerAddress,
  type Message,
  numberParameter,
  parameter,
  VIA_UDP,
} from './sip-text.ts';
import { find, number, readNumber, startsWith } from './text.ts';

interface State {
  /** Where answers go, of those that ask from elsewhere; 0: to where the question came from. */
  forcedPort: number;
  inviteCseq: number;
  registerCseq: number;
}

/** Policies by their place. */
const SIGNALLING = 0;
const MEDIA: readonly (readonly [word: string, policy: number])[] = [
  ['audio ', 1],
  ['video ', 2],
  ['image ', 3],
];

const TIMEOUT_MS = 3_600_000;
/** "SIP/2.0 200" */
const SHORTEST = 11;
const END_OF_HEADERS = '\r\n\r\n';

/** Undefined: the message goes on; else why not. */
type Handler = (message: Message, state: State, cseq: number, code: number) => string | undefined;

/** What is said of each method, and of the answers to it. sip_handlers */
const METHODS: readonly { name: string; request?: Handler; response?: Handler }[] = [
  {
    name: 'INVITE',
    request(message, state, cseq) {
      forgetMedia(message.call);
      const refused = readSession(message);
      if (refused === undefined) state.inviteCseq = cseq;
      return refused;
    },
    response: sessionAnswered,
  },
  { name: 'UPDATE', request: readSession, response: sessionAnswered },
  { name: 'ACK', request: readSession },
  { name: 'PRACK', request: readSession, response: sessionAnswered },
  {
    name: 'BYE',
    request({ call }) {
      forgetMedia(call);
      return undefined;
    },
  },
  { name: 'REGISTER', request: register, response: registered },
];

/** process_invite_response(), process_update_response(), process_prack_response() */
function sessionAnswered(message: Message, state: State, cseq: number, code: number): string | undefined {
  if (code >= 100 && code <= 299) return readSession(message);
  if (state.inviteCseq === cseq) forgetMedia(message.call);
  return undefined;
}

/** flush_expectations() */
function forgetMedia(call: HelperCall): void {
  for (const one of call.expectations.toReversed()) if (one.class !== SIGNALLING) call.unexpect(one);
}

// --- Registration ----------------------------------------------------------------------------------------------------------

/** Protocol that calls are to come by; 0: one that is not the connection's. ct_sip_parse_transport() */
function transport(message: Message, at: number): number {
  const own = message.call.pkt.protocol;
  const given = parameter(message, at, 'TRANSPORT=');
  if (!given) return own;
  const { bytes } = message.call;
  const named = (word: string): boolean => startsWith(bytes, given[0], bytes.length, word, true);
  const protocol = named('TCP') ? IPPROTO_TCP : named('UDP') ? IPPROTO_UDP : 0;
  return protocol === own ? own : 0;
}

const seconds = (message: Message): number =>
  header(message, message.from, EXPIRES) === 'yes' ? readNumber(message.call.bytes, found.at, message.to) : 0;

/** process_register_request() */
function register(message: Message, state: State, cseq: number): string | undefined {
  const { call } = message;
  // What was expected cannot register again.
  if (call.isExpected) return undefined;
  let expires = seconds(message);
  const sought = headerAddress(message, CONTACT);
  if (sought === 'bad') return 'SIP Contact cannot be read';
  if (sought === 'no' || !sameWords(sourceOf(call.own).words, found.address)) return undefined;
  const { at, length, port } = found;
  const destination = found.address.slice();
  const protocol = transport(message, at + length);
  if (protocol === 0) return undefined;
  const given = numberParameter(message, at + length, 'EXPIRES=');
  if (given === 'bad') return 'SIP expiry cannot be read';
  if (given !== 'no') expires = given;
  if (expires !== 0) {
    const expectation = call.expectation({
      protocol,
      source: sourceOf(call.other).words,
      destination,
      destinationPort: port,
      class: SIGNALLING,
    });
    expectation.helper = sip;
    expectation.flags = EXPECT_PERMANENT | EXPECT_INACTIVE;
    const refused = call.translated
      ? expectCalls(message, expectation, at, length, state.forcedPort)
      : call.expect(expectation) && 'SIP calls cannot be expected';
    if (refused !== undefined) return refused;
  }
  state.registerCseq = cseq;
  return undefined;
}

/** The registrar agreed, or did not. process_register_response() */
function registered(message: Message, state: State, cseq: number, code: number): string | undefined {
  const { call } = message;
  if (state.registerCseq !== cseq || (code >= 100 && code <= 199)) return undefined;
  if (code >= 200 && code <= 299) {
    const expires = seconds(message);
    const walk = { at: message.from, inHeader: false };
    for (;;) {
      const sought = headerAddress(message, CONTACT, walk);
      if (sought === 'bad') return 'SIP Contact cannot be read';
      if (sought === 'no') break;
      if (!sameWords(destinationOf(call.own).words, found.address)) continue;
      const behind = found.at + found.length;
      const [address, port] = [found.address.slice(), found.port];
      const protocol = transport(message, behind);
      if (protocol === 0) continue;
      const given = numberParameter(message, behind, 'EXPIRES=');
      if (given === 'bad') return 'SIP expiry cannot be read';
      const granted = given === 'no' ? expires : given;
      if (granted === 0) break;
      if (refresh(call, address, protocol, port, granted)) return undefined;
    }
  }
  const last = call.expectations.findLast((one) => one.class === SIGNALLING);
  if (last) call.unexpect(last);
  return undefined;
}

/** refresh_signalling_expectation() */
function refresh(call: HelperCall, address: Int32Array, protocol: number, port: number, granted: number): boolean {
  const expectation = call.expectations.findLast(
    ({ class: kind, tuple, destinationKey }) =>
      kind === SIGNALLING &&
      tuple.protocol === protocol &&
      destinationKey === port &&
      sameWords(tuple.words.subarray(4), address),
  );
  if (!expectation) return false;
  call.tracker.expectations.setTimeout(expectation, Math.min(granted * 1_000, 0x7fff_ffff));
  expectation.flags &= ~EXPECT_INACTIVE;
  return true;
}

// --- Media -----------------------------------------------------------------------------------------------------------------

/** process_sdp() */
function readSession(message: Message): string | undefined {
  const { call } = message;
  if (sdpLine(message, message.from, 'version') !== 'yes') return undefined;
  const session = found.at;
  const common = sdpLine(message, session, 'connection', 'media') === 'yes' ? found.address.slice() : undefined;
  const address = new Int32Array(4);
  let streams = 0;
  for (let at = session; streams < MEDIA.length && sdpLine(message, at, 'media') === 'yes'; ) {
    at = found.at;
    const { length } = found;
    const kind = MEDIA.find(([word]) => startsWith(call.bytes, at, at + length, word));
    if (!kind) {
      at += length;
      continue;
    }
    at += kind[0].length;
    const port = readNumber(call.bytes, at, message.to);
    if (port === 0) continue;
    if (port < 1024 || port > 65_535) return 'SDP has a wrong port';
    const own = sdpLine(message, at, 'connection', 'media') === 'yes';
    if (!own && !common) return 'SDP has no address';
    address.set(own ? found.address : common!);
    const refused = expectStreams(message, address, port, kind[1], at, length - kind[0].length);
    if (refused !== undefined) return refused;
    if (own && call.translated && !writeStreamAddress(message, at, address)) return 'SDP cannot be rewritten';
    streams++;
  }
  // Differs: the kernel writes an address that was never set where there is no stream.
  if (streams > 0 && call.translated && !writeSessionAddress(message, session, address))
    return 'SDP cannot be rewritten';
  return undefined;
}

const wanted = new Tuple();

/** A stream and its control to `address`, which becomes the one that is to be announced. set_expected_rtp_rtcp() */
function expectStreams(
  message: Message,
  address: Int32Array,
  port: number,
  kind: number,
  at: number,
  length: number,
): string | undefined {
  const { call } = message;
  if (!sameWords(address, sourceOf(call.own).words)) return undefined;
  const source = sourceOf(call.other).words;
  const known = alreadyExpected(call, source, address, port, kind);
  const even = known.port & ~1;
  if (known.direct && !writePort(message, at, length, even)) return 'SDP cannot be rewritten';
  if (known.elsewhere) return undefined;
  const [rtp, rtcp] = [even, even + 1].map((destinationPort) =>
    call.expectation({ protocol: IPPROTO_UDP, source, destination: address, destinationPort, class: kind }),
  );
  if (call.translated && !known.direct) return expectMedia(message, [rtp, rtcp], at, length, address);
  // The same port for several kinds of media is allowed.
  const first = call.expect(rtp, { anyMaster: true });
  if (first === undefined || first === 'other class') {
    const second = call.expect(rtcp, { anyMaster: true });
    if (second === undefined || second === 'other class') return undefined;
    if (first === undefined) call.unexpect(rtp);
  }
  return 'SIP media cannot be expected';
}

interface Known {
  port: number;
  /** Both callers are behind this machine, and can reach each other without it. */
  direct: boolean;
  /** Another connection expects the stream. */
  elsewhere: boolean;
}

function alreadyExpected(call: HelperCall, source: Int32Array, address: Int32Array, port: number, kind: number): Known {
  const { tracker } = call;
  const zone = tracker.table.zone(call.id, 0) || tracker.table.zone(call.id, 1);
  const known: Known = { port, direct: false, elsewhere: false };
  wanted.family = call.family;
  wanted.protocol = IPPROTO_UDP;
  wanted.words.set(source);
  for (;;) {
    wanted.words.set(address, 4);
    wanted.setPorts(0, known.port);
    const one = tracker.expectations.find(wanted, zone);
    if (!one || one.master.id === call.id || one.master.helper !== sip || one.class !== kind) return known;
    if (known.direct || !call.translated || !isMoved(one)) {
      known.elsewhere = true;
      return known;
    }
    address.set(one.savedAddress);
    known.port = one.savedKey;
    known.direct = true;
  }
}

const isMoved = ({ savedAddress, savedKey, tuple, destinationKey }: Expectation): boolean =>
  savedKey !== destinationKey || !sameWords(savedAddress, tuple.words.subarray(4));

// --- Messages --------------------------------------------------------------------------------------------------------------

/** The number behind CSeq; a string is why there is none. */
function sequenceOf(message: Message): number | string {
  if (header(message, message.from, CSEQ) !== 'yes') return 'SIP CSeq cannot be read';
  return readNumber(message.call.bytes, found.at, message.to);
}

/** process_sip_request() */
function request(message: Message, state: State): string | undefined {
  const { call, from, to } = message;
  const { words, port } = sourceOf(call.own);
  if (headerAddress(message, VIA_UDP) === 'yes' && found.port !== port && sameWords(found.address, words))
    state.forcedPort = found.port;
  const { bytes } = call;
  for (const { name, request: handle } of METHODS) {
    if (to - from < name.length + 2 || !startsWith(bytes, from, to, name, true)) continue;
    const letter = bytes[from + name.length + 1] | 0x20;
    if (bytes[from + name.length] !== 0x20 || letter < 0x61 || letter > 0x7a) continue;
    const cseq = sequenceOf(message);
    return typeof cseq === 'string' ? cseq : handle?.(message, state, cseq, 0);
  }
  return undefined;
}

/** process_sip_response() */
function response(message: Message, state: State): string | undefined {
  const { call, from, to } = message;
  if (to - from < SHORTEST) return undefined;
  const code = readNumber(call.bytes, from + 'SIP/2.0 '.length, to);
  if (code === 0) return 'SIP answer has no code';
  const cseq = sequenceOf(message);
  if (typeof cseq === 'string') return cseq;
  const method = found.at + found.length + 1;
  for (const { name, response: handle } of METHODS) {
    if (handle && startsWith(call.bytes, method, to, name, true)) return handle(message, state, cseq, code);
  }
  return undefined;
}

/** process_sip_msg() */
function readMessage(message: Message, state: State): string | undefined {
  const { call, from, to } = message;
  const answer = startsWith(call.bytes, from, to, 'SIP/2.0 ', true);
  const refused = answer ? response(message, state) : request(message, state);
  if (refused !== undefined || !call.translated) return refused;
  const failed = mapMessage(message, state.forcedPort);
  return failed && `${failed} cannot be rewritten`;
}

/** Of a stream, one message after the other, as far as they are there whole. sip_help_tcp() */
function readStream(call: HelperCall, state: State): string | undefined {
  let from = call.from;
  let grown = 0;
  let refused: string | undefined;
  while (refused === undefined) {
    const message: Message = { call, from, to: call.to };
    if (header(message, from, CONTENT_LENGTH) !== 'yes') break;
    const length = readNumber(call.bytes, found.at, call.to);
    const body = find(call.bytes, number.end, call.to, END_OF_HEADERS);
    if (body < 0) break;
    const end = body + END_OF_HEADERS.length + length;
    if (end > call.to) return undefined;
    message.to = end;
    refused = readMessage(message, state);
    grown += message.to - end;
    from = message.to;
  }
  if (refused === undefined && call.translated && grown !== 0) call.shift(grown);
  return refused;
}

function help(call: HelperCall, state: State): string | undefined {
  const stream = call.pkt.protocol === IPPROTO_TCP;
  if ((stream && !call.established) || call.from >= call.to) return undefined;
  call.prolong(TIMEOUT_MS);
  call.readWhole();
  if (call.to - call.from < SHORTEST) return undefined;
  return stream ? readStream(call, state) : readMessage({ call, from: call.from, to: call.to }, state);
}

export const sip: Helper<State> = defineHelper<State>({
  name: 'sip',
  summary: 'Calls of SIP, and their media.',
  kernel: 'net/netfilter/nf_conntrack_sip.c sip_help_udp(), sip_help_tcp(), nf_nat_sip.c nf_nat_sip()',
  families: [4, 6],
  protocols: [IPPROTO_UDP, IPPROTO_TCP],
  port: 5060,
  policies: [
    { name: 'signalling', most: 1, timeoutMs: 180_000 },
    { name: 'audio', most: 4, timeoutMs: 180_000 },
    { name: 'video', most: 4, timeoutMs: 180_000 },
    { name: 'image', most: 2, timeoutMs: 180_000 },
  ],
  open: () => ({ forcedPort: 0, inviteCseq: 0, registerCseq: 0 }),
  help,
});
