// Amanda, backups over the network. The machine that is backed up answers a request with the ports where it gives data, messages, index and state:
// "CONNECT DATA 1001 MESG 1002 INDEX 1003\n". What asks for a backup may have to wait long for that answer.

import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import { defineHelper } from '../helping/helper.ts';
import type { HelperCall } from '../helping/helper-call.ts';
import { find, number, readNumber } from './text.ts';

const MASTER_TIMEOUT_MS = 300_000;
const STREAMS = ['DATA ', 'MESG ', 'INDEX ', 'STATE '];
const MOST_DIGITS = 5;

function expect(call: HelperCall, at: number, length: number, port: number): string | undefined {
  const [original] = call.tuples;
  const expectation = call.expectation({
    protocol: IPPROTO_TCP,
    source: original.words.subarray(0, 4),
    destination: original.words.subarray(4),
    destinationPort: port,
  });
  if (!call.translated) return call.expect(expectation) && 'Amanda stream cannot be expected';
  const kept = call.expectTranslated(expectation, 0);
  if (kept === 0) return 'no port is left for an Amanda stream';
  if (call.mangle(at, length, String(kept))) return undefined;
  call.unexpect(expectation);
  return 'Amanda answer would grow too long';
}

export const amanda = defineHelper({
  name: 'amanda',
  summary: 'Streams of Amanda backups.',
  kernel: 'net/netfilter/nf_conntrack_amanda.c amanda_help(), nf_nat_amanda.c help()',
  families: [4, 6],
  protocols: [IPPROTO_UDP],
  port: 10_080,
  policies: [{ name: '', most: 4, timeoutMs: 180_000 }],
  help(call) {
    if (call.direction === 0) return undefined;
    call.prolong(MASTER_TIMEOUT_MS);
    const connect = find(call.bytes, call.from, call.to, 'CONNECT ');
    if (connect < 0) return undefined;
    const start = connect + 8;
    // As far as the line reached before its numbers were translated.
    const stop = find(call.bytes, start, call.to, '\n');
    if (stop < 0) return undefined;
    let refused: string | undefined;
    for (const stream of STREAMS) {
      const word = find(call.bytes, start, stop, stream);
      if (word < 0) continue;
      const at = word + stream.length;
      const port = readNumber(call.bytes, at, Math.min(at + MOST_DIGITS, stop)) & 0xffff;
      if (port === 0) break;
      refused = expect(call, at, number.end - at, port);
    }
    return refused;
  },
});
