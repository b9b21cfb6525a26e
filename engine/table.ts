// A table as it runs: chains of installed rules, compiled. Immutable once built; an edit builds a new one that takes over every rule,
// piece and chain that the edit left alone, and the firewall then swaps the whole table. Counters are beside it (counters.ts).
//
// Birth: plan() binds what is new of a TableSpec and compiles it; it may throw RuleError and then has changed nothing. The caller
// then calls commit() and uses the new table, or takes the plan back with retire().

import { RuleError } from '../grammar/error.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import { HOOKS, TABLES } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { compilePiece, PIECE_LENGTH, type Run, type Runnable } from './compile.ts';
import { dropReason, type Interpreted, interpret, type Observer, policyReason } from './reference.ts';
import { type BindContext, bindRule, type Rule } from './rule.ts';
import { ACCEPT, CONTINUE, DROP, RETURN, type Verdict } from './verdict.ts';

/** Jumps deeper than this would use up the JavaScript stack: such a table runs in the interpreter, which keeps its own. */
const DEEPEST = 500;

/** Some rules of a chain in a row, as one generated function. */
interface Piece {
  readonly rules: readonly Rule[];
  /** Chains that it jumps to: it can be used again as long as these are the same. */
  readonly callees: readonly (Runnable | undefined)[];
  readonly run: Run;
}

export interface Chain extends Runnable {
  /** Our own copy: whoever gave the spec may go on editing it. */
  readonly spec: ChainSpec;
  /** Identity of the spec that was given: the counters of a policy stay as long as it does. */
  readonly key: unknown;
  readonly rules: readonly Rule[];
  readonly pieces: readonly Piece[];
  /** Built-in chains: counter slot of the policy; else -1. */
  readonly slot: number;
  readonly policy: Verdict;
  readonly policyReason: string;
}

export interface Table extends Interpreted {
  readonly family: Family;
  readonly chains: ReadonlyMap<string, Chain>;
  /** By hook number; undefined where the table has no chain. */
  readonly builtin: readonly (Chain | undefined)[];
  readonly ruleOf: ReadonlyMap<RuleSpec, Rule>;
  /** By identity (BindContext.keyOf). */
  readonly known: ReadonlyMap<unknown, Rule>;
  readonly needsTracking: boolean;
  /** Jumps go too deep for the compiled chains. */
  readonly deep: boolean;
  /** One of its targets sets Packet.traced. */
  readonly traces: boolean;
  readonly context: BindContext;
}

/** What a table says of a packet at `hook`: the hot path. The table must have a chain there. */
export function traverse(table: Table, hook: number, pkt: Packet): Verdict {
  if (table.deep) return interpret(table, hook, pkt);
  const chain = table.builtin[hook]!;
  const verdict = chain.run(pkt);
  if (verdict >= 0) return verdict;
  const { counts } = table.context;
  counts.packets[chain.slot]++;
  counts.bytes[chain.slot] += pkt.end - pkt.l3;
  if (chain.policy === DROP) pkt.reason = chain.policyReason;
  return chain.policy;
}

/** The same, by the interpreter, with every step shown to `observer`. Same rules, same counters, same state. */
export const observe = (table: Table, hook: number, pkt: Packet, observer: Observer): Verdict =>
  interpret(table, hook, pkt, observer);

/**
 * Builds the table for `spec`, taking over from `earlier` what is the same. Throws RuleError for an extension that is not attached,
 * a jump to a chain that is not there. The caller has checked that no packet can run in a circle (load-check.ts). `statesOf` gives state to rules that `earlier` does not have.
 */
export function plan(
  spec: TableSpec,
  context: BindContext,
  earlier?: Table,
  statesOf: (rule: RuleSpec) => readonly unknown[] | undefined = () => undefined,
): Table {
  const builder = new Builder(spec, context, earlier, statesOf);
  try {
    return builder.build();
  } catch (problem) {
    builder.discard();
    throw problem;
  }
}

/** Makes a planned table the one that counts: rule numbers in drop reasons are now its own, what only `earlier` had is let go. */
export function commit(table: Table, earlier: Table | undefined): void {
  if (earlier) retire(earlier, table);
  for (const { spec, rules } of table.chains.values()) {
    for (let index = 0; index < rules.length; index++) rules[index].reason = dropReason(table.spec, spec, index);
  }
}

/** Gives back the slots of all that `table` has and `other` has not: of an old table, or of a planned one that is not to be. */
export function retire(table: Table, other: Table | undefined): void {
  const { counts } = table.context;
  for (const [key, rule] of table.known) if (other?.known.get(key) !== rule) counts.give(rule.slot);
  for (const [hook, chain] of table.builtin.entries()) {
    if (chain && other?.builtin[hook]?.slot !== chain.slot) counts.give(chain.slot);
  }
}

class Builder {
  private readonly spec: TableSpec;
  private readonly context: BindContext;
  private readonly earlier: Table | undefined;
  private readonly statesOf: (rule: RuleSpec) => readonly unknown[] | undefined;
  private readonly ruleOf = new Map<RuleSpec, Rule>();
  private readonly chains = new Map<string, Chain>();
  private readonly known = new Map<unknown, Rule>();
  private readonly fresh: number[] = [];

  constructor(
    spec: TableSpec,
    context: BindContext,
    earlier: Table | undefined,
    statesOf: (rule: RuleSpec) => readonly unknown[] | undefined,
  ) {
    this.spec = spec;
    this.context = context;
    this.earlier = earlier;
    this.statesOf = statesOf;
  }

  build(): Table {
    const { spec, context, ruleOf, chains } = this;
    for (const chain of spec.chains.values()) for (const rule of chain.rules) this.bind(rule);
    this.buildChains();
    const builtin = HOOKS.map((hook) => {
      if (!(TABLES[spec.name] as readonly string[]).includes(hook)) return undefined;
      const chain = chains.get(hook);
      if (!chain) throw new RuleError(`table ${spec.name}: no chain ${hook}`, undefined, undefined, 1);
      return chain;
    });
    const { counts } = context;
    return {
      spec: { ...spec, chains: new Map([...chains].map(([name, chain]) => [name, chain.spec])) },
      family: spec.family,
      chains,
      builtin,
      ruleOf,
      known: this.known,
      needsTracking: [...ruleOf.values()].some((rule) => rule.needsTracking),
      traces: [...ruleOf.values()].some(({ target }) => target?.traces === true),
      deep: [...chains.values()].some((chain) => chain.depth > DEEPEST),
      context,
      bound: (rule) => ruleOf.get(rule)!,
      count(counted, pkt) {
        const slot = 'rules' in counted ? chains.get(counted.name)!.slot : ruleOf.get(counted)!.slot;
        counts.packets[slot]++;
        counts.bytes[slot] += pkt.end - pkt.l3;
      },
    };
  }

  discard(): void {
    for (const slot of this.fresh) this.context.counts.give(slot);
  }

  private bind(spec: RuleSpec): void {
    const key = this.context.keyOf(spec);
    if (this.known.has(key)) throw new RuleError('the same rule object stands in two places', spec.origin?.span);
    let rule = this.earlier?.known.get(key);
    if (!rule) {
      rule = bindRule(spec, this.context, this.statesOf(spec));
      this.fresh.push(rule.slot);
    }
    this.known.set(key, rule);
    this.ruleOf.set(rule.spec, rule);
  }

  /**
   * Builds the chains, each after those that it jumps to. Chains that no packet can enter may go round in circles: there, the jump
   * back is looked up when it is taken, which is never.
   */
  private buildChains(): void {
    const path: { spec: ChainSpec; next: number }[] = [];
    const begun = new Set<string>();
    const begin = (name: string) => {
      if (begun.has(name)) return;
      begun.add(name);
      path.push({ spec: this.spec.chains.get(name)!, next: 0 });
    };
    for (const name of this.spec.chains.keys()) {
      begin(name);
      while (path.length > 0) {
        const step = path[path.length - 1];
        const rule = step.spec.rules[step.next++];
        if (rule) {
          const callee = this.calleeOf(rule);
          if (callee !== undefined) begin(callee);
        } else {
          this.chains.set(step.spec.name, this.assemble(step.spec));
          path.pop();
        }
      }
    }
  }

  private calleeOf({ target, origin }: RuleSpec): string | undefined {
    if (target?.kind !== 'jump' && target?.kind !== 'goto') return undefined;
    if (this.spec.chains.has(target.chain)) return target.chain;
    throw new RuleError(`Couldn't load target \`${target.chain}':No such file or directory`, origin?.span);
  }

  private runnable(name: string): Runnable {
    return this.chains.get(name) ?? { acts: true, depth: 0, run: (pkt) => this.chains.get(name)!.run(pkt) };
  }

  private assemble(spec: ChainSpec): Chain {
    const rules = spec.rules.map((rule) => this.known.get(this.context.keyOf(rule))!);
    const callees = spec.rules.map((rule) => {
      const name = this.calleeOf(rule);
      return name === undefined ? undefined : this.runnable(name);
    });
    const earlier = this.earlier?.chains.get(spec.name);
    const pieces = this.cut(rules, callees, earlier?.pieces ?? []);
    const called = callees.filter((callee) => callee !== undefined);
    const samePieces =
      pieces.length === earlier?.pieces.length && pieces.every((piece, at) => piece === earlier.pieces[at]);
    const key = this.context.keyOf(spec);
    // A chain that is the same in all is kept as the same object, so that the pieces that jump to it can be kept as well.
    if (earlier && samePieces && earlier.key === key && earlier.policy === policyOf(spec)) return earlier;
    return {
      spec: { ...spec, rules: rules.map((rule) => rule.spec) },
      key,
      rules,
      pieces,
      run: inTurn(pieces.map((piece) => piece.run)),
      acts: rules.some((rule) => rule.action) || called.some((callee) => callee.acts),
      depth: called.reduce((depth, callee) => Math.max(depth, callee.depth + 1), 0),
      slot: this.policySlot(spec, key, earlier),
      policy: policyOf(spec),
      policyReason: policyReason(this.spec, spec),
    };
  }

  /** Counters of a policy stay when its chain is edited, and start anew with another policy or another restore. */
  private policySlot(spec: ChainSpec, key: unknown, earlier: Chain | undefined): number {
    if (!spec.builtin) return -1;
    if (earlier && earlier.key === key && earlier.policy === policyOf(spec)) return earlier.slot;
    const slot = this.context.counts.take(spec.counters.packets, spec.counters.bytes);
    this.fresh.push(slot);
    return slot;
  }

  /** Cuts a chain into pieces, the earlier ones wherever their rules still stand in a row. */
  private cut(rules: readonly Rule[], callees: readonly (Runnable | undefined)[], earlier: readonly Piece[]): Piece[] {
    const byFirst = new Map(earlier.map((piece) => [piece.rules[0], piece]));
    const pieces: Piece[] = [];
    let from = 0;
    for (let at = 0; at <= rules.length; at++) {
      const known = at < rules.length ? byFirst.get(rules[at]) : undefined;
      const kept = known && fits(known, rules, callees, at) ? known : undefined;
      if (at > from && (kept || at === rules.length || at - from === PIECE_LENGTH)) {
        pieces.push(this.piece(rules, callees, from, at));
        from = at;
      }
      if (kept) {
        pieces.push(kept);
        from = at + kept.rules.length;
        at = from - 1;
      }
    }
    // Many edits leave many small pieces: then cut anew.
    if (pieces.length <= 2 * Math.ceil(rules.length / PIECE_LENGTH) + 4) return pieces;
    return this.cut(rules, callees, []);
  }

  private piece(rules: readonly Rule[], callees: readonly (Runnable | undefined)[], from: number, to: number): Piece {
    const [cutRules, cutCallees] = [rules.slice(from, to), callees.slice(from, to)];
    const { family } = this.spec;
    const run = compilePiece(cutRules, cutCallees, { family, counts: this.context.counts });
    return { rules: cutRules, callees: cutCallees, run };
  }
}

const fits = (piece: Piece, rules: readonly Rule[], callees: readonly (Runnable | undefined)[], at: number): boolean =>
  piece.rules.every((rule, i) => rules[at + i] === rule && callees[at + i] === piece.callees[i]);

const policyOf = (spec: ChainSpec): Verdict => (spec.policy === 'DROP' ? DROP : ACCEPT);

/** One piece after the other until one has the last word. A chain of one piece is that piece. */
function inTurn(runs: readonly Run[]): Run {
  if (runs.length === 0) return () => RETURN;
  if (runs.length === 1) return runs[0];
  return (pkt) => {
    for (let index = 0; index < runs.length; index++) {
      const verdict = runs[index](pkt);
      if (verdict !== CONTINUE) return verdict;
    }
    return RETURN;
  };
}
