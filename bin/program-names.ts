// The classic names that this program answers to. A module of its own: every start looks here first.

import { TOOLS } from '../control/socket/protocol.ts';

/** Programs that can tell the two kinds of tools apart (ferm) ask for these. */
const LEGACY_TOOLS = TOOLS.map((name) => name.replace('tables', 'tables-legacy'));

/** All of iptables in one program, as it is installed: the first word says which. */
export const MULTI = 'xtables-legacy-multi';

export const PROGRAM_NAMES: readonly string[] = [
  ...TOOLS,
  ...LEGACY_TOOLS,
  'iptables-apply',
  'ip6tables-apply',
  'iptables-xml',
  'conntrack',
  'ipset',
  MULTI,
];
