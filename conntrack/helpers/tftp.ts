// TFTP, RFC 1350 4: the server answers a request from a port of its own choice to the port that asked.

import { u16 } from '../../packet/bytes.ts';
import { IPPROTO_UDP } from '../../packet/numbers.ts';
import { defineHelper } from '../helping/helper.ts';
import { followMaster } from '../nat/follow.ts';

const RRQ = 1;
const WRQ = 2;

export const tftp = defineHelper({
  name: 'tftp',
  summary: 'TFTP transfers.',
  kernel: 'net/netfilter/nf_conntrack_tftp.c tftp_help(), nf_nat_tftp.c help()',
  families: [4, 6],
  protocols: [IPPROTO_UDP],
  port: 69,
  policies: [{ name: '', most: 1, timeoutMs: 300_000 }],
  help(call) {
    const { bytes, from, to } = call;
    if (from + 2 > to) return undefined;
    const opcode = u16(bytes, from);
    if (opcode !== RRQ && opcode !== WRQ) return undefined;
    const [original, reply] = call.tuples;
    const expectation = call.expectation({
      protocol: IPPROTO_UDP,
      source: reply.words.subarray(0, 4),
      destination: reply.words.subarray(4),
      destinationPort: reply.keys & 0xffff,
    });
    if (call.translated) {
      expectation.savedKey = original.keys >>> 16;
      expectation.direction = 1;
      expectation.born = followMaster;
    }
    return call.expect(expectation) && 'TFTP transfer cannot be expected';
  },
});
