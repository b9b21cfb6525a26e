import { defineMatch } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own, u8 } from '../grammar/values.ts';
import { DSCP_CLASSES } from './shared/dscp-classes.ts';
import { within } from './shared/ranges.ts';
import { bang, hexDigits, option } from './shared/text.ts';
import { dsField, dsFieldOf } from './shared/traffic-class.ts';

const className = {
  words: 1 as const,
  metavar: 'class',
  choices: { words: () => [...DSCP_CLASSES.keys()] },
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    DSCP_CLASSES.get(word.toUpperCase()) ??
    scope.fail(`Invalid DSCP value \`${word}'`, `classes are ${[...DSCP_CLASSES.keys()].join(', ')}`),
  print: (value: number): string => hexDigits(value, 2),
};

export const dscp = defineMatch({
  name: 'dscp',
  families: [4, 6],
  summary: 'Differentiated services code point.',
  kernel: 'net/netfilter/xt_dscp.c dscp_mt(), dscp_mt6()',
  effect: 'pure',
  options: {
    dscp: u8({ help: 'code point, 0 to 63', invert: true, max: 63, excludes: ['dscp-class'] }),
    'dscp-class': own(className, { help: 'name of a class: BE, CSx, AFxy, EF', invert: true, excludes: ['dscp'] }),
  },
  check(given, scope) {
    const used = given.dscp ?? given['dscp-class'];
    if (!used) return scope.fail('DSCP match: Parameter --dscp is required');
    return { value: used.value, inverted: used.inverted };
  },
  save: ({ value, inverted }) => option('dscp', hexDigits(value, 2), inverted),
  list: ({ value, inverted }) => `DSCP match ${bang(inverted)}${hexDigits(value, 2)}`,
  compile({ value, inverted }, { family }) {
    const field = dsField(family);
    return (pkt) => (field(pkt) >>> 2 === value) !== inverted;
  },
  constrain: ({ value, inverted }) => ({ dscp: within([value, value], inverted, 63) }),
  saw: (_checked, pkt) => `dscp ${hexDigits(dsFieldOf(pkt) >>> 2, 2)}`,
});
