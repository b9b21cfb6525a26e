// What the tests reached: rules and policies as they counted, conditions by what they said, jumps by whether the walk came back, and the
// ctstates that a rule names by those that it met. What was never reached has never been tried.

import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { Family } from '../../packet/numbers.ts';
import { conditionText, statesNamed } from '../condition-text.ts';
import type { TestFirewall } from '../firewall.ts';
import { policyLine } from '../rule-source.ts';
import * as report from './coverage-report.ts';
import { conditionsIn } from './observations.ts';

/** A rule, or the policy of a built-in chain. */
export interface CoverageLine {
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  /** From 1; undefined for a policy. */
  readonly number: number | undefined;
  /** `-A FORWARD -p tcp -j ACCEPT`, or `-P FORWARD DROP`. */
  readonly text: string;
  readonly file: string;
  /** 0: it has no line (the policy of a chain that the text does not name). */
  readonly line: number;
  readonly packets: number;
  readonly bytes: number;
}

/** Something that can be tried in more ways than one: how often each was. */
export interface Tried {
  /** `-p tcp`, `NEW`, `comes back`. */
  readonly text: string;
  /** What is counted: `yes`, `no`; `seen`. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** A line with what happened within it. */
export interface CoveredLine extends CoverageLine {
  /** What it asks: each should have said yes and no. */
  readonly predicates: readonly Tried[];
  /** Of a jump: the walk comes back from a chain that lets it. */
  readonly edges: readonly Tried[];
  /** The ctstates that it names. */
  readonly states: readonly Tried[];
  /** Those of the packets that it matched. */
  readonly ctstates: Readonly<Record<string, number>>;
}

/** Reached and countable, of one kind of thing. */
export interface Measure {
  readonly reached: number;
  readonly of: number;
  /** 100 when there is nothing to reach. */
  readonly percent: number;
}

export const MEASURES = ['rules', 'policies', 'predicates', 'edges', 'states'] as const;
export type MeasureName = (typeof MEASURES)[number];

/** Least percentages: `{ rules: 100, predicates: 80 }`. */
export type Thresholds = Readonly<Partial<Record<MeasureName, number>>>;

/** As counted since the firewall was made or reset. */
export function coverageOf(fw: TestFirewall): CoverageLine[] {
  const lines: CoverageLine[] = [];
  for (const { family, name: table } of fw.rules.tables) {
    const source = fw.rules.texts.find((text) => text.family === family && text.text.includes(`*${table}`));
    for (const { spec, policy, rules } of fw.core.chains(family, table) ?? []) {
      const at = { family, table, chain: spec.name };
      if (policy) {
        const line = source ? policyLine(source, table, spec.name) : undefined;
        const text = `-P ${spec.name} ${spec.policy}`;
        lines.push({ ...at, number: undefined, text, file: source?.name ?? '', line: line ?? 0, ...policy });
      }
      for (const [index, rule] of spec.rules.entries()) {
        const { file = '', line = 0 } = rule.origin ?? {};
        lines.push({ ...at, number: index + 1, text: fw.textOf(spec.name, rule), file, line, ...rules[index] });
      }
    }
  }
  return lines;
}

function coveredBy(fw: TestFirewall): CoveredLine[] {
  const chains = new Map<string, { spec: ChainSpec; table: TableSpec }>();
  for (const table of fw.rules.tables) {
    for (const { spec } of fw.core.chains(table.family, table.name) ?? []) {
      chains.set(`${table.family} ${table.name} ${spec.name}`, { spec, table });
    }
  }
  return coverageOf(fw).map((line) => {
    const place = chains.get(`${line.family} ${line.table} ${line.chain}`);
    const rule = line.number === undefined ? undefined : place?.spec.rules[line.number - 1];
    if (!rule || !place) return { ...line, predicates: [], edges: [], states: [], ctstates: {} };
    const comesBack = (name: string): boolean =>
      mayReturn(name, (chain) => chains.get(`${line.family} ${line.table} ${chain}`)?.spec);
    return { ...line, ...within(fw, rule, line, comesBack) };
  });
}

function within(
  fw: TestFirewall,
  rule: RuleSpec,
  { text }: CoverageLine,
  comesBack: (chain: string) => boolean,
): Pick<CoveredLine, 'predicates' | 'edges' | 'states' | 'ctstates'> {
  const seen = fw.observations.of(rule);
  const { target } = rule;
  const leaves = target?.kind === 'jump' && comesBack(target.chain);
  return {
    predicates: conditionsIn(rule).map((key) => ({
      text: conditionText(rule, key, fw.printing),
      outcomes: { yes: seen?.yes.get(key) ?? 0, no: seen?.no.get(key) ?? 0 },
    })),
    edges: leaves ? [{ text: `comes back from ${target.chain}`, outcomes: { seen: seen?.returned ?? 0 } }] : [],
    states: statesNamed(text).map((state) => ({ text: state, outcomes: { seen: seen?.ctstates.get(state) ?? 0 } })),
    ctstates: Object.fromEntries(seen?.ctstates ?? []),
  };
}

/** Targets behind which no rule is asked, whatever they find. */
const ENDING = new Set(['REJECT', 'DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP', 'NFQUEUE', 'TPROXY']);

/** Whether a walk of the chain can end without a verdict: no rule without conditions is in its way. */
function mayReturn(name: string, chainOf: (name: string) => ChainSpec | undefined): boolean {
  for (const rule of chainOf(name)?.rules ?? []) {
    if (conditionsIn(rule).length > 0) continue;
    const { target } = rule;
    if (target?.kind === 'verdict') return target.name === 'RETURN';
    if (target?.kind === 'extension' && ENDING.has(target.name)) return false;
    if (target?.kind === 'goto') return mayReturn(target.chain, chainOf);
    if (target?.kind === 'jump' && !mayReturn(target.chain, chainOf)) return false;
  }
  return true;
}

const keyOf = ({ family, table, chain, number, file, line }: CoverageLine): string =>
  [family, table, chain, number, file, line].join(' ');

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Adds up what several firewalls of the same rules did. */
export class Coverage {
  private readonly lines = new Map<string, CoveredLine>();
  /** Texts of the rules by the name of their file: what the HTML report shows. */
  readonly sources = new Map<string, string>();

  /** Takes what `fw` did so far; do it once for each firewall, when its tests are done, and before each reset(). */
  add(fw: TestFirewall): this {
    fw.check();
    for (const { name, text } of fw.rules.texts) this.sources.set(name, text);
    for (const line of coveredBy(fw)) {
      const key = keyOf(line);
      const before = this.lines.get(key);
      this.lines.set(key, before ? sum(before, line) : line);
    }
    return this;
  }

  /** By family, in the order of the file. */
  get all(): CoveredLine[] {
    return [...this.lines.values()].sort((a, b) => a.family - b.family || compare(a.file, b.file) || a.line - b.line);
  }

  /** Rules alone, without the policies. */
  get rules(): CoveredLine[] {
    return this.all.filter(({ number }) => number !== undefined);
  }

  get unreached(): CoveredLine[] {
    return this.rules.filter(({ packets }) => packets === 0);
  }

  /** Reached rules of a hundred; 100 when there are none. */
  get percent(): number {
    return this.measures.rules.percent;
  }

  get measures(): Readonly<Record<MeasureName, Measure>> {
    const { all } = this;
    const counted = (lines: readonly CoverageLine[]): Measure =>
      measure(lines.filter(({ packets }) => packets > 0).length, lines.length);
    const tried = (kind: 'predicates' | 'edges' | 'states'): Measure => {
      const outcomes = all.flatMap((line) => line[kind].flatMap((one) => Object.values(one.outcomes)));
      return measure(outcomes.filter((number) => number > 0).length, outcomes.length);
    };
    return {
      rules: counted(all.filter(({ number }) => number !== undefined)),
      policies: counted(all.filter(({ number }) => number === undefined)),
      predicates: tried('predicates'),
      edges: tried('edges'),
      states: tried('states'),
    };
  }

  /** A sentence for each measure that is below its threshold. */
  below(thresholds: Thresholds): string[] {
    const { measures } = this;
    return MEASURES.flatMap((name) => {
      const [least, { percent }] = [thresholds[name] ?? 0, measures[name]];
      if (percent >= least) return [];
      return [`${percent.toFixed(1)} % of the ${report.NAMES[name]} were reached, ${least} % are asked for`];
    });
  }

  /** A table for people: every rule and policy with its packets, what was never reached marked; `gaps`: what within them was not. */
  toText(options: { gaps?: boolean } = {}): string {
    return report.text(this, options.gaps ?? false);
  }

  /** What was not reached, a line each with its place; ''. */
  gapsText(): string {
    return report.gaps(this);
  }

  /** The lcov format with the save files as sources: what editors and coverage services show beside the lines. */
  toLcov(): string {
    return report.lcov(this);
  }

  /** One page with the save files, what each line did beside it. */
  toHtml(): string {
    return report.html(this);
  }
}

const measure = (reached: number, of: number): Measure => ({
  reached,
  of,
  percent: of === 0 ? 100 : (100 * reached) / of,
});

function sum(a: CoveredLine, b: CoveredLine): CoveredLine {
  const both = (one: readonly Tried[], other: readonly Tried[]): Tried[] =>
    one.map(({ text, outcomes }, index) => ({ text, outcomes: added(outcomes, other[index]?.outcomes ?? {}) }));
  return {
    ...b,
    packets: a.packets + b.packets,
    bytes: a.bytes + b.bytes,
    predicates: both(a.predicates, b.predicates),
    edges: both(a.edges, b.edges),
    states: both(a.states, b.states),
    ctstates: added(a.ctstates, b.ctstates),
  };
}

function added(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const total = { ...a };
  for (const [key, number] of Object.entries(b)) total[key] = (total[key] ?? 0) + number;
  return total;
}
