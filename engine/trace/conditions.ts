// The conditions of one rule, each asked by itself: what a rule lacked to match, beyond the first thing that said no.

import type { RuleSpec } from '../../grammar/rule-spec.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Table } from '../install/table.ts';
import { BASE_PARTS, baseHolds } from '../reference.ts';
import type { Services } from '../services.ts';
import { type Refusal, sawOf } from './trace.ts';

export interface Condition extends Refusal {
  /** Undefined: it keeps state (limit, quota ...), and asking would change it. */
  readonly holds: boolean | undefined;
}

/** In the order of evaluation. `rule` is one of `table`; the packet is as it was when this returns. */
export function conditionsOf(table: Table, rule: RuleSpec, pkt: Packet, services: Services): Condition[] {
  const conditions: Condition[] = [];
  for (const part of BASE_PARTS) {
    const holds = undropped(pkt, () => baseHolds(part, rule, pkt));
    if (holds !== undefined) conditions.push({ condition: part, holds, saw: sawOf(part, pkt) });
  }
  const { matches } = table.ruleOf.get(rule)!;
  const { predicates } = table.bound(rule);
  for (const [index, { name, effect, saw }] of matches.entries()) {
    const holds = effect === 'pure' ? undropped(pkt, () => predicates[index](pkt)) : undefined;
    const seen = saw?.(rule.matches[index].checked, pkt, services) ?? '';
    conditions.push({ condition: { match: index, name }, holds, saw: seen });
  }
  return conditions;
}

/** A match may drop the packet at once: here it is only asked. */
function undropped<T>(pkt: Packet, ask: () => T): T {
  const { hotDropped, reason } = pkt;
  const answer = ask();
  pkt.hotDropped = hotDropped;
  pkt.reason = reason;
  return answer;
}
