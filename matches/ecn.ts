import { defineMatch, type PlaceContext, type Predicate } from '../engine/extension.ts';
import type { Given } from '../grammar/options.ts';
import { flag, u8 } from '../grammar/values.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import * as tcp from '../packet/tcp.ts';
import { bang, bare, option, words } from './shared/text.ts';
import { dsField, dsFieldOf } from './shared/traffic-class.ts';
import { transportAt } from './shared/transport.ts';

const ECN_BITS = 0x3;

interface Asked {
  readonly inverted: boolean;
}

interface Checked {
  readonly ece?: Asked;
  readonly cwr?: Asked;
  readonly ect?: Asked & { readonly value: number };
}

const asked = (given: Given<unknown>): Asked => ({ inverted: given.inverted });

export const ecn = defineMatch({
  name: 'ecn',
  families: [4, 6],
  summary: 'Explicit congestion notification in the IP and TCP headers.',
  kernel: 'net/netfilter/xt_ecn.c ecn_mt4(), ecn_mt6()',
  placement: {
    refuses: ({ ece, cwr }: Checked, { protocol }: PlaceContext) =>
      (ece || cwr) && (protocol?.number !== IPPROTO_TCP || protocol.inverted)
        ? 'cannot match TCP bits for non-tcp packets'
        : undefined,
  },
  effect: 'pure',
  options: {
    'ecn-tcp-cwr': flag({ help: 'CWR of the TCP header', invert: true }),
    'ecn-tcp-ece': flag({ help: 'ECE of the TCP header', invert: true }),
    'ecn-ip-ect': u8({ help: 'both ECN bits of the IP header, 0 to 3', invert: true, max: 3 }),
  },
  check(given, scope): Checked {
    const cwr = given['ecn-tcp-cwr'];
    const ece = given['ecn-tcp-ece'];
    const ect = given['ecn-ip-ect'];
    if (!cwr && !ece && !ect) scope.fail('ECN match: some option required');
    return {
      ...(ece && { ece: asked(ece) }),
      ...(cwr && { cwr: asked(cwr) }),
      ...(ect && { ect: { value: ect.value, inverted: ect.inverted } }),
    };
  },
  save: ({ ece, cwr, ect }) =>
    words(
      ece && bare('ecn-tcp-ece', ece.inverted),
      cwr && bare('ecn-tcp-cwr', cwr.inverted),
      ect && option('ecn-ip-ect', ect.value, ect.inverted),
    ),
  list: ({ ece, cwr, ect }) =>
    words(
      'ECN match',
      ece && `${bang(ece.inverted)}ECE`,
      cwr && `${bang(cwr.inverted)}CWR`,
      ect && `${bang(ect.inverted)}ECT=${ect.value}`,
    ),
  compile({ ece, cwr, ect }, { family }) {
    const field = dsField(family);
    const ip: Predicate | undefined = ect && ((pkt) => ((field(pkt) & ECN_BITS) === ect.value) !== ect.inverted);
    if (!ece && !cwr) return ip!;
    const transport = transportAt(family);
    const mask = (ece ? tcp.ECE : 0) | (cwr ? tcp.CWR : 0);
    const wanted = (ece && !ece.inverted ? tcp.ECE : 0) | (cwr && !cwr.inverted ? tcp.CWR : 0);
    return (pkt) => {
      if (ip && !ip(pkt)) return false;
      const at = transport(pkt);
      if (!tcp.fits(pkt.bytes, at, pkt.end)) return false;
      return (tcp.flags(pkt.bytes, at) & mask) === wanted;
    };
  },
  saw(_checked, pkt) {
    const ip = `ECT=${dsFieldOf(pkt) & ECN_BITS}`;
    if (pkt.protocol !== IPPROTO_TCP || !tcp.fits(pkt.bytes, pkt.l4, pkt.end)) return ip;
    const flags = tcp.flags(pkt.bytes, pkt.l4);
    return words(ip, flags & tcp.ECE ? 'ECE' : '', flags & tcp.CWR ? 'CWR' : '');
  },
});
