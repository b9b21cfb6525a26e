import { prefixTranslation } from './shared/prefix-translation.ts';

export const SNPT = prefixTranslation(
  'SNPT',
  'source',
  ['INPUT', 'POSTROUTING'],
  'net/ipv6/netfilter/ip6t_NPT.c ip6t_snpt_tg()',
);
