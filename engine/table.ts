// A table as it runs: chains of installed rules, and the programs that walk them. An edit makes a new one that takes over every rule
// and chain that the edit left alone; the firewall then swaps the whole table. Counters are beside it (counters.ts).
//
// Birth: plan() binds what is new of a TableSpec; it may throw RuleError, and changes nothing that packets see. The caller then calls
// commit(), which cannot fail, and uses the new table, or takes the plan back with discard(). What the versions of a table share and
// commit() changes are the programs (classifier/program.ts), one for each chain's name, and the index of rules: the earlier table is of no use then.

import { RuleError } from '../grammar/error.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import { HOOKS, TABLES } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { Program } from './classifier/program.ts';
import { type Interpreted, interpret, type Observer, policyReason } from './reference.ts';
import { type BindContext, Binder, type Rule } from './rule.ts';
import { RuleIndex } from './rule-index.ts';
import { ACCEPT, DROP, type Verdict } from './verdict.ts';

/** Jumps deeper than this would use up the JavaScript stack: such a table runs in the interpreter, which keeps its own. */
const DEEPEST = 500;

export interface Chain {
  /** Our own copy: whoever gave the spec may go on editing it. */
  readonly spec: ChainSpec;
  /** Identity of the spec that was given: the counters of a policy stay as long as it does. */
  readonly key: unknown;
  readonly rules: readonly Rule[];
  readonly program: Program;
  /** Rules of it that run an extension target; whether some rule in it or reached from it does, which may rewrite the packet. */
  readonly acting: number;
  readonly acts: boolean;
  /** Longest way of jumps below it. */
  readonly depth: number;
  /** Chains that it jumps to, each once. */
  readonly calls: readonly string[];
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
  readonly ruleOf: RuleIndex;
  readonly needsTracking: boolean;
  /** Jumps go too deep for the programs. */
  readonly deep: boolean;
  /** One of its targets sets Packet.traced. */
  readonly traces: boolean;
  readonly context: BindContext;
}

/** A table that waits for commit() or discard(). */
export interface Planned {
  readonly table: Table;
  /** Rules and slots that only it has, and rules that only the earlier table has. */
  readonly fresh: readonly Rule[];
  readonly freshSlots: readonly number[];
  readonly gone: readonly Rule[];
  readonly goneSlots: readonly number[];
  /** What to do to the programs. */
  readonly changes: readonly (() => void)[];
}

/** What a table says of a packet at `hook`: the hot path. The table must have a chain there. */
export function traverse(table: Table, hook: number, pkt: Packet): Verdict {
  if (table.deep) return interpret(table, hook, pkt);
  const chain = table.builtin[hook]!;
  const verdict = chain.program.run(pkt);
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
 * Prepares the table for `spec`, taking over from `earlier` what is the same. Throws RuleError for an extension that is not attached,
 * a jump to a chain that is not there. The caller has checked that no packet can run in a circle (load-check.ts). `statesOf` gives state to rules that `earlier` does not have.
 */
export function plan(
  spec: TableSpec,
  context: BindContext,
  earlier?: Table,
  statesOf: (rule: RuleSpec) => readonly unknown[] | undefined = () => undefined,
): Planned {
  const planner = new Planner(spec, context, earlier, statesOf);
  try {
    return planner.plan();
  } catch (problem) {
    planner.discard();
    throw problem;
  }
}

/** Makes a planned table the one that counts. */
export function commit({ table, fresh, gone, goneSlots, changes }: Planned): Table {
  const { counts } = table.context;
  for (const rule of gone) {
    table.ruleOf.delete(rule);
    counts.give(rule.slot);
  }
  for (const rule of fresh) table.ruleOf.add(rule);
  for (const slot of goneSlots) counts.give(slot);
  for (const change of changes) change();
  return table;
}

/** Gives back what a planned table has taken. */
export function discard({ table, fresh, freshSlots }: Planned): void {
  for (const rule of fresh) table.context.counts.give(rule.slot);
  for (const slot of freshSlots) table.context.counts.give(slot);
}

/** Where two versions of a chain differ: rules between what they have in common in front and at the end. */
interface Difference {
  readonly from: number;
  readonly removed: readonly Rule[];
  readonly added: readonly RuleSpec[];
  /** Some of them jump. */
  readonly jumps: boolean;
}

const NO_DIFFERENCE: Difference = { from: 0, removed: [], added: [], jumps: false };

class Planner {
  private readonly spec: TableSpec;
  private readonly context: BindContext;
  private readonly earlier: Table | undefined;
  private readonly statesOf: (rule: RuleSpec) => readonly unknown[] | undefined;
  private readonly index: RuleIndex;
  private readonly binder: Binder;
  private chains = new Map<string, Chain>();
  private readonly programs = new Map<string, Program>();
  private readonly differences = new Map<string, Difference>();
  /** What is added to each chain. */
  private readonly bound = new Map<string, readonly Rule[]>();
  /** Rules of the earlier table that have not been found in the new one yet. */
  private readonly loose = new Set<Rule>();
  private readonly fresh = new Map<unknown, Rule>();
  private readonly freshSlots: number[] = [];
  private readonly changes: (() => void)[] = [];

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
    this.binder = new Binder(context);
    this.index = earlier?.ruleOf ?? new RuleIndex(context);
  }

  plan(): Planned {
    const { spec, context, index } = this;
    const chains = this.planChains();
    const builtin = HOOKS.map((hook) => {
      if (!(TABLES[spec.name] as readonly string[]).includes(hook)) return undefined;
      const chain = chains.get(hook);
      if (!chain) throw new RuleError(`table ${spec.name}: no chain ${hook}`, undefined, undefined, 1);
      return chain;
    });
    const { counts } = context;
    const table: Table = {
      spec: { ...spec, chains: new Map([...chains].map(([name, chain]) => [name, chain.spec])) },
      family: spec.family,
      chains,
      builtin,
      ruleOf: index,
      get needsTracking() {
        return index.needsTracking;
      },
      get traces() {
        return index.traces;
      },
      deep: [...chains.values()].some((chain) => chain.depth > DEEPEST),
      context,
      bound: (rule) => index.get(rule)!,
      count(counted, pkt) {
        const slot = 'rules' in counted ? chains.get(counted.name)!.slot : index.get(counted)!.slot;
        counts.packets[slot]++;
        counts.bytes[slot] += pkt.end - pkt.l3;
      },
    };
    const goneSlots = (this.earlier?.builtin ?? []).flatMap((chain, hook) =>
      chain && builtin[hook]?.slot !== chain.slot ? [chain.slot] : [],
    );
    return {
      table,
      fresh: [...this.fresh.values()],
      freshSlots: this.freshSlots,
      gone: [...this.loose],
      goneSlots,
      changes: this.changes,
    };
  }

  discard(): void {
    for (const rule of this.fresh.values()) this.context.counts.give(rule.slot);
    for (const slot of this.freshSlots) this.context.counts.give(slot);
  }

  // --- What is new ---------------------------------------------------------------------------------------------------

  private planChains(): ReadonlyMap<string, Chain> {
    const { spec, earlier, differences } = this;
    let sameJumps = earlier?.chains.size === spec.chains.size;
    const touched: ChainSpec[] = [];
    for (const chain of spec.chains.values()) {
      const before = earlier?.chains.get(chain.name);
      const difference = this.compare(chain, before);
      if (difference) {
        differences.set(chain.name, difference);
        for (const rule of difference.removed) this.loose.add(rule);
      }
      if (!before || difference?.jumps) sameJumps = false;
      if (!before || difference || this.hasNewPolicy(chain, before)) touched.push(chain);
    }
    for (const chain of earlier?.chains.values() ?? []) {
      if (spec.chains.has(chain.spec.name)) continue;
      for (const rule of chain.rules) this.loose.add(rule);
      this.changes.push(() => chain.program.cool());
    }
    // In the order of the table, as the kernel checks them: the first rule that names a shared state decides what that is like.
    for (const [name, { added }] of differences)
      this.bound.set(
        name,
        added.map((rule) => this.bind(rule)),
      );
    if (!earlier || !sameJumps || !this.replaceChains(touched, earlier)) this.buildChains();
    return this.chains;
  }

  /** Its counters begin anew with it. */
  private hasNewPolicy(chain: ChainSpec, before: Chain): boolean {
    return (
      chain.builtin !== undefined && (before.key !== this.context.keyOf(chain) || before.policy !== policyOf(chain))
    );
  }

  /** Where all jumps are as they were, the other chains stay; false when some of them are concerned nevertheless. */
  private replaceChains(touched: readonly ChainSpec[], earlier: Table): boolean {
    for (const { name } of touched) {
      const { acting } = earlier.chains.get(name)!;
      if (acting > 0 !== this.actingIn(name) > 0) return false;
    }
    this.chains = new Map(earlier.chains);
    for (const chain of touched) {
      this.chains.set(chain.name, this.assemble(chain, earlier.chains.get(chain.name)!.calls));
    }
    return true;
  }

  /** Rules of a chain that run an extension target. */
  private actingIn(name: string): number {
    const removed = this.differences.get(name)?.removed ?? [];
    return (this.earlier?.chains.get(name)?.acting ?? 0) + count(this.bound.get(name) ?? []) - count(removed);
  }

  /** Undefined: the same rules. */
  private compare(chain: ChainSpec, earlier: Chain | undefined): Difference | undefined {
    const now = chain.rules;
    const before = earlier?.spec.rules ?? [];
    const shorter = Math.min(now.length, before.length);
    let from = 0;
    while (from < shorter && this.isSame(now[from], before[from])) from++;
    if (from === now.length && from === before.length) return undefined;
    let behind = 0;
    while (behind < shorter - from && this.isSame(now[now.length - 1 - behind], before[before.length - 1 - behind])) {
      behind++;
    }
    const removed = earlier?.rules.slice(from, before.length - behind) ?? [];
    const added = now.slice(from, now.length - behind);
    const jumps =
      removed.some(({ spec }) => calleeOf(spec) !== undefined) || added.some((rule) => calleeOf(rule) !== undefined);
    return { from, removed, added, jumps };
  }

  /** Looks at no rule when the objects are the same: of a long chain, most are not in the caches. */
  private isSame(spec: RuleSpec, other: RuleSpec): boolean {
    return spec === other || this.context.keyOf(spec) === this.context.keyOf(other);
  }

  private bind(spec: RuleSpec): Rule {
    const key = this.context.keyOf(spec);
    const known = this.index.get(spec);
    if (this.fresh.has(key) || (known && !this.loose.delete(known))) {
      throw new RuleError('the same rule object stands in two places', spec.origin?.span);
    }
    if (known) return known;
    const rule = this.binder.bind(spec, this.statesOf(spec));
    this.fresh.set(key, rule);
    return rule;
  }

  // --- Chains --------------------------------------------------------------------------------------------------------

  /** Builds the chains, each after those that it jumps to. Chains that no packet can enter may go round in circles. */
  private buildChains(): void {
    const path: { spec: ChainSpec; calls: readonly string[]; next: number }[] = [];
    const begun = new Set<string>();
    const begin = (name: string) => {
      if (begun.has(name)) return;
      begun.add(name);
      const spec = this.spec.chains.get(name)!;
      path.push({ spec, calls: this.callsOf(spec), next: 0 });
    };
    for (const name of this.spec.chains.keys()) {
      begin(name);
      while (path.length > 0) {
        const step = path[path.length - 1];
        if (step.next < step.calls.length) begin(step.calls[step.next++]);
        else {
          this.chains.set(step.spec.name, this.assemble(step.spec, step.calls));
          path.pop();
        }
      }
    }
    let actsAnew = false;
    for (const { program, acts } of this.chains.values()) {
      if (acts === program.acts) continue;
      actsAnew = true;
      this.changes.push(() => {
        program.acts = acts;
      });
    }
    // Generated code knows which of the chains that it jumps to act.
    if (actsAnew) for (const { program } of this.chains.values()) this.changes.push(() => program.cool());
  }

  private callsOf(spec: ChainSpec): readonly string[] {
    const earlier = this.earlier?.chains.get(spec.name);
    const calls = earlier && !this.differences.get(spec.name)?.jumps ? earlier.calls : distinctCalls(spec);
    for (const name of calls) if (!this.spec.chains.has(name)) this.refuseJump(spec, name);
    return calls;
  }

  private programOf(name: string): Program {
    const known = this.earlier?.chains.get(name)?.program ?? this.programs.get(name);
    if (known) return known;
    const program = new Program(this.context.counts, `${this.spec.name} ${name} rule `);
    this.programs.set(name, program);
    return program;
  }

  private calleesOf(rules: readonly Rule[]): (Program | undefined)[] {
    return rules.map(({ spec }) => {
      const name = calleeOf(spec);
      return name === undefined ? undefined : this.programOf(name);
    });
  }

  private refuseJump(spec: ChainSpec, name: string): never {
    const rule = spec.rules.find((one) => calleeOf(one) === name);
    throw new RuleError(`Couldn't load target \`${name}':No such file or directory`, rule?.origin?.span);
  }

  private assemble(spec: ChainSpec, calls: readonly string[]): Chain {
    const difference = this.differences.get(spec.name);
    const { from, removed } = difference ?? NO_DIFFERENCE;
    const earlier = this.earlier?.chains.get(spec.name);
    const program = this.programOf(spec.name);
    const bound = this.bound.get(spec.name) ?? [];
    const rules = earlier ? replaced(earlier.rules, from, removed.length, bound) : bound;
    if (difference) this.change(program, difference, rules, bound, earlier === undefined);
    const key = this.context.keyOf(spec);
    const called = calls.map((name) => this.chains.get(name));
    const acting = this.actingIn(spec.name);
    const acts = acting > 0 || called.some((callee) => callee?.acts ?? true);
    const depth = called.reduce((deepest, callee) => Math.max(deepest, (callee?.depth ?? 0) + 1), 0);
    const policy = policyOf(spec);
    const isEarlier = earlier && earlier.key === key && earlier.policy === policy;
    if (!difference && isEarlier && earlier.acts === acts && earlier.depth === depth) return earlier;
    return {
      spec: {
        ...spec,
        rules: earlier ? replaced(earlier.spec.rules, from, removed.length, specsOf(bound)) : specsOf(bound),
      },
      key,
      rules,
      program,
      acting,
      acts,
      depth,
      calls,
      slot: !spec.builtin ? -1 : isEarlier ? earlier.slot : this.policySlot(spec),
      policy,
      policyReason: policyReason(this.spec, spec),
    };
  }

  private change(
    program: Program,
    { from, removed }: Difference,
    rules: readonly Rule[],
    bound: readonly Rule[],
    anew: boolean,
  ): void {
    if (anew || removed.length + bound.length > rules.length / 2) {
      const callees = this.calleesOf(rules);
      this.changes.push(() => program.set(rules, callees));
    } else {
      const callees = this.calleesOf(bound);
      this.changes.push(() => program.splice(from, removed.length, bound, callees));
    }
  }

  /** Counters of a policy stay when its chain is edited, and start anew with another policy or another restore. */
  private policySlot({ counters }: ChainSpec): number {
    const slot = this.context.counts.take(counters.packets, counters.bytes);
    this.freshSlots.push(slot);
    return slot;
  }
}

const policyOf = ({ policy }: ChainSpec): Verdict => (policy === 'DROP' ? DROP : ACCEPT);

const specsOf = (rules: readonly Rule[]): RuleSpec[] => rules.map((rule) => rule.spec);

/** The same array when nothing changes. */
const replaced = <T>(all: readonly T[], from: number, removed: number, added: readonly T[]): T[] =>
  removed + added.length === 0 ? (all as T[]) : all.slice(0, from).concat(added, all.slice(from + removed));

/** Those that run an extension target. */
const count = (rules: readonly Rule[]): number => rules.reduce((sum, { action }) => sum + (action ? 1 : 0), 0);

const calleeOf = ({ target }: RuleSpec): string | undefined =>
  target?.kind === 'jump' || target?.kind === 'goto' ? target.chain : undefined;

function distinctCalls({ rules }: ChainSpec): readonly string[] {
  const calls = new Set<string>();
  for (const rule of rules) {
    const name = calleeOf(rule);
    if (name !== undefined) calls.add(name);
  }
  return [...calls];
}
