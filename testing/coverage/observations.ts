// What the packets of a test showed of the rules, beyond the counters: for each rule which of its conditions said yes and which no, the
// ctstates of the packets that it matched, and whether the walk came back from the chain that it jumped to. Read from the traces that
// every packet leaves behind; a condition behind the one that said no was not asked.

import { BASE_PARTS, type BasePart } from '../../engine/reference.ts';
import type { RuleStep, Trace } from '../../engine/trace/trace.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';

/** A part of the rule itself ('source'), or the index of one of its matches. */
export type ConditionKey = BasePart | number;

export interface RuleSeen {
  readonly yes: Map<ConditionKey, number>;
  readonly no: Map<ConditionKey, number>;
  /** Of the packets that it matched; 'untracked' for those that nothing tracked. */
  readonly ctstates: Map<string, number>;
  /** Jumps that came back from the chain without a verdict. */
  returned: number;
}

const HAS: Readonly<Record<BasePart, (rule: RuleSpec) => boolean>> = {
  source: (rule) => rule.source !== undefined,
  destination: (rule) => rule.destination !== undefined,
  'in-interface': (rule) => rule.inInterface !== undefined,
  'out-interface': (rule) => rule.outInterface !== undefined,
  protocol: (rule) => rule.protocol !== undefined,
  fragment: (rule) => rule.fragment !== undefined,
};

/** What a rule asks, in the order of asking. Comments ask nothing. */
export function conditionsIn(rule: RuleSpec): ConditionKey[] {
  const base = BASE_PARTS.filter((part) => HAS[part](rule));
  return [...base, ...rule.matches.keys()].filter(
    (key) => typeof key !== 'number' || rule.matches[key].name !== 'comment',
  );
}

export const NOT_TRACKED = 'untracked';

/** Where a packet is in a table. */
interface Walk {
  ctstate: string;
  chain: string;
  readonly callers: { rule: RuleSpec; chain: string }[];
}

const count = <K>(map: Map<K, number>, key: K): void => void map.set(key, (map.get(key) ?? 0) + 1);

export class Observations {
  private readonly rules = new Map<RuleSpec, RuleSeen>();
  /** Everything that was ever asked, over resets: rules, and 'TABLE CHAIN' of policies. */
  private readonly asked: Set<RuleSpec | string>;

  /** `before`: those of the same test until now. */
  constructor(before?: Observations) {
    this.asked = before?.asked ?? new Set();
  }

  /** Whether any packet was held against the rule. */
  cameTo(rule: RuleSpec): boolean {
    return this.asked.has(rule);
  }

  cameToPolicy(table: string, chain: string): boolean {
    return this.asked.has(`${table} ${chain}`);
  }

  of(rule: RuleSpec): RuleSeen | undefined {
    return this.rules.get(rule);
  }

  /** Takes what one packet, and those that it caused, did. */
  note({ steps }: Trace): void {
    const walks = new Map<number, Walk>();
    for (const step of steps) {
      let walk = walks.get(step.packet);
      if (!walk) {
        walk = { ctstate: NOT_TRACKED, chain: '', callers: [] };
        walks.set(step.packet, walk);
      }
      if (step.kind === 'tracked') walk.ctstate = step.ctstate;
      else if (step.kind === 'table') {
        walk.chain = '';
        walk.callers.length = 0;
      } else if (step.kind === 'policy') {
        this.returnTo(walk, step.chain);
        this.asked.add(`${step.table} ${step.chain}`);
      }
      if (step.kind === 'rule') this.rule(walk, step);
    }
  }

  private rule(walk: Walk, { chain, rule, refusal }: RuleStep): void {
    if (walk.chain !== '') this.returnTo(walk, chain);
    walk.chain = chain;
    const seen = this.seen(rule);
    const stopped = refusal && (typeof refusal.condition === 'string' ? refusal.condition : refusal.condition.match);
    for (const key of conditionsIn(rule)) {
      if (key === stopped) {
        count(seen.no, key);
        return;
      }
      count(seen.yes, key);
    }
    count(seen.ctstates, walk.ctstate);
    const { target } = rule;
    if (target?.kind === 'jump') walk.callers.push({ rule, chain });
    if (target?.kind === 'jump' || target?.kind === 'goto') walk.chain = target.chain;
  }

  /** Chains between where the packet was and `chain` ended without a verdict. */
  private returnTo(walk: Walk, chain: string): void {
    while (walk.chain !== chain) {
      const caller = walk.callers.pop();
      if (!caller) return;
      this.seen(caller.rule).returned++;
      walk.chain = caller.chain;
    }
  }

  private seen(rule: RuleSpec): RuleSeen {
    let seen = this.rules.get(rule);
    if (!seen) {
      this.asked.add(rule);
      seen = { yes: new Map(), no: new Map(), ctstates: new Map(), returned: 0 };
      this.rules.set(rule, seen);
    }
    return seen;
  }
}
