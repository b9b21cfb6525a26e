// IRC's direct connections: a client says "PRIVMSG nick :\1DCC SEND file 167772161 5000\1" and listens at that address and port. Only
// the client's own address, or the one that it is translated to, is believed.

import { IPPROTO_TCP } from '../../packet/numbers.ts';
import { defineHelper } from '../helping/helper.ts';
import type { HelperCall } from '../helping/helper-call.ts';
import { BLANK, CR, LF, number, readNumber, startsWith } from './text.ts';

/** Of a super-packet no more is read. MAX_SEARCH_SIZE */
const MOST_READ = 4_095;
const KINDS = ['SEND ', 'CHAT ', 'MOVE ', 'TSEND ', 'SCHAT '];
/** Octets of "PRIVMSG x ", and of the least that can follow a nick: " :\1DCC SEND t AAAAAAAA P\1\n". */
const LEAST_BEFORE = 10;
const LEAST_BEHIND = 26;
/** "AAAAAAAA P\1\n" */
const LEAST_NUMBERS = 12;

/** Where the message says address and port, and what. */
const found = { at: 0, end: 0, address: 0, port: 0 };

/** Reads name, address and port from `at` on. parse_dcc() */
function readNumbers(bytes: Uint8Array, at: number, to: number): boolean {
  while (bytes[at++] !== BLANK) if (at > to - LEAST_NUMBERS) return false;
  const end = bytes.indexOf(LF, at);
  if (end < 0 || end >= to) return false;
  found.at = at;
  found.address = readNumber(bytes, at, end) | 0;
  at = number.end;
  while (bytes[at] === BLANK) if (at++ >= to) return false;
  found.port = readNumber(bytes, at, end) & 0xffff;
  found.end = number.end;
  return true;
}

function expect(call: HelperCall): string | undefined {
  const { other } = call;
  const expectation = call.expectation({
    protocol: IPPROTO_TCP,
    destination: other.words.subarray(4),
    destinationPort: found.port,
  });
  if (!call.translated) return call.expect(expectation) && 'DCC connection cannot be expected';
  const port = call.expectTranslated(expectation, 1);
  if (port === 0) return 'no port is left for a DCC connection';
  if (call.mangle(found.at, found.end - found.at, `${other.words[4] >>> 0} ${port}`)) return undefined;
  call.unexpect(expectation);
  return 'DCC message would grow too long';
}

export const irc = defineHelper({
  name: 'irc',
  summary: "IRC's direct connections between clients (DCC).",
  kernel: 'net/netfilter/nf_conntrack_irc.c help(), nf_nat_irc.c help()',
  families: [4],
  protocols: [IPPROTO_TCP],
  port: 6667,
  policies: [{ name: '', most: 8, timeoutMs: 300_000 }],
  help(call) {
    if (call.direction !== 0 || !call.established || call.from >= call.to) return undefined;
    const { bytes, from } = call;
    const to = Math.min(call.to, from + MOST_READ);
    let at = from;
    while (at < to - LEAST_BEFORE && (bytes[at] === BLANK || bytes[at] === CR || bytes[at] === LF)) at++;
    if (at < to - LEAST_BEFORE) {
      if (!startsWith(bytes, at, to, 'PRIVMSG ', true)) return undefined;
      at += 8;
    }
    while (at < to - LEAST_BEHIND && !startsWith(bytes, at, to, ' :')) at++;
    if (at >= to - LEAST_BEHIND || !startsWith(bytes, at + 2, to, '\x01DCC ')) return undefined;
    at += 7;
    for (const kind of KINDS) {
      if (!startsWith(bytes, at, to, kind)) continue;
      at += kind.length;
      if (!readNumbers(bytes, at, to)) continue;
      const own = found.address === call.own.words[0] || found.address === call.other.words[4];
      if (own && found.port !== 0) return expect(call);
    }
    return undefined;
  },
});
