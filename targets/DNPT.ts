import { prefixTranslation } from './shared/prefix-translation.ts';

export const DNPT = prefixTranslation(
  'DNPT',
  'destination',
  ['PREROUTING', 'OUTPUT'],
  'net/ipv6/netfilter/ip6t_NPT.c ip6t_dnpt_tg()',
);
