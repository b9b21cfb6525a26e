// H.245, the control of a call: opens its channels. Each is said by who receives: where sound and pictures are wanted (RTP and its control, a pair of
// ports), and T.120 for shared documents. Also inside Q.931: at its start, or all of H.245 in a tunnel.
// Source: net/netfilter/nf_conntrack_h323_main.c process_h245()

import { IPPROTO_TCP, IPPROTO_UDP } from '../../../packet/numbers.ts';
import { EXPECT_PERMANENT, type Expectation } from '../../helping/expectation.ts';
import { defineHelper } from '../../helping/helper.ts';
import type { HelperCall } from '../../helping/helper-call.ts';
import { followMaster } from '../../nat/follow.ts';
import {
  comesBack,
  destination,
  expectAnnounced,
  fromOther,
  isOwn,
  isSpeakerTranslated,
  MOST_OF_CONTROL,
  open,
  type State,
  TIMEOUT_MS,
  write,
} from './ends.ts';
import { multimediaSystemControlMessage } from './h245.ts';
import { type Found, findMarked } from './per.ts';
import { readMessages } from './tpkt.ts';

const EVEN = 0xfffe;

/** What is found of channels: of each its media, then T.120. process_olc(), process_olca() */
export function expectChannels(call: HelperCall, state: State, found: readonly Found[]): string | undefined {
  let isT120 = false;
  let stack: Found | undefined;
  for (const one of [...found, END]) {
    let refused: string | undefined;
    if (one.what === 'media') refused = expectMedia(call, state, one);
    else if (one.what === 't120OverLan') isT120 = true;
    else if (one.what === 'stack' || (one.what === 'ownStack' && isT120)) stack = one;
    else if (one.what === 'channel') {
      if (stack) refused = expectT120(call, stack);
      isT120 = false;
      stack = undefined;
    }
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** Ends the last channel. */
const END: Found = { what: 'channel', family: 0, at: 0, value: 0 };

/** expect_rtp_rtcp() */
function expectMedia(call: HelperCall, state: State, at: Found): string | undefined {
  if (!isOwn(call, at)) return undefined;
  const even = at.value & EVEN;
  const [rtp, rtcp] = [even, even + 1].map((destinationPort) => fromOther(call, IPPROTO_UDP, destinationPort));
  if (!isSpeakerTranslated(call)) {
    if (call.expect(rtp) !== undefined) return 'H.323 media cannot be expected';
    if (call.expect(rtcp) === undefined) return undefined;
    call.unexpect(rtp);
    return 'H.323 media cannot be expected';
  }
  const { direction } = call;
  const back = direction === 0 ? 1 : 0;
  // An announcement that is made again has its place; one more than there are places goes on as it is.
  const place = state.media.find((ports) => ports[direction] === even || ports[direction] === 0);
  if (!place) return undefined;
  const port = expectPair(call, rtp, rtcp);
  if (port === 0) return undefined;
  if (!write(call, at, destination(call.other), port | (at.value & 1))) {
    call.unexpect(rtp);
    call.unexpect(rtcp);
    return 'H.323 media address cannot be rewritten';
  }
  place[direction] = even;
  place[back] = port;
  return undefined;
}

/** The even port that both are expected at, the announced one if it is free; 0: none is. nat_rtp_rtcp() */
function expectPair(call: HelperCall, rtp: Expectation, rtcp: Expectation): number {
  for (const one of [rtp, rtcp]) comesBack(call, one, followMaster);
  for (let port = rtp.destinationKey; port !== 0; port = (port + 2) & 0xffff) {
    rtp.destinationKey = port;
    const first = call.expect(rtp);
    if (first === 'taken') continue;
    if (first !== undefined) return 0;
    rtcp.destinationKey = port + 1;
    const second = call.expect(rtcp);
    if (second === undefined) return port;
    call.unexpect(rtp);
    if (second !== 'taken') return 0;
  }
  return 0;
}

/** Any number of connections. expect_t120() */
function expectT120(call: HelperCall, at: Found): string | undefined {
  if (!isOwn(call, at)) return undefined;
  const one = fromOther(call, IPPROTO_TCP, at.value);
  one.flags = EXPECT_PERMANENT;
  if (isSpeakerTranslated(call)) return expectAnnounced(call, one, at);
  return call.expect(one) && 'T.120 cannot be expected';
}

// Differs: it can be given to TCP connections by name. The kernel registers it for UDP, where it can read nothing.
export const h245 = defineHelper<State>({
  name: 'H.245',
  summary: 'Sound, pictures and documents of an H.323 call: the control of one that `Q.931` reads.',
  kernel: 'net/netfilter/nf_conntrack_h323_main.c h245_help()',
  families: [4, 6],
  protocols: [IPPROTO_TCP],
  port: 0,
  policies: [{ name: '', most: MOST_OF_CONTROL, timeoutMs: TIMEOUT_MS }],
  open,
  help: (call, state) =>
    readMessages(call, state, (from, to) => {
      const found = findMarked(multimediaSystemControlMessage, call.bytes, from, to);
      return found ? expectChannels(call, state, found) : false;
    }),
});
