import { hopLimitTarget } from './shared/hop-limit.ts';

export const HL = hopLimitTarget('HL', 6, 'hop limit', 'net/netfilter/xt_HL.c hl_tg6()');
