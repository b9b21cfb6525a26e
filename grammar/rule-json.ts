// Rules as JSON, for programs: the words of -S as members, numbers as numbers. A condition that is inverted begins with "! ", as there.

import { type Printing, printConditions, printMasked } from './print.ts';
import { protocolName } from './protocols.ts';
import type { Counters, MaskedAddress, RuleSpec, TargetSpec } from './rule-spec.ts';

/** A match or a target with its options as written. */
export interface ExtensionJson {
  readonly name: string;
  readonly options: string;
}

export interface RuleJson {
  /** In its chain, from 1. */
  readonly number: number;
  readonly packets: number;
  readonly bytes: number;
  /** All of it, as behind `-A CHAIN`. */
  readonly rule: string;
  readonly source?: string;
  readonly destination?: string;
  readonly in?: string;
  readonly out?: string;
  readonly protocol?: string;
  readonly fragment?: boolean;
  readonly matches: readonly ExtensionJson[];
  /** Not there: the rule only counts. */
  readonly target?: { readonly verdict: string } | { readonly chain: string; readonly goto?: true } | ExtensionJson;
}

const marked = (inverted: boolean, text: string): string => (inverted ? `! ${text}` : text);

/** Members that say nothing are undefined: JSON.stringify() leaves them out. */
export function ruleJson(rule: RuleSpec, number: number, counters: Counters, printing: Printing): RuleJson {
  const { family, protocol, fragment } = rule;
  const { lookup, names } = printing;
  const address = (given: MaskedAddress | undefined): string | undefined =>
    given && marked(given.inverted, printMasked(given, family));
  const scope = { family, names, protocol };
  return {
    number,
    packets: counters.packets,
    bytes: counters.bytes,
    rule: printConditions(rule, printing).trimStart(),
    source: address(rule.source),
    destination: address(rule.destination),
    in: rule.inInterface && marked(rule.inInterface.inverted, rule.inInterface.name),
    out: rule.outInterface && marked(rule.outInterface.inverted, rule.outInterface.name),
    protocol: protocol && marked(protocol.inverted, protocolName(protocol.number, names) ?? String(protocol.number)),
    fragment: fragment && !fragment.inverted,
    matches: rule.matches.map(({ name, checked }) => ({
      name,
      options: lookup.match(name, family)?.save(checked, scope) ?? '',
    })),
    target:
      rule.target && targetJson(rule.target, (name, checked) => lookup.target(name, family)?.save(checked, scope)),
  };
}

function targetJson(
  target: TargetSpec,
  options: (name: string, checked: unknown) => string | undefined,
): NonNullable<RuleJson['target']> {
  switch (target.kind) {
    case 'verdict':
      return { verdict: target.name };
    case 'jump':
      return { chain: target.chain };
    case 'goto':
      return { chain: target.chain, goto: true };
    case 'extension':
      return { name: target.name, options: options(target.name, target.checked) ?? '' };
  }
}
