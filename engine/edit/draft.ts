// A table being edited, with libiptc's semantics and words; ruleset.ts says what becomes of it.

import { RuleError } from '../../grammar/error.ts';
import { isVerdict, VERDICTS } from '../../grammar/frame-words.ts';
import { compareOctets, orderedChains } from '../../grammar/print.ts';
import type { ChainSpec, Counters, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { didYouMean } from '../../grammar/suggest.ts';
import { TABLES, type TableName } from '../../grammar/tables.ts';
import { EditedChains } from './edited-chains.ts';
import { Refusal } from './refusal.ts';
import type { Ruleset } from './ruleset.ts';
import { sameRule } from './same-rule.ts';

const NO_CHAIN = 'No chain/target/match by that name';

/** Methods throw Refusal (exit code 1) or RuleError (2) and then leave the draft in a state not to be committed. */
export class Draft {
  readonly name: TableName;
  /** Rules whose counters are to be zero after the commit. */
  readonly zeroed = new Set<RuleSpec>();
  private readonly ruleset: Ruleset;
  private readonly base: TableSpec;
  private readonly chains: EditedChains;
  private readonly policyCounters = new Map<string, Counters>();
  private changed = false;
  private installed: Set<RuleSpec> | undefined;

  constructor(table: TableSpec, ruleset: Ruleset) {
    this.name = table.name;
    this.ruleset = ruleset;
    this.base = table;
    this.chains = new EditedChains(table);
    // A built-in chain is a new one with each commit, for its counters begin anew; the others are copied when they are changed.
    for (const hook of TABLES[table.name]) if (table.chains.has(hook)) this.chains.touch(hook);
  }

  /** The new table, or undefined when nothing was changed. Chains without a change keep their rules' arrays. Nothing is done to it any more. */
  finish(): TableSpec | undefined {
    if (!this.changed) return undefined;
    for (const hook of TABLES[this.name]) {
      const chain = this.chains.get(hook);
      if (chain) chain.counters = this.policyCounters.get(hook) ?? { packets: 0, bytes: 0 };
    }
    return this.chains.finish();
  }

  has(name: string): boolean {
    return this.chains.get(name) !== undefined;
  }

  isBuiltin(name: string): boolean {
    return this.chains.get(name)?.builtin !== undefined;
  }

  // --- Chains -------------------------------------------------------------------------------------------------------

  newChain(name: string): void {
    if (this.has(name) || isVerdict(name)) throw new Refusal('Chain already exists');
    this.chains.add({
      name,
      builtin: undefined,
      policy: undefined,
      counters: { packets: 0, bytes: 0 },
      rules: [],
    });
    this.changed = true;
  }

  deleteChain(name: string): void {
    const chain = this.chain(name);
    if (chain.builtin !== undefined) throw new Refusal('Invalid argument', undefined, 'built-in chains stay', true);
    const references = this.references(name);
    if (references > 0) throw new Refusal('Too many links', undefined, `${references} rules jump to ${name}`);
    if (chain.rules.length > 0) {
      throw new Refusal(
        'Directory not empty',
        undefined,
        `${name} still has ${chain.rules.length} rules; flush it first`,
      );
    }
    this.chains.delete(name);
    this.changed = true;
  }

  rename(from: string, to: string): void {
    if (this.has(to) || isVerdict(to)) throw new Refusal('File exists', undefined, `there is a chain ${to}`);
    const chain = this.chains.get(from);
    if (!chain || chain.builtin !== undefined) throw new Refusal(NO_CHAIN);
    this.chains.delete(from);
    this.chains.add({ ...chain, name: to, rules: chain.rules.slice() });
    for (const { name, rules } of [...this.chains.values()]) {
      if (!rules.some((rule) => jumpsTo(rule, from))) continue;
      this.chains.setRules(
        name,
        rules.map((rule) => (jumpsTo(rule, from) ? this.retarget(rule, to) : rule)),
      );
    }
    this.changed = true;
  }

  setPolicy(name: string, policy: string, counters: Counters | undefined): void {
    const chain = this.chains.get(name);
    if (chain?.builtin === undefined) throw new Refusal('Bad built-in chain name');
    if (policy !== 'ACCEPT' && policy !== 'DROP') {
      throw new Refusal('Bad policy name', undefined, 'a policy is ACCEPT or DROP', true);
    }
    chain.policy = policy;
    if (counters) this.policyCounters.set(name, { packets: counters.packets, bytes: counters.bytes });
    else this.policyCounters.delete(name);
    this.changed = true;
  }

  flush(name: string): void {
    this.chain(name);
    this.chains.setRules(name, []);
    this.changed = true;
  }

  /** Empties the table: rules and user chains. */
  clear(): void {
    this.chains.clear();
    this.changed = true;
  }

  /** How many rules jump or go to it. */
  references(name: string): number {
    let count = 0;
    for (const chain of this.chains.values()) for (const rule of chain.rules) if (jumpsTo(rule, name)) count++;
    return count;
  }

  // --- Rules --------------------------------------------------------------------------------------------------------

  append(name: string, rule: RuleSpec): void {
    this.chain(name);
    this.checkJump(rule);
    this.chains.append(name, rule);
    this.changed = true;
  }

  /** Before the rule that has that number now; one past the last is allowed. */
  insert(name: string, rule: RuleSpec, number: number): void {
    const chain = this.chain(name);
    if (number > chain.rules.length + 1) throw this.tooBig('insertion', chain);
    this.checkJump(rule);
    this.splice(name, number - 1, 0, rule);
  }

  replace(name: string, rule: RuleSpec, number: number): void {
    const chain = this.chain(name);
    if (number > chain.rules.length) throw this.tooBig('replacement', chain);
    this.checkJump(rule);
    this.splice(name, number - 1, 1, rule);
  }

  deleteNumber(name: string, number: number): void {
    const chain = this.chain(name);
    if (number > chain.rules.length) throw this.tooBig('deletion', chain);
    this.splice(name, number - 1, 1);
  }

  delete(name: string, rule: RuleSpec): void {
    this.splice(name, this.find(name, rule).index, 1);
  }

  /** Throws unless a rule like it is there. */
  find(name: string, rule: RuleSpec): { chain: ChainSpec; index: number } {
    const chain = this.chains.get(name);
    const missing = 'Bad rule (does a matching rule exist in that chain?)';
    if (!chain) throw new Refusal(missing, undefined, `there is no chain ${name}`);
    this.checkJump(rule);
    const index = chain.rules.findIndex((other) => sameRule(other, rule));
    // libiptc asked last whether the target is a built-in chain, and words the refusal by what it asked last.
    const plain = rule.target === undefined || rule.target.kind === 'verdict';
    if (index < 0) throw new Refusal(plain ? missing : NO_CHAIN, undefined, `no such rule in ${name}`);
    return { chain, index };
  }

  zero(name: string): void {
    for (const rule of this.chain(name).rules) this.zeroIfInstalled(rule);
    this.changed = true;
  }

  zeroRule(name: string, number: number): void {
    const chain = this.chain(name);
    if (number > chain.rules.length) throw this.tooBig('counter', chain);
    this.zeroIfInstalled(chain.rules[number - 1]);
    this.changed = true;
  }

  /** A rule that came in with this draft keeps the counters it brings: libiptc zeroes only what the kernel has counted. */
  private zeroIfInstalled(rule: RuleSpec): void {
    this.installed ??= new Set([...this.base.chains.values()].flatMap((chain) => chain.rules));
    if (this.installed.has(rule)) this.zeroed.add(rule);
  }

  /** Built-in chains in hook order, user chains bytewise. */
  ordered(): ChainSpec[] {
    return orderedChains({ family: this.base.family, name: this.name, chains: this.chains.whole() });
  }

  userChains(): string[] {
    return [...this.chains.values()]
      .filter((chain) => chain.builtin === undefined)
      .map((chain) => chain.name)
      .sort(compareOctets);
  }

  countersOf(rule: RuleSpec): Counters {
    return this.zeroed.has(rule) ? { packets: 0, bytes: 0 } : this.ruleset.counters.rule(rule);
  }

  policyCountersOf(name: string): Counters {
    const before = this.base.chains.get(name);
    return this.policyCounters.get(name) ?? (before ? this.ruleset.counters.chain(before) : { packets: 0, bytes: 0 });
  }

  chain(name: string): ChainSpec {
    const chain = this.chains.get(name);
    if (!chain) throw new Refusal(NO_CHAIN, undefined, this.noChain(name));
    return chain;
  }

  private noChain(name: string): string {
    const meant = didYouMean(name, this.chains.whole().keys());
    return `there is no chain ${name} in table ${this.name}${meant === undefined ? '' : `; ${meant}`}`;
  }

  /** A target that is no chain and no extension fails before anything else is looked at (exit code 2). */
  checkTarget({ target }: RuleSpec): void {
    if (target?.kind === 'goto' && !this.has(target.chain)) {
      throw new RuleError(
        `goto '${target.chain}' is not a chain`,
        undefined,
        didYouMean(target.chain, this.userChains()) ?? 'declare it before the rule: -N, or a line with a colon',
      );
    }
    if (target?.kind === 'jump' && !this.has(target.chain)) {
      const { lookup } = this.ruleset.printing;
      const known = [...VERDICTS, ...lookup.names('target', this.base.family), ...this.userChains()];
      const hint =
        didYouMean(target.chain, known) ??
        'no chain and no target of that name; a chain is declared before the first jump to it';
      throw new RuleError(`Couldn't load target \`${target.chain}':No such file or directory`, undefined, hint);
    }
  }

  private checkJump({ target }: RuleSpec): void {
    if ((target?.kind === 'jump' || target?.kind === 'goto') && this.isBuiltin(target.chain)) {
      throw new Refusal(
        'Invalid argument',
        undefined,
        `${target.chain} is a built-in chain: nothing may jump to it`,
        true,
      );
    }
  }

  /** A new rule to everyone who knows rules by identity, so it takes its counters along. */
  private retarget(rule: RuleSpec, chain: string): RuleSpec {
    const kind = rule.target!.kind as 'jump' | 'goto';
    const origin = rule.origin && { ...rule.origin, conditions: undefined };
    return { ...rule, target: { kind, chain }, counters: this.countersOf(rule), origin };
  }

  private tooBig(what: string, chain: ChainSpec): Refusal {
    const { length } = chain.rules;
    const has = `${chain.name} has ${length} ${length === 1 ? 'rule' : 'rules'}`;
    return new Refusal(`Index of ${what} too big`, undefined, has);
  }

  private splice(name: string, from: number, removed: number, ...added: RuleSpec[]): void {
    this.changed = true;
    this.chains.splice(name, from, removed, added);
  }
}

const jumpsTo = ({ target }: RuleSpec, name: string): boolean =>
  (target?.kind === 'jump' || target?.kind === 'goto') && target.chain === name;
