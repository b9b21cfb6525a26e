import { defineTarget } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own } from '../grammar/values.ts';
import { notThereYet } from './shared/not-there-yet.ts';

const TYPES = ['accept', 'drop', 'reject'];

const auditType = {
  words: 1 as const,
  metavar: TYPES.join('|'),
  parse([word]: readonly string[], scope: ValueScope): string {
    const type = word.toLowerCase();
    return TYPES.includes(type) ? type : scope.fail(`Bad action type value "${word}"`, `one of: ${TYPES.join(', ')}`);
  },
  print: (type: string): string => type,
};

export const AUDIT = defineTarget({
  name: 'AUDIT',
  families: [4, 6],
  summary: 'Writes an audit record about the packet. The engine writes none yet and refuses to load it.',
  kernel: 'net/netfilter/xt_AUDIT.c audit_tg()',
  options: { type: own(auditType, { help: 'what the record says was done', required: true }) },
  check: ({ type }) => ({ type: type.value }),
  save: ({ type }) => `--type ${type}`,
  list: ({ type }) => `AUDIT ${type}`,
  compile: notThereYet('the audit trail'),
});
