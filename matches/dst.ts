import { IPPROTO_DSTOPTS } from '../packet/numbers.ts';
import { defineOptionHeader } from './shared/option-headers.ts';

export const dst = defineOptionHeader({
  name: 'dst',
  header: IPPROTO_DSTOPTS,
  summary: 'Length and options of the first destination options header.',
  pad: "PAD0 hasn't got length",
});
