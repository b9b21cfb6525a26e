import { pull } from '../conntrack/defrag/cut.ts';
import { defineTarget } from '../engine/extension.ts';
import { CONTINUE, DROP } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { own } from '../grammar/values.ts';
import { rewriteTransportU8 } from '../packet/checksum.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import * as tcp from '../packet/tcp.ts';

const NAMES: Readonly<Record<string, number>> = {
  wscale: tcp.TCPOPT_WINDOW,
  mss: tcp.TCPOPT_MSS,
  'sack-permitted': tcp.TCPOPT_SACK_PERM,
  sack: tcp.TCPOPT_SACK,
  timestamp: tcp.TCPOPT_TIMESTAMP,
  md5: tcp.TCPOPT_MD5SIG,
};

const nameOf = (kind: number): string => Object.keys(NAMES).find((name) => NAMES[name] === kind) ?? kind.toString();

function kindOf(item: string, scope: ValueScope): number {
  const kind = NAMES[item] ?? wholeNumber(item, 0, 255);
  if (kind === undefined) {
    return scope.fail(
      `Bad TCP option value "${item}"`,
      `a number from 2 to 255, or one of: ${Object.keys(NAMES).join(', ')}`,
    );
  }
  return kind < 2 ? scope.fail('Option value may not be 0 or 1', '0 ends the list, 1 is the filler') : kind;
}

const kindList = {
  words: 1 as const,
  metavar: 'option[,option...]',
  parse([word]: readonly string[], scope: ValueScope): readonly number[] {
    const kinds = new Set<number>();
    for (const item of word.split(',')) {
      const kind = kindOf(item, scope);
      if (kinds.has(kind)) scope.fail(`Option "${item}" already specified`);
      kinds.add(kind);
    }
    return [...kinds].sort((a, b) => a - b);
  },
  print: (kinds: readonly number[]): string => kinds.join(','),
};

export const TCPOPTSTRIP = defineTarget({
  name: 'TCPOPTSTRIP',
  families: [4, 6],
  summary: 'Overwrites TCP options with no-operation octets.',
  kernel: 'net/netfilter/xt_TCPOPTSTRIP.c tcpoptstrip_mangle_packet()',
  options: { 'strip-options': own(kindList, { help: 'kinds of options to remove, by number or name' }) },
  check: (options) => ({ kinds: options['strip-options']?.value ?? [] }),
  save: ({ kinds }) => (kinds.length === 0 ? '' : `--strip-options ${kinds.join(',')}`),
  list: ({ kinds }, { numeric }) =>
    kinds.length === 0 ? '' : `TCPOPTSTRIP options ${kinds.map(numeric ? String : nameOf).join(',')}`,
  placement: { tables: ['mangle'], protocols: [IPPROTO_TCP] },
  compile({ kinds }) {
    const stripped = new Uint8Array(256);
    for (const kind of kinds) stripped[kind] = 1;
    return (pkt) => {
      if (pkt.fragmentOffset !== 0) return CONTINUE;
      if (!tcp.whole(pkt.bytes, pkt.l4, pkt.end)) {
        pkt.reason = 'TCP header cut short';
        return DROP;
      }
      strip(pkt, stripped);
      return CONTINUE;
    };
  },
});

function strip(pkt: Packet, stripped: Uint8Array): void {
  const { bytes, l4 } = pkt;
  const limit = l4 + tcp.headerLength(bytes, l4);
  pull(pkt, limit - pkt.l3);
  // An end-of-list octet does not stop the walk, as in every netfilter module.
  for (let here = l4 + tcp.LENGTH; here < limit - 1; ) {
    const length = tcp.stride(bytes, here, limit);
    if (here + length > limit) return;
    if (stripped[bytes[here]] === 1) {
      for (let octet = here; octet < here + length; octet++) rewriteTransportU8(pkt, octet, tcp.TCPOPT_NOP);
    }
    here += length;
  }
}
