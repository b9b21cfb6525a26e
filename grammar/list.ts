// -L: what a rule says in each column, and the one-line form that -v prints beside an edit.

import { formatAddress, prefixLength } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import { type ListOptions, listLine, type RuleColumns } from './list-columns.ts';
import type { AnySyntax } from './lookup.ts';
import type { ListScope } from './options.ts';
import type { Printing } from './print.ts';
import { protocolName } from './protocols.ts';
import type { Counters, MaskedAddress, RuleSpec } from './rule-spec.ts';

/** One rule's columns of -L. */
export const ruleColumns = (rule: RuleSpec, printing: Printing, numeric: boolean): RuleColumns => ({
  target: targetName(rule, printing),
  protocol: protocolMark(rule) + protocolText(rule, printing, numeric),
  fragment: fragmentMark(rule),
  inDevice: device(rule.inInterface, numeric),
  outDevice: device(rule.outInterface, numeric),
  source: bang(rule.source) + addressText(rule.source, rule.family, printing, numeric),
  destination: bang(rule.destination) + addressText(rule.destination, rule.family, printing, numeric),
  behind: behind(rule, printing, numeric),
});

/** One rule of -L, without newline. */
export const listRule = (
  rule: RuleSpec,
  number: number,
  counters: Counters,
  printing: Printing,
  options: ListOptions,
): string => listLine(ruleColumns(rule, printing, options.numeric), number, counters, options);

/** What -v prints when a rule is added, deleted or looked for: `DROP  tcp opt -- in * out *  ::/0  -> ::/0  `. */
export function describeRule(rule: RuleSpec, printing: Printing): string {
  let line = `${targetName(rule, printing)} ${protocolMark(rule)}${protocolText(rule, printing, false)} opt ${fragmentMark(rule)} `;
  line += `in ${device(rule.inInterface, true)} out ${device(rule.outInterface, true)} `;
  line += `${bang(rule.source)}${addressText(rule.source, rule.family, printing, true)} `;
  line += `${bang(rule.destination)}-> ${addressText(rule.destination, rule.family, printing, true)}  `;
  return line + behind(rule, printing, true);
}

const bang = (given: { inverted: boolean } | undefined): string => (given?.inverted ? '!' : ' ');
const protocolMark = (rule: RuleSpec): string => bang(rule.protocol);

function protocolText({ protocol }: RuleSpec, { names }: Printing, numeric: boolean): string {
  const number = protocol?.number ?? 0;
  if (numeric) return String(number);
  return number === 0 ? 'all' : (protocolName(number, names) ?? String(number));
}

const fragmentMark = ({ fragment }: RuleSpec): string => (fragment ? (fragment.inverted ? '!f' : '-f') : '--');

function device(given: RuleSpec['inInterface'], numeric: boolean): string {
  const name = given?.name ?? (numeric ? '*' : 'any');
  return `${given?.inverted ? '!' : ''}${name}`;
}

function addressText(given: MaskedAddress | undefined, family: Family, { names }: Printing, numeric: boolean): string {
  if (!given || prefixLength(given.mask, family) === 0)
    return numeric ? (family === 4 ? '0.0.0.0/0' : '::/0') : 'anywhere';
  const { address, mask } = given;
  const length = prefixLength(mask, family);
  const name = numeric ? undefined : names.hostName(address, family);
  const text = name ?? formatAddress(address, family);
  if (length === (family === 4 ? 32 : 128)) return text;
  return `${text}/${length >= 0 ? length : formatAddress(mask, family)}`;
}

function targetName({ target, family }: RuleSpec, { lookup }: Printing): string {
  switch (target?.kind) {
    case undefined:
      return '';
    case 'jump':
    case 'goto':
      return target.chain;
    case 'verdict':
      return target.name;
    case 'extension':
      return lookup.target(target.name, family)?.listedAs ?? target.name;
  }
}

/** `[goto] `, then what each match and the target say, each with a blank in front. */
function behind(rule: RuleSpec, { lookup, names }: Printing, numeric: boolean): string {
  const { family, protocol, target } = rule;
  const scope: ListScope = { family, names, protocol, numeric };
  let text = target?.kind === 'goto' ? '[goto] ' : '';
  for (const { name, checked } of rule.matches) text += said(lookup.match(name, family), checked, scope);
  if (target?.kind === 'extension') text += said(lookup.target(target.name, family), target.checked, scope);
  return text;
}

function said(extension: AnySyntax | undefined, checked: unknown, scope: ListScope): string {
  const text = extension?.list(checked, scope) ?? '';
  return text === '' || extension?.listedWithoutBlank ? text : ` ${text}`;
}
