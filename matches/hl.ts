import { HOP_LIMIT_AT } from '../packet/ipv6.ts';
import { defineHopLimit } from './shared/hop-limit.ts';

export const hl = defineHopLimit({
  name: 'hl',
  family: 6,
  at: HOP_LIMIT_AT,
  summary: 'Hop limit of the IPv6 header.',
  kernel: 'net/netfilter/xt_hl.c hl_mt6()',
  none: "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'",
});
