// A table is prepared for its swap: what differs from the earlier one is found and bound, and long chains are laid out anew, beside what
// packets go through meanwhile. One Planner for one table; table.ts says what becomes of its plan.

import { RuleError } from '../../grammar/error.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { HOOKS, TABLES } from '../../grammar/tables.ts';
import { contentInSteps, coolWhere, isShort, Program, shortContent } from '../classifier/program.ts';
import { Shelves } from '../classifier/shelf.ts';
import { editedSince } from '../edit/lineage.ts';
import { policyReason } from '../reference.ts';
import { ACCEPT, DROP, type Verdict } from '../verdict.ts';
import { BuiltTable } from './built-table.ts';
import { calleesFirst, depthOver, type Looks } from './chain-order.ts';
import { calleeOf, callsOf, type Difference, differenceOf, NO_DIFFERENCE } from './difference.ts';
import { type BindContext, Binder, type Rule } from './rule.ts';
import { RuleIndex } from './rule-index.ts';
import { finish, MOST_AT_ONCE, SLICE, type Steps } from './steps.ts';
import type { Chain, Planned, Table } from './table.ts';

/** Jumps deeper than this would use up the JavaScript stack: such a table runs in the interpreter, which keeps its own. */
const DEEPEST = 500;

/** State for rules that the earlier table does not have. */
export type StatesOf = (rule: RuleSpec) => readonly unknown[] | undefined;

/** The whole work at once, where nothing waits for it. Throws as inSteps() does. */
export const plan = (spec: TableSpec, context: BindContext, earlier?: Table, statesOf?: StatesOf): Planned =>
  finish(new Planner(spec, context, earlier, statesOf).inSteps());

export class Planner {
  /** Rules that only the new table has, as they are bound. */
  readonly fresh: Rule[] = [];
  private readonly spec: TableSpec;
  private readonly context: BindContext;
  private readonly earlier: Table | undefined;
  private readonly statesOf: StatesOf;
  private readonly index: RuleIndex;
  /** The fresh rules; with most rules changed also those that stay, and then it is the new index. */
  private readonly born: RuleIndex;
  private readonly binder: Binder;
  /** Those that are made; the others of the earlier table stay where `keepsOthers`. */
  private readonly made = new Map<string, Chain>();
  private keepsOthers = false;
  private readonly programs = new Map<string, Program>();
  private shelves: Shelves | undefined = undefined;
  private readonly differences = new Map<string, Difference>();
  /** Rules of the earlier table that have not been found in the new one yet. */
  private readonly loose = new Set<Rule>();
  private readonly freshSlots: number[] = [];
  private readonly changes: (() => void)[] = [];
  /** No rule stays: every chain gets a program of its own at once, and nothing is left to do to them at the commit. */
  private anew = false;
  private work = 0;

  constructor(spec: TableSpec, context: BindContext, earlier: Table | undefined, statesOf: StatesOf = () => undefined) {
    this.spec = spec;
    this.context = context;
    this.earlier = earlier;
    this.statesOf = statesOf;
    this.binder = new Binder(context);
    this.index = earlier?.ruleOf ?? new RuleIndex();
    this.born = new RuleIndex();
  }

  /**
   * Prepares the table, taking over from the earlier one what is the same. Throws RuleError for an extension that is not attached, a jump to
   * a chain that is not there; then, and when it is not run to its end, everything is as before. The caller has checked that no packet can
   * run in a circle (load-check.ts).
   */
  *inSteps(): Steps<Planned> {
    let planned: Planned | undefined;
    try {
      planned = yield* this.planTable();
      return planned;
    } finally {
      if (!planned) this.discard();
    }
  }

  /** Gives back what the plan has taken. */
  discard(): void {
    const { counts } = this.context;
    for (const rule of this.fresh) counts.give(rule.slot);
    for (const slot of this.freshSlots) counts.give(slot);
    this.fresh.length = this.freshSlots.length = 0;
  }

  private *planTable(): Steps<Planned> {
    const { spec, earlier, fresh, freshSlots, loose, changes } = this;
    const touched = yield* this.compareChains();
    const indexIsOld = this.changed <= MOST_AT_ONCE && earlier !== undefined;
    this.anew = loose.size === this.index.size && !indexIsOld;
    if (!indexIsOld) yield* this.indexKept();
    yield* this.bindAdded();
    if (!this.replaces || !(yield* this.replaceChains(touched))) yield* this.buildChains();
    const builtin = HOOKS.map((hook) => {
      if (!(TABLES[spec.name] as readonly string[]).includes(hook)) return undefined;
      const chain = this.chainOf(hook);
      if (!chain) throw new RuleError(`table ${spec.name}: no chain ${hook}`, undefined, undefined, 1);
      return chain;
    });
    const ruleOf = indexIsOld ? this.index : this.born;
    const chains = this.takeOver();
    const table = new BuiltTable({ spec, context: this.context, chains, builtin, ruleOf, deep: this.deep });
    const goneSlots = (earlier?.builtin ?? []).flatMap((chain, hook) =>
      chain && builtin[hook]?.slot !== chain.slot ? [chain.slot] : [],
    );
    for (const { slot } of loose) {
      goneSlots.push(slot);
      if (this.worked()) yield;
    }
    return { table, fresh, freshSlots, gone: loose, goneSlots, indexIsOld, changes };
  }

  private chainOf(name: string): Chain | undefined {
    return this.made.get(name) ?? (this.keepsOthers ? this.earlier?.chains.get(name) : undefined);
  }

  /** All chains of the table, by the commit at the latest: where few are others, the earlier table's map becomes ours. */
  private takeOver(): Map<string, Chain> {
    const { earlier, made, gone } = this;
    if (!this.anew) {
      this.changes.push(() => {
        for (const { program } of gone.values()) program.leaveShelf();
      });
    }
    if (earlier && this.keepsOthers) {
      this.changes.push(() => {
        for (const name of gone.keys()) earlier.chains.delete(name);
        for (const [name, chain] of made) earlier.chains.set(name, chain);
      });
      return earlier.chains;
    }
    this.changes.push(() =>
      coolWhere((program) => {
        const isEarlier = earlier?.chains.get(program.chain)?.program === program;
        return isEarlier && made.get(program.chain)?.program !== program;
      }),
    );
    return made;
  }

  /** After each piece of work: whether it is time for a step to end. */
  private worked(): boolean {
    return ++this.work % SLICE === 0;
  }

  // --- What is new ---------------------------------------------------------------------------------------------------

  private changed = 0;
  /** Chains that only the new table has, and that only the earlier one has. */
  private readonly newcomers = new Map<string, ChainSpec>();
  private readonly gone = new Map<string, Chain>();
  /** How it came from the earlier table is known: nobody changes its chains any more. */
  private isEdited = false;
  /** Only some chains are to be looked at: they are known, or there are as many as before under the same names. */
  private replaces = false;
  private deep = false;

  /** Chains that are not what they were. */
  private *compareChains(): Steps<ChainSpec[]> {
    const { spec, earlier, differences } = this;
    const edited = earlier && editedSince(spec, earlier.given);
    this.isEdited = edited !== undefined;
    const touched: ChainSpec[] = [];
    for (const chain of (edited?.touched ?? spec.chains).values()) {
      const before = earlier?.chains.get(chain.name);
      const difference = differenceOf(chain, before);
      if (difference) {
        differences.set(chain.name, difference);
        this.changed += difference.added.length;
        yield* this.loosen(difference.removed, difference);
      }
      if (!before) this.newcomers.set(chain.name, chain);
      if (!before || difference || this.hasNewPolicy(chain, before)) touched.push(chain);
      if (this.worked()) yield;
    }
    const isSame = this.newcomers.size === 0 && !edited && earlier?.chains.size === spec.chains.size;
    this.replaces = this.isEdited || isSame;
    if (isSame) return touched;
    for (const name of edited?.gone ?? earlier?.chains.keys() ?? []) {
      if (!edited && spec.chains.has(name)) continue;
      const chain = earlier!.chains.get(name)!;
      this.gone.set(name, chain);
      yield* this.loosen(chain.rules, { ...NO_DIFFERENCE });
    }
    return touched;
  }

  private *loosen(rules: readonly Rule[], difference: Difference): Steps<void> {
    this.changed += rules.length;
    for (const rule of rules) {
      this.loose.add(rule);
      if (rule.action) difference.acting--;
      if (calleeOf(rule.spec) !== undefined) difference.jumps = true;
      if (this.worked()) yield;
    }
  }

  /** The rules that stay where they are, in the new index. */
  private *indexKept(): Steps<void> {
    for (const chain of this.earlier?.chains.values() ?? []) {
      for (const rule of chain.rules) {
        if (!this.loose.has(rule)) this.born.add(rule);
        if (this.worked()) yield;
      }
    }
  }

  /** In the order of the table, as the kernel checks them: the first rule that names a shared state decides what that is like. */
  private *bindAdded(): Steps<void> {
    for (const difference of this.differences.values()) {
      for (const spec of difference.added) {
        const rule = this.bind(spec);
        difference.bound.push(rule);
        if (rule.action) difference.acting++;
        if (calleeOf(spec) !== undefined) difference.jumps = true;
        if (this.worked()) yield;
      }
    }
  }

  /** Its counters begin anew with it. */
  private hasNewPolicy(chain: ChainSpec, before: Chain): boolean {
    return chain.builtin !== undefined && (before.given !== chain || before.policy !== policyOf(chain));
  }

  private bind(spec: RuleSpec): Rule {
    const known = this.index.get(spec);
    if (this.born.has(spec) || (known && !this.loose.delete(known))) {
      throw new RuleError('the same rule object stands in two places', spec.origin?.span);
    }
    const rule = known ?? this.binder.bind(spec, this.statesOf(spec));
    this.born.add(rule);
    if (!known) this.fresh.push(rule);
    return rule;
  }

  // --- Chains --------------------------------------------------------------------------------------------------------

  /** The touched chains, where nothing that others know of them has changed; else false, and all are to be built. */
  private *replaceChains(touched: readonly ChainSpec[]): Steps<boolean> {
    const earlier = this.earlier!;
    if (this.anew || earlier.deep) return false;
    const looks = new Map<string, Looks>();
    const called = (calls: readonly string[]) => calls.map((name) => looks.get(name) ?? earlier.chains.get(name));
    // To these only touched chains jump.
    const newcomers = [...calleesFirst(this.newcomers, this.callsOf)];
    for (const { spec, calls } of newcomers) {
      const below = called(calls);
      looks.set(spec.name, { acts: this.actsIn(spec.name, below), depth: depthOver(below) });
    }
    const others = touched.filter(({ name }) => !looks.has(name)).map((spec) => ({ spec, calls: this.callsOf(spec) }));
    if (!others.every(({ spec, calls }) => this.looksTheSame(spec, called(calls)))) return false;
    this.keepsOthers = true;
    this.deep = earlier.deep;
    for (const { spec, calls } of [...newcomers, ...others]) {
      this.made.set(spec.name, yield* this.assemble(spec, calls));
    }
    this.noteActs();
    return true;
  }

  /** To the chains that jump to it, and so to all, if the chains that it jumps to do, too. */
  private looksTheSame(chain: ChainSpec, called: readonly (Looks | undefined)[]): boolean {
    if (chain.builtin !== undefined) return true;
    const { acts, depth } = this.earlier!.chains.get(chain.name)!;
    return this.actsIn(chain.name, called) === acts && depthOver(called) === depth;
  }

  /** Rules of a chain that run an extension target. */
  private actingIn(name: string): number {
    return (this.earlier?.chains.get(name)?.acting ?? 0) + (this.differences.get(name)?.acting ?? 0);
  }

  private actsIn(name: string, called: readonly (Looks | undefined)[]): boolean {
    return this.actingIn(name) > 0 || called.some((callee) => callee?.acts ?? true);
  }

  private *buildChains(): Steps<void> {
    for (const { spec, calls } of calleesFirst(this.spec.chains, this.callsOf)) {
      this.made.set(spec.name, yield* this.assemble(spec, calls));
      if (this.worked()) yield;
    }
    this.noteActs();
  }

  private noteActs(): void {
    const { made } = this;
    const anew: Chain[] = [];
    for (const chain of made.values()) {
      if (chain.depth > DEEPEST) this.deep = true;
      if (chain.acts === chain.program.acts) continue;
      if (this.anew) chain.program.acts = chain.acts;
      else anew.push(chain);
    }
    if (anew.length === 0) return;
    this.changes.push(() => {
      for (const { program, acts } of anew) program.acts = acts;
      // Generated code knows which of the chains that it jumps to act.
      coolWhere((program) => made.get(program.chain)?.program === program);
    });
  }

  private readonly callsOf = (spec: ChainSpec): readonly string[] => {
    const earlier = this.earlier?.chains.get(spec.name);
    const calls = earlier && !this.differences.get(spec.name)?.jumps ? earlier.calls : callsOf(spec.rules);
    for (const name of calls) if (!this.isThere(name)) this.refuseJump(spec, name);
    return calls;
  };

  private isThere(name: string): boolean {
    if (!this.replaces) return this.spec.chains.has(name);
    return this.newcomers.has(name) || (this.earlier!.chains.has(name) && !this.gone.has(name));
  }

  private programOf(name: string): Program {
    const known = (this.anew ? undefined : this.earlier?.chains.get(name)?.program) ?? this.programs.get(name);
    if (known) return known;
    this.shelves ??= (this.anew ? undefined : earlierShelves(this.earlier)) ?? new Shelves(this.context.counts);
    const program = new Program(this.shelves, this.spec.name, name);
    this.programs.set(name, program);
    return program;
  }

  private readonly calleeOf = ({ spec }: Rule): Program | undefined => {
    const name = calleeOf(spec);
    return name === undefined ? undefined : this.programOf(name);
  };

  private refuseJump(spec: ChainSpec, name: string): never {
    const rule = spec.rules.find((one) => calleeOf(one) === name);
    throw new RuleError(`Couldn't load target \`${name}':No such file or directory`, rule?.origin?.span);
  }

  private *assemble(spec: ChainSpec, calls: readonly string[]): Steps<Chain> {
    const difference = this.differences.get(spec.name);
    const { from, removed, added, bound } = difference ?? NO_DIFFERENCE;
    const earlier = this.earlier?.chains.get(spec.name);
    const program = this.programOf(spec.name);
    const rules = earlier ? replaced(earlier.rules, from, removed.length, bound) : bound;
    if (difference) yield* this.change(program, difference, rules);
    const called = calls.map((name) => this.chainOf(name));
    const acting = this.actingIn(spec.name);
    const acts = this.actsIn(spec.name, called);
    const depth = depthOver(called);
    const policy = policyOf(spec);
    const isEarlier = earlier && earlier.given === spec && earlier.policy === policy;
    if (!difference && isEarlier && earlier.acts === acts && earlier.depth === depth && earlier.program === program)
      return earlier;
    const copy = (): RuleSpec[] => (earlier ? replaced(earlier.spec.rules, from, removed.length, added) : added);
    return {
      spec: this.isEdited ? spec : { ...spec, rules: copy() },
      given: spec,
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

  private *change(program: Program, { from, removed, bound }: Difference, rules: readonly Rule[]): Steps<void> {
    if (program.isSpliceable(removed.length, bound.length)) {
      const callees = bound.map(this.calleeOf);
      this.changes.push(() => program.splice(from, removed.length, bound, callees));
      return;
    }
    const content = isShort(rules.length)
      ? shortContent(rules, this.calleeOf)
      : yield* contentInSteps(rules, this.calleeOf);
    if (this.anew) program.become(content);
    else this.changes.push(() => program.become(content));
  }

  /** Counters of a policy stay when its chain is edited, and start anew with another policy or another restore. */
  private policySlot({ counters }: ChainSpec): number {
    const slot = this.context.counts.take(counters.packets, counters.bytes);
    this.freshSlots.push(slot);
    return slot;
  }
}

const earlierShelves = (table: Table | undefined): Shelves | undefined =>
  table?.chains.values().next().value?.program.shelves;

const policyOf = ({ policy }: ChainSpec): Verdict => (policy === 'DROP' ? DROP : ACCEPT);

/** The same array when nothing changes. */
function replaced<T>(all: readonly T[], from: number, removed: number, added: readonly T[]): T[] {
  if (removed + added.length === 0) return all as T[];
  if (added.length > MOST_AT_ONCE) return all.slice(0, from).concat(added, all.slice(from + removed));
  return all.toSpliced(from, removed, ...added);
}
