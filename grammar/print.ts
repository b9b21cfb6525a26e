// Canonical save text: what iptables-save 1.8.9 prints, byte for byte, from rules as data.
//
// Order in a rule: -s -d -i -o -p -f, matches as loaded, counters of -S -v, target. What says nothing is left out.

import { formatAddress, prefixLength } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import type { Lookup } from './lookup.ts';
import type { Names } from './names.ts';
import type { PrintScope } from './options.ts';
import { protocolName } from './protocols.ts';
import type {
  ChainSpec,
  Counters,
  InterfaceSpec,
  MaskedAddress,
  MatchSpec,
  RuleSpec,
  TableSpec,
  TargetSpec,
} from './rule-spec.ts';

/** A Map or WeakMap: what rules are printed as whose origin does not tell it. */
export interface RuleTexts {
  get(rule: RuleSpec): string | undefined;
  set(rule: RuleSpec, conditions: string): unknown;
}

/** Who knows the extensions' text and the host's names. */
export interface Printing {
  readonly lookup: Lookup;
  readonly names: Names;
  /**
   * Given: what printConditions() says of rules that came from canonical text is taken from there, or from here. Printing is most of what an edit of
   * many costs.
   */
  readonly texts?: RuleTexts;
}

/** Address and mask: the prefix length, or the mask itself where it has holes. */
export function printMasked({ address, mask }: MaskedAddress, family: Family): string {
  const length = prefixLength(mask, family);
  return `${formatAddress(address, family)}/${length >= 0 ? length : formatAddress(mask, family)}`;
}

const not = (inverted: boolean): string => (inverted ? '! ' : '');

const addressWords = (option: string, given: MaskedAddress | undefined, family: Family): string =>
  given ? ` ${not(given.inverted)}${option} ${printMasked(given, family)}` : '';

/** A lone `+` is any device and not printed, not even inverted (which no packet matches). */
const interfaceWords = (option: string, given: InterfaceSpec | undefined): string =>
  given && given.name !== '+' ? ` ${not(given.inverted)}${option} ${given.name}` : '';

const withBlank = (text: string): string => (text === '' ? '' : ` ${text}`);

/** What printConditions() says of the rule, its counters apart, where that is known. */
export function knownConditions({ origin }: RuleSpec): string | undefined {
  return origin?.conditions === undefined ? undefined : origin.text.slice(origin.conditions);
}

/** All of a rule but `-A CHAIN` and counters in front, with a blank before the first word. `counters` puts `-c p b` before the target. */
export function printConditions(rule: RuleSpec, { lookup, names, texts }: Printing, counters?: Counters): string {
  const known = counters ? undefined : texts && (knownConditions(rule) ?? texts.get(rule));
  if (known !== undefined) return known;
  const { family, protocol, fragment } = rule;
  const scope: PrintScope = { family, names, protocol };
  let text = addressWords('-s', rule.source, family) + addressWords('-d', rule.destination, family);
  text += printEnds(rule, names);
  if (fragment) text += ` ${not(fragment.inverted)}-f`;
  for (const match of rule.matches) text += printMatch(match, lookup, scope);
  if (counters) text += ` -c ${counters.packets} ${counters.bytes}`;
  return text + printTarget(rule.target, lookup, scope);
}

/** Devices and protocol. */
export function printEnds(
  { inInterface, outInterface, protocol }: Pick<RuleSpec, 'inInterface' | 'outInterface' | 'protocol'>,
  names: Names,
): string {
  const devices = interfaceWords('-i', inInterface) + interfaceWords('-o', outInterface);
  if (!protocol) return devices;
  return `${devices} ${not(protocol.inverted)}-p ${protocolName(protocol.number, names) ?? protocol.number}`;
}

export const printMatch = ({ name, checked }: MatchSpec, lookup: Lookup, scope: PrintScope): string =>
  ` -m ${name}${withBlank(lookup.match(name, scope.family)?.save(checked, scope) ?? '')}`;

export function printTarget(target: TargetSpec | undefined, lookup: Lookup, scope: PrintScope): string {
  switch (target?.kind) {
    case undefined:
      return '';
    case 'verdict':
      return ` -j ${target.name}`;
    case 'jump':
      return ` -j ${target.chain}`;
    case 'goto':
      return ` -g ${target.chain}`;
    case 'extension':
      return ` -j ${target.name}${withBlank(lookup.target(target.name, scope.family)?.save(target.checked, scope) ?? '')}`;
  }
}

/** One line of save text, without newline: `-A INPUT -s ::1/128 -j ACCEPT`. */
export const printRule = (chain: string, rule: RuleSpec, printing: Printing): string =>
  `-A ${chain}${printConditions(rule, printing)}`;

const bracketed = ({ packets, bytes }: Counters): string => `[${packets}:${bytes}]`;

export interface SaveOptions {
  /** `-c`: packets and bytes in front of every rule. Chains show theirs always. */
  readonly counters?: boolean;
  /** Counters of a rule; by default those that the rule itself carries. */
  countersOf?(rule: RuleSpec): Counters | undefined;
}

const ZERO: Counters = { packets: 0, bytes: 0 };

/** Built-in chains in hook order, then user chains bytewise. */
export function orderedChains(table: TableSpec): ChainSpec[] {
  const chains = [...table.chains.values()];
  const names = chains.filter((chain) => chain.builtin === undefined).map(({ name }) => name);
  const users = sortedOctets(names).map((name) => table.chains.get(name)!);
  return [...chains.filter((chain) => chain.builtin !== undefined), ...users];
}

/** By strcmp() over UTF-8; without surrogates the order of JavaScript is the same, and there may be thousands of chains. */
const sortedOctets = (names: string[]): string[] =>
  names.some((name) => /[\ud800-\udfff]/.test(name)) ? names.sort(compareOctets) : names.sort();

/** strcmp() over UTF-8. */
export function compareOctets(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) {
    const [here, there] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (here !== there) return rank(here) - rank(there);
  }
  return a.length - b.length;
}

/** UTF-16 has what is beyond U+FFFF before U+E000, as surrogates; UTF-8 has it last. */
const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit);

/** One table, from `*name` to `COMMIT`, every line with its newline. Without the tools' comment lines, which hold a date. */
export function printTable(table: TableSpec, printing: Printing, options: SaveOptions = {}): string {
  const chains = orderedChains(table);
  const lines = [`*${table.name}`];
  for (const chain of chains) {
    const counters = chain.builtin === undefined ? ZERO : chain.counters;
    lines.push(`:${chain.name} ${chain.policy ?? '-'} ${bracketed(counters)}`);
  }
  for (const chain of chains) {
    for (const rule of chain.rules) {
      const counters = options.counters ? `${bracketed(options.countersOf?.(rule) ?? rule.counters ?? ZERO)} ` : '';
      lines.push(counters + printRule(chain.name, rule, printing));
    }
  }
  lines.push('COMMIT', '');
  return lines.join('\n');
}

/** Several tables in the order given. */
export const printSave = (tables: Iterable<TableSpec>, printing: Printing, options?: SaveOptions): string =>
  [...tables].map((table) => printTable(table, printing, options)).join('');

/** What -S prints of a chain's head: `-P INPUT ACCEPT` or `-N name`; with `counters` `-c p b` behind a policy. */
export const printHead = (chain: ChainSpec, counters: boolean): string =>
  chain.builtin === undefined
    ? `-N ${chain.name}`
    : `-P ${chain.name} ${chain.policy}${counters ? ` -c ${chain.counters.packets} ${chain.counters.bytes}` : ''}`;
