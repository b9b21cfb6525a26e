// SANE, scanners over the network: the answer to NET_START names a port of the server for the picture.

import { u16, u32 } from '../../packet/bytes.ts';
import { IPPROTO_TCP } from '../../packet/numbers.ts';
import { defineHelper } from '../helping/helper.ts';

const SANE_NET_START = 7;
/** Octets of the request (code, handle), and of the answer as far as it is looked at (status, zero, port). */
const LENGTH = 8;

export const sane = defineHelper({
  name: 'sane',
  summary: 'Pictures of scanners (SANE).',
  kernel: 'net/netfilter/nf_conntrack_sane.c help()',
  families: [4, 6],
  protocols: [IPPROTO_TCP],
  port: 6566,
  policies: [{ name: '', most: 1, timeoutMs: 300_000 }],
  open: () => ({ started: false }),
  help(call, state) {
    const { bytes, from, to } = call;
    if (!call.established || from >= to) return undefined;
    if (call.direction === 0) {
      // A segment of any other length is none that could ask for it.
      if (to - from === LENGTH) state.started = u32(bytes, from) === SANE_NET_START;
      return undefined;
    }
    if (!state.started) return undefined;
    state.started = false;
    if (to - from < LENGTH || u32(bytes, from) !== 0 || u16(bytes, from + 4) !== 0) return undefined;
    const [original] = call.tuples;
    const expectation = call.expectation({
      protocol: IPPROTO_TCP,
      source: original.words.subarray(0, 4),
      destination: original.words.subarray(4),
      destinationPort: u16(bytes, from + 6),
    });
    return call.expect(expectation) && 'SANE data connection cannot be expected';
  },
});
