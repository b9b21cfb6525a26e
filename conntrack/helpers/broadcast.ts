// Questions to all hosts of a link, which many may answer, each from its own address. Only the router's own questions count: of others it is not known
// whom they reached. Source: net/netfilter/nf_conntrack_broadcast.c nf_conntrack_broadcast_help()

import { EXPECT_PERMANENT } from '../helping/expectation.ts';
import type { HelperCall } from '../helping/helper-call.ts';

/** Answers from `port` of any host of the link are expected for so long. */
export function expectAnswers(call: HelperCall, port: number, timeoutMs: number): void {
  const { pkt } = call;
  if (!pkt.owner || call.direction !== 0) return;
  const mask = call.tracker.host.broadcastMask(pkt.outDevice, call.own.words[4]);
  if (mask === 0) return;
  const [, reply] = call.tuples;
  const expectation = call.expectation({
    protocol: reply.protocol,
    source: reply.words.subarray(0, 4),
    sourcePort: port,
    destination: reply.words.subarray(4),
    destinationPort: reply.keys & 0xffff,
  });
  expectation.sourceMask[0] = mask;
  expectation.flags = EXPECT_PERMANENT;
  call.expect(expectation);
  call.prolong(timeoutMs);
}
