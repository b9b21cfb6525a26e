import { IPPROTO_HOPOPTS } from '../packet/numbers.ts';
import { defineOptionHeader } from './shared/option-headers.ts';

export const hbh = defineOptionHeader({
  name: 'hbh',
  header: IPPROTO_HOPOPTS,
  summary: 'Length and options of the hop-by-hop options header.',
  pad: 'PAD0 has not got length',
});
