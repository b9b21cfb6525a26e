// Mutation testing: the tests run against each mutant of the rules, and one that they all let pass shows what they do not test. Rules are
// parsed once; a test runs for a mutant only when some packet of it came to the rule that was changed.

import { firewall, TestFirewall } from '../firewall.ts';
import type { LoadedRules } from '../rule-source.ts';
import { setsText } from '../set-source.ts';
import type { FirewallSetup } from '../setup.ts';
import { Equivalence } from './equivalent.ts';
import { type Mutant, type MutantKind, mutantsOf } from './mutants.ts';

/** Throws when something is not as it should be. It gets a firewall of its own, in its first state. */
export type MutationTest = (fw: TestFirewall) => void;

/** A test and the firewall that it wants around some rules. */
export interface MutationCase {
  readonly name: string;
  make(rules?: LoadedRules): TestFirewall;
  /** False: something was not as expected. */
  holds(fw: TestFirewall): boolean;
}

/** `equivalent`: proved to decide as the original does. `accepted`: survived, and somebody has said why that is well. */
export type MutantStatus = 'killed' | 'survived' | 'equivalent' | 'accepted';

export interface MutantResult {
  readonly kind: MutantKind;
  readonly family: 4 | 6;
  readonly table: string;
  readonly chain: string;
  /** From 1; 0 for a policy. */
  readonly number: number;
  readonly file: string;
  readonly line: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly status: MutantStatus;
  /** The test that noticed. */
  readonly by: string | undefined;
  /** Tests whose packets came to the rule. */
  readonly tried: number;
  /** Of an accepted one. */
  readonly reason: string | undefined;
}

/** A survivor that is well as it is. */
export interface AcceptedMutant {
  readonly kind: string;
  /** The changed rule as it was, or the first of two neighbours: the line of save text. */
  readonly rule: string;
  /** What it became; left out: any change of that kind. */
  readonly becomes?: string;
  readonly reason: string;
}

export interface MutationOptions {
  readonly accepted?: readonly AcceptedMutant[];
  /** Told of each mutant that was tried. */
  readonly onMutant?: () => void;
}

export class MutationError extends Error {
  override readonly name = 'MutationError';
}

export class MutationResult {
  readonly mutants: readonly MutantResult[];
  /** Entries of `accepted` that fit no survivor: they are out of date. */
  readonly stale: readonly AcceptedMutant[];
  readonly ms: number;

  constructor(mutants: readonly MutantResult[], stale: readonly AcceptedMutant[], ms: number) {
    this.mutants = mutants;
    this.stale = stale;
    this.ms = ms;
  }

  count(status: MutantStatus): number {
    return this.mutants.filter((one) => one.status === status).length;
  }

  get survivors(): readonly MutantResult[] {
    return this.mutants.filter(({ status }) => status === 'survived');
  }

  /** Killed of a hundred that could be: equivalent and accepted ones do not count. 100 when there are none. */
  get score(): number {
    const [killed, survived] = [this.count('killed'), this.count('survived')];
    return killed + survived === 0 ? 100 : (100 * killed) / (killed + survived);
  }
}

/**
 * Runs `tests`, by their names, against every mutant of the rules in `setup`. Throws MutationError when one of them fails on the rules as
 * they are, RulesError for rules that cannot be read.
 */
export function mutate(
  setup: FirewallSetup,
  tests: Readonly<Record<string, MutationTest>>,
  options: MutationOptions = {},
): MutationResult {
  const kept: FirewallSetup = { ...setup, ...(setup.sets && { sets: { text: setsText(setup.sets) } }) };
  const first = firewall(kept);
  const cases = Object.entries(tests).map(
    ([name, run]): MutationCase => ({
      name,
      make: (rules = first.rules) => new TestFirewall(kept, rules),
      holds(fw) {
        try {
          return (run(fw) as unknown) === undefined;
        } catch {
          return false;
        }
      },
    }),
  );
  return mutateCases(first, cases, options);
}

/** The same for cases that make their firewalls themselves. `first` has the rules. */
export function mutateCases(
  first: TestFirewall,
  cases: readonly MutationCase[],
  { accepted = [], onMutant }: MutationOptions = {},
): MutationResult {
  if (cases.length === 0) throw new MutationError('there are no tests');
  const started = performance.now();
  const { rules, printing } = first;
  const baseline = cases.map((one) => ({ one, fw: triedOn(one) }));
  const equivalence = new Equivalence(printing.lookup);
  const unused = new Set(accepted);
  const results: MutantResult[] = [];
  for (const mutant of mutantsOf(rules.tables, printing)) {
    const result = judge(mutant, rules, baseline, equivalence);
    onMutant?.();
    if (!result) continue;
    const entry = result.status === 'survived' ? accepted.find((known) => fits(known, result)) : undefined;
    if (entry) unused.delete(entry);
    results.push(entry ? { ...result, status: 'accepted', reason: entry.reason } : result);
  }
  return new MutationResult(results, [...unused], performance.now() - started);
}

function triedOn(one: MutationCase): TestFirewall {
  const fw = one.make();
  if (!one.holds(fw)) throw new MutationError(`"${one.name}" fails on the rules as they are: mend that first`);
  return fw;
}

/** Undefined: the rules do not load with the change. */
function judge(
  mutant: Mutant,
  rules: LoadedRules,
  baseline: readonly { readonly one: MutationCase; readonly fw: TestFirewall }[],
  equivalence: Equivalence,
): MutantResult | undefined {
  const changed: LoadedRules = { ...rules, tables: mutant.tables(rules.tables) };
  const probe = loaded(() => baseline[0]?.one.make(changed));
  if (!probe) return undefined;
  // Without its last rule that asks for connections a family is not tracked any more, and every packet of it may notice.
  const tracking = ([4, 6] as const).some((family) => probe.core.tracks(family) !== baseline[0].fw.core.tracks(family));
  const concerned = baseline.filter(({ fw }) => tracking || touches(fw, mutant));
  const killer = concerned.find(({ one }) => !one.holds(one === baseline[0].one ? probe : one.make(changed)));
  const by = killer?.one.name;
  const tried = concerned.length;
  const proved = by === undefined && equivalence.proves(mutant, rules.tables);
  const { kind, table, chain, index, file, line, before, after } = mutant;
  const place = { family: table.family, table: table.name, chain, number: index + 1, file, line };
  const status = by !== undefined ? 'killed' : proved ? 'equivalent' : 'survived';
  return { kind, ...place, before, after, status, by, tried, reason: undefined };
}

function loaded(make: () => TestFirewall | undefined): TestFirewall | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

function touches({ observations }: TestFirewall, { originals, table, chain }: Mutant): boolean {
  if (originals.length === 0) return observations.cameToPolicy(table.name, chain);
  return originals.some((rule) => observations.cameTo(rule));
}

const fits = ({ kind, rule, becomes }: AcceptedMutant, result: MutantResult): boolean =>
  kind === result.kind && rule === result.before[0] && (becomes === undefined || becomes === (result.after[0] ?? ''));
