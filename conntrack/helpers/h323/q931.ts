// Q.931, calls: who speaks says where H.245 is to be had, and often opens channels at once. Setup has the addresses of caller and called too. All
// are in the last information element, as H.225.0 messages.
// Source: net/netfilter/nf_conntrack_h323_main.c process_q931(), nf_conntrack_h323_asn1.c DecodeQ931()

import { u16 } from '../../../packet/bytes.ts';
import { IPPROTO_TCP } from '../../../packet/numbers.ts';
import { defineHelper } from '../../helping/helper.ts';
import type { HelperCall } from '../../helping/helper-call.ts';
import { expectChannels, h245 } from './control.ts';
import {
  destination,
  expectAnnounced,
  forwardedCall,
  fromOther,
  isAt,
  isOwn,
  isReadable,
  isRewritten,
  isSpeakerTranslated,
  MOST_OF_CALL,
  open,
  type State,
  source,
  TIMEOUT_MS,
  wordsOf,
  write,
} from './ends.ts';
import { userInformation } from './h225.ts';
import { type Found, findMarked } from './per.ts';
import { readMessages } from './tpkt.ts';

const DISCRIMINATOR = 8;
const USER_USER = 0x7e;
/** A message of an H.323 call has a protocol discriminator in front of its user-user information. */
const USER_USER_HEADER = 4; // octets

/** Offset of the H.225.0 message in [from, to); 0: there is none whole. */
function findUserInformation(bytes: Uint8Array, from: number, to: number): number {
  if (bytes[from] !== DISCRIMINATOR) return 0;
  // Discriminator, call reference behind its length, type of the message.
  let at = from + 3 + bytes[from + 1];
  while (at + USER_USER_HEADER <= to) {
    if (bytes[at] === USER_USER) return at + USER_USER_HEADER;
    // Q.931 4.5.1: elements of one octet have the highest bit set.
    at += bytes[at] & 0x80 ? 1 : 2 + bytes[at + 1];
  }
  return 0;
}

/** Undefined: it cannot be read. */
function readCall(bytes: Uint8Array, from: number, to: number): readonly Found[] | undefined {
  const at = findUserInformation(bytes, from, to);
  if (at === 0) return undefined;
  const end = at - 1 + u16(bytes, at - 3);
  return end > to || end < at ? undefined : findMarked(userInformation, bytes, at, end);
}

function processCall(call: HelperCall, state: State, found: readonly Found[]): string | undefined {
  const isForwarded = found.some(({ what }) => what === 'callForwarded');
  const tunnel = found.findIndex(({ what }) => what === 'tunnel');
  // Of a message that forwards the call, only where to, and what is in its tunnel.
  const own = tunnel < 0 ? found : found.slice(0, tunnel);
  const heeded = isForwarded ? own.filter(({ what }) => what === 'alternative') : own;
  for (const one of heeded) {
    let refused: string | undefined;
    if (one.what === 'h245Address') refused = expectControl(call, state, one);
    else if (one.what === 'alternative' && isForwarded) refused = expectForwarded(call, one);
    else if (one.what === 'destination') refused = writeEnd(call, one, source(call.other), call.other.keys >>> 16);
    else if (one.what === 'source') refused = writeEnd(call, one, destination(call.other), call.other.keys & 0xffff);
    if (refused !== undefined) return refused;
  }
  return expectChannels(call, state, isForwarded ? found.slice(own.length) : found);
}

/** expect_h245() */
function expectControl(call: HelperCall, state: State, at: Found): string | undefined {
  if (!isOwn(call, at)) return undefined;
  const one = fromOther(call, IPPROTO_TCP, at.value);
  one.helper = h245;
  if (isSpeakerTranslated(call)) return expectAnnounced(call, one, at, undefined, state.signal);
  return call.expect(one) && 'H.245 cannot be expected';
}

/** An end of the call as the other side knows it. process_setup() */
function writeEnd(call: HelperCall, at: Found, words: Int32Array, port: number): string | undefined {
  if (!isRewritten(call) || !isReadable(call, at) || isAt(call, at, words)) return undefined;
  return write(call, at, words, port) ? undefined : 'H.323 address cannot be rewritten';
}

/** The second leg of the call, unless it goes another way than through this machine. expect_callforwarding() */
function expectForwarded(call: HelperCall, at: Found): string | undefined {
  if (!isReadable(call, at) || at.value === 0) return undefined;
  const words = wordsOf(call, at);
  if (call.tracker.host.isSameWay(words, source(call.other), call.family)) return undefined;
  const one = fromOther(call, IPPROTO_TCP, at.value, words);
  one.helper = q931;
  if (isSpeakerTranslated(call)) return expectAnnounced(call, one, at, forwardedCall);
  return call.expect(one) && 'forwarded call cannot be expected';
}

export const q931 = defineHelper<State>({
  name: 'Q.931',
  summary: 'Calls of H.323: their control, and channels that are opened with the call.',
  kernel: 'net/netfilter/nf_conntrack_h323_main.c q931_help(), net/ipv4/netfilter/nf_nat_h323.c',
  families: [4, 6],
  protocols: [IPPROTO_TCP],
  port: 1720,
  policies: [{ name: '', most: MOST_OF_CALL, timeoutMs: TIMEOUT_MS }],
  open,
  help: (call, state) =>
    readMessages(call, state, (from, to) => {
      const found = readCall(call.bytes, from, to);
      return found ? processCall(call, state, found) : false;
    }),
});
