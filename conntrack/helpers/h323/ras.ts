// RAS: terminals register with their gatekeeper, and ask it about each call. Who registers says where he can be called; the gatekeeper says where who
// calls may reach the called. Source: net/netfilter/nf_conntrack_h323_main.c process_ras()

import { IPPROTO_TCP, IPPROTO_UDP } from '../../../packet/numbers.ts';
import { EXPECT_PERMANENT } from '../../helping/expectation.ts';
import { type AnyHelper, defineHelper } from '../../helping/helper.ts';
import type { HelperCall } from '../../helping/helper-call.ts';
import { followMaster } from '../../nat/follow.ts';
import {
  destination,
  expectAnnounced,
  fromOther,
  isAt,
  isOwn,
  isReadable,
  isRewritten,
  open,
  type State,
  source,
  TIMEOUT_MS,
  wordsOf,
  write,
} from './ends.ts';
import { rasMessage } from './h225.ts';
import { type Found, findMarked } from './per.ts';
import { q931 } from './q931.ts';

const MOST = 32;
/** Registrations that do not say so end after that time. */
const DEFAULT_SECONDS = 300;
/** What an answer to the end of a registration may take. */
const ENDING_MS = 30_000;
const LONGEST_MS = 0x7fffffff;
const UNWRITABLE = 'RAS address cannot be rewritten';

type Handler = (call: HelperCall, state: State, found: readonly Found[]) => string | undefined;

const MESSAGES: Readonly<Record<string, Handler>> = {
  gatekeeperRequest: (call, _state, found) => writeRas(call, found),
  gatekeeperConfirm,
  registrationRequest,
  registrationConfirm,
  unregistrationRequest,
  admissionRequest,
  admissionConfirm,
  locationRequest: (call, _state, found) => writeRas(call, found),
  locationConfirm,
  infoRequestResponse: (call, state, found) => writeRas(call, found) ?? writeSignal(call, state, found, 'signal'),
};

const first = (found: readonly Found[], what: string): Found | undefined => found.find((one) => one.what === what);
const seconds = (found: readonly Found[]): number | undefined => first(found, 'timeToLive')?.value;

// --- Rewriting -------------------------------------------------------------------------------------------------------------

const writeTo = (call: HelperCall, at: Found, words: Int32Array, port: number): string | undefined =>
  write(call, at, words, port) ? undefined : UNWRITABLE;

/** Where the speaker wants answers, if that is where he speaks from. set_ras_addr() */
function writeRas(call: HelperCall, found: readonly Found[]): string | undefined {
  if (!isRewritten(call)) return undefined;
  const { own, other } = call;
  const at = found.find(
    (one) =>
      one.what === 'ras' && isReadable(call, one) && isAt(call, one, source(own)) && one.value === own.keys >>> 16,
  );
  return at && writeTo(call, at, destination(other), other.keys & 0xffff);
}

/** Where calls are awaited, of either end. set_sig_addr() */
function writeSignal(call: HelperCall, { signal }: State, found: readonly Found[], what: string): string | undefined {
  if (!isRewritten(call)) return undefined;
  const { own, other, direction } = call;
  const announced = signal[direction === 0 ? 1 : 0];
  const all = found.filter((one) => one.what === what);
  for (const one of all) {
    if (!isReadable(call, one) || one.value !== signal[direction]) continue;
    if (isAt(call, one, source(own)))
      return writeTo(call, isLoopback(call, all[0]) ? all[0] : one, destination(other), announced);
    if (isAt(call, one, destination(own))) return writeTo(call, one, source(other), announced);
  }
  return undefined;
}

/** Gnomemeeting puts its loopback address in front of its own. */
const isLoopback = (call: HelperCall, one: Found): boolean => one.family === 4 && call.bytes[one.at] === 127;

// --- Discovery and registration --------------------------------------------------------------------------------------------

/** The gatekeeper is to be spoken to elsewhere. process_gcf() */
function gatekeeperConfirm(call: HelperCall, _state: State, found: readonly Found[]): string | undefined {
  const at = first(found, 'ras');
  if (!at || !isReadable(call, at)) return undefined;
  if (isAt(call, at, source(call.own)) && at.value === call.own.keys >>> 16) return undefined;
  // Of what was expected nothing of the kind is: no chains.
  if (call.isExpected) return undefined;
  const one = fromOther(call, IPPROTO_UDP, at.value, wordsOf(call, at));
  one.helper = ras;
  return call.expect(one) && 'RAS cannot be expected';
}

/** process_rrq() */
function registrationRequest(call: HelperCall, state: State, found: readonly Found[]): string | undefined {
  const refused = expectCalls(call, state, found) ?? writeRas(call, found);
  if (refused === undefined) state.seconds = seconds(found) ?? DEFAULT_SECONDS;
  return refused;
}

/** Calls to the first address that is the speaker's, from the gatekeeper: gkrouted_only. expect_q931(), nat_q931() */
function expectCalls(call: HelperCall, state: State, found: readonly Found[]): string | undefined {
  const all = found.filter(({ what }) => what === 'signal');
  const at = all.find((one) => isOwn(call, one));
  if (!at) return undefined;
  const one = expectCall(call, destination(call.other), at.value);
  const { signal } = state;
  if (isRewritten(call)) {
    const refused = expectAnnounced(call, one, at, followMaster, signal);
    if (refused !== undefined || all[0] === at || !isLoopback(call, all[0])) return refused;
    return writeTo(call, all[0], destination(call.other), signal[call.direction === 0 ? 1 : 0]);
  }
  if (call.expect(one) !== undefined) return 'H.323 calls cannot be expected';
  signal[call.direction] = at.value;
  return undefined;
}

/** Any number of calls, from the other end. */
function expectCall(call: HelperCall, words: Int32Array, destinationPort: number) {
  const one = fromOther(call, IPPROTO_TCP, destinationPort, words);
  one.helper = q931;
  one.flags = EXPECT_PERMANENT;
  return one;
}

/**
 * The connection lasts as long as the registration. Calls are expected no longer for it: the kernel means to, but does not find the
 * expectation, for it looks for one that any host may use. process_rcf(), find_expect()
 */
function registrationConfirm(call: HelperCall, state: State, found: readonly Found[]): string | undefined {
  const refused = writeSignal(call, state, found, 'signal');
  if (refused !== undefined) return refused;
  state.seconds = seconds(found) ?? state.seconds;
  if (state.seconds === 0) return undefined;
  call.prolong(Math.min(state.seconds * 1_000, LONGEST_MS));
  return undefined;
}

/** process_urq() */
function unregistrationRequest(call: HelperCall, state: State, found: readonly Found[]): string | undefined {
  const refused = writeSignal(call, state, found, 'signal');
  if (refused !== undefined) return refused;
  for (const one of call.expectations.toReversed()) call.unexpect(one);
  state.signal.fill(0);
  call.prolong(ENDING_MS);
  return undefined;
}

// --- Calls -----------------------------------------------------------------------------------------------------------------

/** process_arq() */
function admissionRequest(call: HelperCall, { signal }: State, found: readonly Found[]): string | undefined {
  if (!isRewritten(call)) return undefined;
  const { direction, own, other } = call;
  const isSpeaker = (one: Found | undefined): one is Found =>
    one !== undefined && isReadable(call, one) && isAt(call, one, source(own));
  const [called, caller] = [first(found, 'destination'), first(found, 'source')];
  if (isSpeaker(called) && called.value === signal[direction])
    return writeTo(call, called, destination(other), signal[direction === 0 ? 1 : 0]);
  return isSpeaker(caller) ? writeTo(call, caller, destination(other), caller.value) : undefined;
}

/** process_acf() */
function admissionConfirm(call: HelperCall, state: State, found: readonly Found[]): string | undefined {
  const at = first(found, 'destination');
  if (!at || !isReadable(call, at)) return undefined;
  if (isAt(call, at, destination(call.own))) return writeSignal(call, state, [at], 'destination');
  return expectThere(call, at);
}

/** process_lcf() */
function locationConfirm(call: HelperCall, _state: State, found: readonly Found[]): string | undefined {
  const at = first(found, 'signal');
  return at && isReadable(call, at) ? expectThere(call, at) : undefined;
}

function expectThere(call: HelperCall, at: Found): string | undefined {
  return call.expect(expectCall(call, wordsOf(call, at), at.value)) && 'H.323 calls cannot be expected';
}

export const ras: AnyHelper = defineHelper<State>({
  name: 'RAS',
  summary: 'Calls to whom an H.323 gatekeeper knows.',
  kernel: 'net/netfilter/nf_conntrack_h323_main.c ras_help(), net/ipv4/netfilter/nf_nat_h323.c',
  families: [4, 6],
  protocols: [IPPROTO_UDP],
  port: 1719,
  policies: [{ name: '', most: MOST, timeoutMs: TIMEOUT_MS }],
  open,
  help(call, state) {
    if (call.from >= call.to) return undefined;
    const found = findMarked(rasMessage, call.bytes, call.from, call.to);
    const handle = found?.length ? MESSAGES[found[0].what] : undefined;
    return handle?.(call, state, found!);
  },
});
