import { TTL_AT } from '../packet/ipv4.ts';
import { defineHopLimit } from './shared/hop-limit.ts';

export const ttl = defineHopLimit({
  name: 'ttl',
  family: 4,
  at: TTL_AT,
  summary: 'Time to live of the IPv4 header.',
  kernel: 'net/netfilter/xt_hl.c ttl_mt()',
  none: "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt",
});
