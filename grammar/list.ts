// -L: rules as columns, and the one-line form that -v prints beside an edit. Column widths are the real tool's, byte for byte.

import { formatAddress, prefixLength } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import type { AnySyntax } from './lookup.ts';
import type { ListScope } from './options.ts';
import type { Printing } from './print.ts';
import { protocolName } from './protocols.ts';
import type { ChainSpec, Counters, MaskedAddress, RuleSpec } from './rule-spec.ts';

export interface ListOptions {
  /** -n */
  readonly numeric: boolean;
  /** -v: counters and devices. */
  readonly verbose: boolean;
  /** -x: counters in full. */
  readonly exact: boolean;
  readonly lineNumbers: boolean;
}

/** Counters as -L shows them: above 99,999 in thousands, millions and so on (decimal), unless in full. */
export function printCount(count: number, exact: boolean, table: boolean): string {
  const pad = (text: string, width: number): string => (table ? text.padStart(width) : text);
  if (exact) return `${pad(String(count), 8)} `;
  if (count <= 99_999) return `${pad(String(count), 5)} `;
  let scaled = count;
  for (const unit of 'KMG') {
    scaled = Math.floor((scaled + 500) / 1000);
    if (scaled <= 9999) return `${pad(String(scaled), 4)}${unit} `;
  }
  return `${pad(String(Math.floor((scaled + 500) / 1000)), 4)}T `;
}

/** `Chain INPUT (policy DROP 3 packets, 180 bytes)`, `Chain web (2 references)`, and the column heads, with newlines. */
export function listHead(chain: ChainSpec, counters: Counters, references: number, options: ListOptions): string {
  const { verbose, exact } = options;
  const counts = verbose
    ? ` ${printCount(counters.packets, exact, false)}packets, ${printCount(counters.bytes, exact, false)}bytes`
    : '';
  const about = chain.builtin === undefined ? `${references} references` : `policy ${chain.policy}${counts}`;
  let heads = options.lineNumbers ? 'num  ' : '';
  if (verbose) heads += exact ? `${'pkts'.padStart(8)} ${'bytes'.padStart(10)} ` : `${'pkts'.padStart(5)} bytes `;
  heads += 'target     prot opt';
  if (verbose) heads += ' in     out   ';
  heads += `${verbose ? ' ' : ''} ${'source'.padEnd(19)}  ${'destination'.padEnd(19)} `;
  return `Chain ${chain.name} (${about})\n${heads}\n`;
}

/** One rule of -L, without newline. */
export function listRule(
  rule: RuleSpec,
  number: number,
  counters: Counters,
  printing: Printing,
  options: ListOptions,
): string {
  const { numeric, verbose, exact } = options;
  let line = options.lineNumbers ? `${String(number).padEnd(4)} ` : '';
  if (verbose) line += printCount(counters.packets, exact, true) + printCount(counters.bytes, exact, true);
  line += `${targetName(rule, printing).padEnd(9)} `;
  line += `${protocolMark(rule)}${protocolText(rule, printing, numeric).padEnd(4)} ${fragmentMark(rule)} `;
  if (verbose) {
    line += ` ${device(rule.inInterface, numeric).padEnd(6)} ${device(rule.outInterface, numeric).padEnd(6)} `;
  }
  line += `${bang(rule.source)}${addressText(rule.source, rule.family, printing, numeric).padEnd(19)} `;
  line += `${bang(rule.destination)}${addressText(rule.destination, rule.family, printing, numeric).padEnd(19)} `;
  return line + behind(rule, printing, numeric);
}

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
