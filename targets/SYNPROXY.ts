import { defineTarget } from '../engine/extension.ts';
import { ECN, MSS, SACK_PERM, TIMESTAMP, WSCALE } from '../engine/synproxy/options.ts';
import type { ServerOptions } from '../engine/synproxy/synproxy.ts';
import { CONTINUE, DROP } from '../engine/verdict.ts';
import { flag, u32 } from '../grammar/values.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import { words } from './shared/text.ts';

interface Checked {
  readonly sackPerm: boolean;
  readonly timestamp: boolean;
  readonly wscale?: number;
  readonly mss?: number;
  readonly ecn: boolean;
}

const print = ({ sackPerm, timestamp, wscale, mss, ecn }: Checked, dashes: string): string =>
  words(
    sackPerm && `${dashes}sack-perm`,
    timestamp && `${dashes}timestamp`,
    wscale !== undefined && `${dashes}wscale ${wscale}`,
    mss !== undefined && `${dashes}mss ${mss}`,
    ecn && `${dashes}ecn`,
  );

export const SYNPROXY = defineTarget({
  name: 'SYNPROXY',
  families: [4, 6],
  summary: 'Answers a SYN with a cookie, and opens the connection to the server once the client has shown it.',
  kernel: 'net/ipv4/netfilter/ipt_SYNPROXY.c synproxy_tg4(), net/ipv6/netfilter/ip6t_SYNPROXY.c synproxy_tg6()',
  options: {
    'sack-perm': flag({ help: 'let the client say that it takes selective acknowledgments' }),
    timestamp: flag({ help: 'let the client use timestamps' }),
    wscale: u32({ help: "the server's window scale, cut to 8 bits" }),
    mss: u32({ help: "the server's MSS, cut to 16 bits" }),
    ecn: flag({ help: 'let the client ask for ECN' }),
  },
  check: (options): Checked => ({
    sackPerm: options['sack-perm'] !== undefined,
    timestamp: options.timestamp !== undefined,
    wscale: options.wscale && options.wscale.value & 0xff,
    mss: options.mss && options.mss.value & 0xffff,
    ecn: options.ecn !== undefined,
  }),
  save: (checked) => print(checked, '--'),
  // With a blank behind it.
  list: (checked) => `${words('SYNPROXY', print(checked, ''))} `,
  placement: { hooks: ['INPUT', 'FORWARD'], protocols: [IPPROTO_TCP] },
  needsTracking: true,
  proxies: true,
  compile(checked, { services: { synProxy }, shared }) {
    const server = serverOf(checked);
    if (synProxy) shared('SYNPROXY statistics', () => synProxy.statistics, 'both');
    return (pkt) => {
      if (synProxy) return synProxy.answer(pkt, server) ?? CONTINUE;
      pkt.reason = 'nobody to open connections';
      return DROP;
    };
  },
});

const serverOf = ({ sackPerm, timestamp, wscale, mss, ecn }: Checked): ServerOptions => ({
  allowed:
    (mss === undefined ? 0 : MSS) |
    (wscale === undefined ? 0 : WSCALE) |
    (sackPerm ? SACK_PERM : 0) |
    (timestamp ? TIMESTAMP : 0) |
    (ecn ? ECN : 0),
  mss: mss ?? 0,
  scale: wscale ?? 0,
});
