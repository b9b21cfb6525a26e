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
  readonly callees: readonly (Chain | undefined)[];
  readonly run: Run;
}

export interface Chain extends Runnable {
  readonly spec: ChainSpec;
  readonly rules: readonly Rule[];
  readonly pieces: readonly Piece[];
  /** Longest way of jumps below it. */
  readonly depth: number;
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
  readonly needsTracking: boolean;
  readonly deep: boolean;
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
 * a jump to a chain that is not there, a loop. `statesOf` gives state to rules that `earlier` does not have.
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
  for (const [spec, rule] of table.ruleOf) if (other?.ruleOf.get(spec) !== rule) counts.give(rule.slot);
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
  /** Chains being built, to notice a loop. */
  private readonly open = new Set<string>();
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
    for (const name of spec.chains.keys()) this.chain(name);
    const builtin = HOOKS.map((hook) => {
      if (!(TABLES[spec.name] as readonly string[]).includes(hook)) return undefined;
      const chain = chains.get(hook);
      if (!chain) throw new RuleError(`table ${spec.name}: no chain ${hook}`, undefined, undefined, 1);
      return chain;
    });
    const { counts } = context;
    return {
      spec,
      family: spec.family,
      chains,
      builtin,
      ruleOf,
      needsTracking: [...ruleOf.values()].some((rule) => rule.needsTracking),
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
    if (this.ruleOf.has(spec)) throw new RuleError('the same rule object stands in two places', spec.origin?.span);
    let rule = this.earlier?.ruleOf.get(spec);
    if (!rule) {
      rule = bindRule(spec, this.context, this.statesOf(spec));
      this.fresh.push(rule.slot);
    }
    this.ruleOf.set(spec, rule);
  }

  /** Builds a chain after the chains that it jumps to. */
  private chain(name: string): Chain {
    const built = this.chains.get(name);
    if (built) return built;
    if (this.open.has(name)) throw new RuleError('Too many levels of symbolic links.', undefined, loopHint(name), 1);
    this.open.add(name);
    const spec = this.spec.chains.get(name)!;
    const rules = spec.rules.map((rule) => this.ruleOf.get(rule)!);
    const callees = rules.map((rule) => this.callee(rule));
    const chain = this.assemble(spec, rules, callees);
    this.open.delete(name);
    this.chains.set(name, chain);
    return chain;
  }

  private callee({ spec }: Rule): Chain | undefined {
    const { target } = spec;
    if (target?.kind !== 'jump' && target?.kind !== 'goto') return undefined;
    if (this.spec.chains.has(target.chain)) return this.chain(target.chain);
    throw new RuleError(`Couldn't load target \`${target.chain}':No such file or directory`, spec.origin?.span);
  }

  private assemble(spec: ChainSpec, rules: readonly Rule[], callees: readonly (Chain | undefined)[]): Chain {
    const earlier = this.earlier?.chains.get(spec.name);
    const pieces = this.cut(rules, callees, earlier?.pieces ?? []);
    const called = callees.filter((callee) => callee !== undefined);
    const samePieces =
      pieces.length === earlier?.pieces.length && pieces.every((piece, at) => piece === earlier.pieces[at]);
    // A chain that is the same in all is kept as the same object, so that the pieces that jump to it can be kept as well.
    if (earlier && samePieces && earlier.spec === spec && earlier.policy === policyOf(spec)) return earlier;
    return {
      spec,
      rules,
      pieces,
      run: inTurn(pieces.map((piece) => piece.run)),
      acts: rules.some((rule) => rule.action) || called.some((callee) => callee.acts),
      depth: called.reduce((depth, callee) => Math.max(depth, callee.depth + 1), 0),
      slot: this.policySlot(spec, earlier),
      policy: policyOf(spec),
      policyReason: policyReason(this.spec, spec),
    };
  }

  private policySlot(spec: ChainSpec, earlier: Chain | undefined): number {
    if (!spec.builtin) return -1;
    // The counters of a policy stay as long as the chain is edited and not replaced by another restore.
    if (earlier && earlier.spec === spec) return earlier.slot;
    const slot = this.context.counts.take(spec.counters.packets, spec.counters.bytes);
    this.fresh.push(slot);
    return slot;
  }

  /** Cuts a chain into pieces, the earlier ones wherever their rules still stand in a row. */
  private cut(rules: readonly Rule[], callees: readonly (Chain | undefined)[], earlier: readonly Piece[]): Piece[] {
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

  private piece(rules: readonly Rule[], callees: readonly (Chain | undefined)[], from: number, to: number): Piece {
    const run = compilePiece(rules.slice(from, to), {
      family: this.spec.family,
      counts: this.context.counts,
      chain: (name) => this.chains.get(name)!,
    });
    return { rules: rules.slice(from, to), callees: callees.slice(from, to), run };
  }
}

const fits = (piece: Piece, rules: readonly Rule[], callees: readonly (Chain | undefined)[], at: number): boolean =>
  piece.rules.every((rule, i) => rules[at + i] === rule && callees[at + i] === piece.callees[i]);

const policyOf = (spec: ChainSpec): Verdict => (spec.policy === 'DROP' ? DROP : ACCEPT);

const loopHint = (name: string): string => `chain ${name} can be reached from itself`;

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
