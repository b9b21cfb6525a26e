import { hopLimitTarget } from './shared/hop-limit.ts';

export const TTL = hopLimitTarget('TTL', 4, 'time to live', 'net/netfilter/xt_HL.c ttl_tg()');
