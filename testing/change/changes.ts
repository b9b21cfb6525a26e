// Which packets fare otherwise under other rules: what somebody asks who is about to load them. Told for all packets that there are, not for
// some that were tried, by walking regions of packets through both rule sets (fates.ts); only those that a changed rule can concern
// (affected.ts).
//
// Table by table and hook by hook: what a changed nat or mangle rule means for the filter behind it is not followed. As regions do, it speaks
// of whole packets with complete headers.

import { type Printing, printConditions } from '../../grammar/print.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { HookName, TableName } from '../../grammar/tables.ts';
import { type Family, IPPROTO_ICMPV6 } from '../../packet/numbers.ts';
import { CT_UNTRACKED } from '../../packet/packet.ts';
import { atHook, both, isEmpty, minus, type Region, within } from '../regions.ts';
import { type Edits, editsOf, waysTo, withoutCovered } from './affected.ts';
import { universe, withField } from './cut.ts';
import { type Decider, type Fate, MOST_STEPS, TooManyParts, Walks } from './fates.ts';
import { joined } from './joined.ts';

/** What one of the rule sets does with some packets, and which of its rules and policies. */
export interface Decision {
  readonly verdict: string;
  readonly effects: readonly string[];
  readonly by: readonly Decider[];
}

/** Packets that fare otherwise, by one change of the rules. */
export interface ChangedFate {
  readonly family: Family;
  readonly table: TableName;
  readonly hook: HookName;
  readonly before: Decision;
  readonly after: Decision;
  readonly regions: readonly Region[];
}

/** A hook of a table that was too much to look at. */
export interface Unseen {
  readonly family: Family;
  readonly table: TableName;
  readonly hook: HookName;
}

export interface Changes {
  readonly fates: readonly ChangedFate[];
  readonly unseen: readonly Unseen[];
  readonly removed: readonly RuleSpec[];
  readonly added: readonly RuleSpec[];
}

export function changesOf(
  before: readonly TableSpec[],
  after: readonly TableSpec[],
  printing: Printing,
  mostSteps = MOST_STEPS,
): Changes {
  const pairs = new Map<string, Pair>();
  for (const table of before) pairs.set(`${table.family} ${table.name}`, [table, undefined]);
  for (const table of after) {
    const key = `${table.family} ${table.name}`;
    pairs.set(key, [pairs.get(key)?.[0], table]);
  }
  const all = [...pairs.values()].map((pair) => {
    const { family } = (pair[0] ?? pair[1])!;
    const leavesUntracked = [...before, ...after].some((table) => table.family === family && takesOff(table));
    return new TableChange(pair, printing, { family, mostSteps, leavesUntracked }).changes();
  });
  return {
    fates: all.flatMap(({ fates }) => fates),
    unseen: all.flatMap(({ unseen }) => unseen),
    removed: all.flatMap(({ removed }) => removed),
    added: all.flatMap(({ added }) => added),
  };
}

type Pair = readonly [old: TableSpec | undefined, now: TableSpec | undefined];

interface Circumstances {
  readonly family: Family;
  readonly mostSteps: number;
  /** Some rule takes packets off the tracker; IPv4 has no others that it does not see. */
  readonly leavesUntracked: boolean;
}

/** Whether some rule has packets that are not to be tracked. */
const takesOff = ({ chains }: TableSpec): boolean =>
  [...chains.values()].some(({ rules }) =>
    rules.some(({ target }) => target?.kind === 'extension' && (target.name === 'CT' || target.name === 'NOTRACK')),
  );

/** One table before and after; one that is not there is as an empty one. */
class TableChange {
  private readonly old: TableSpec | undefined;
  private readonly now: TableSpec | undefined;
  private readonly printing: Printing;
  private readonly circumstances: Circumstances;
  private readonly numbers = new Map<RuleSpec, number>();

  constructor([old, now]: Pair, printing: Printing, circumstances: Circumstances) {
    this.old = old;
    this.now = now;
    this.printing = printing;
    this.circumstances = circumstances;
  }

  changes(): Changes {
    const { family } = this.circumstances;
    const { name } = (this.old ?? this.now)!;
    const chains = [...new Set([...(this.old?.chains.keys() ?? []), ...(this.now?.chains.keys() ?? [])])];
    const edits = chains.map((chain) => ({ chain, ...this.edits(chain) }));
    const [removed, added] = [edits.flatMap((edit) => edit.removed), edits.flatMap((edit) => edit.added)];
    const changed = new Set([...removed, ...added]);
    const fates: ChangedFate[] = [];
    const unseen: Unseen[] = [];
    for (const [hook, regions] of this.affected(edits)) {
      try {
        fates.push(...this.changedAt(hook, regions, changed).map((one) => ({ family, table: name, hook, ...one })));
      } catch (error) {
        if (!(error instanceof TooManyParts)) throw error;
        unseen.push({ family, table: name, hook });
      }
    }
    return { fates, unseen, removed, added };
  }

  private edits(chain: string): Edits {
    const text = (rule: RuleSpec): string => printConditions(rule, this.printing);
    return editsOf(this.old?.chains.get(chain), this.now?.chains.get(chain), text);
  }

  /** By hook, the packets that a changed rule or policy may concern. */
  private affected(edits: readonly (Edits & { readonly chain: string })[]): Map<HookName, Region[]> {
    const walks = new Walks(this.printing);
    const found = new Map<HookName, Region[]>();
    const add = (hook: HookName, region: Region): void => {
      if (!isEmpty(region)) found.set(hook, [...(found.get(hook) ?? []), region]);
    };
    const sides = [
      [this.old, 'removed'],
      [this.now, 'added'],
    ] as const;
    for (const edit of edits) {
      for (const [table, side] of sides) {
        if (!table || edit[side].length === 0) continue;
        for (const way of waysTo(table, edit.chain, (rule) => walks.regionOf(rule)))
          for (const rule of edit[side]) add(way.hook, both(way.region, walks.regionOf(rule)));
      }
      const [old, now] = [this.old?.chains.get(edit.chain), this.now?.chains.get(edit.chain)];
      const hook = (old ?? now)?.builtin;
      if (hook !== undefined && policyOf(old) !== policyOf(now)) add(hook, atHook(hook));
    }
    return new Map([...found].map(([hook, regions]) => [hook, withoutCovered(regions)]));
  }

  private changedAt(
    hook: HookName,
    regions: readonly Region[],
    changed: ReadonlySet<RuleSpec>,
  ): Pick<ChangedFate, 'before' | 'after' | 'regions'>[] {
    const walks = new Walks(this.printing, this.circumstances.mostSteps);
    const found = new Map<string, Group>();
    for (const region of regions) {
      for (const old of walks.fates(this.old, hook, region)) {
        for (const { region: part, fate } of walks.fates(this.now, hook, old.region)) {
          const possible = this.tracked(part);
          if (!possible || sameFate(old.fate, fate)) continue;
          const key = this.keyOf(old.fate, fate, changed);
          const group = found.get(key) ?? new Group(old.fate, fate);
          group.add(possible, old.fate, fate);
          found.set(key, group);
        }
      }
    }
    return [...found.values()].map((group) => group.told());
  }

  /** What is told together: what one removed, or else one rule of the new set did. */
  private keyOf(old: Fate, now: Fate, changed: ReadonlySet<RuleSpec>): string {
    const byRemoved = old.rule !== undefined && changed.has(old.rule) && !(now.rule && changed.has(now.rule));
    const { chain, rule } = byRemoved ? old : now;
    if (rule && !this.numbers.has(rule)) this.numbers.set(rule, this.numbers.size);
    return JSON.stringify([whatOf(old), whatOf(now), byRemoved, chain, rule && this.numbers.get(rule)]);
  }

  /** Without what no packet can be: untracked where no rule says so. Undefined: nothing is left. */
  private tracked(region: Region): Region | undefined {
    const states = region.fields.get('ctState');
    const { leavesUntracked, family } = this.circumstances;
    if (!states || leavesUntracked || (family === 6 && mayBeNeighbours(region))) return region;
    const left = minus(states, [[CT_UNTRACKED, CT_UNTRACKED]]);
    if (left.length === 0) return undefined;
    if (!within(minus(universe('ctState'), [[CT_UNTRACKED, CT_UNTRACKED]]), left))
      return withField(region, 'ctState', left);
    const fields = new Map(region.fields);
    fields.delete('ctState');
    return { ...region, fields };
  }
}

/** Messages of neighbour discovery and multicast listeners are never tracked. net/netfilter/nf_conntrack_proto_icmpv6.c nf_conntrack_icmpv6_error() */
const mayBeNeighbours = ({ fields }: Region): boolean =>
  fields.get('protocol')?.some(([low, high]) => low <= IPPROTO_ICMPV6 && IPPROTO_ICMPV6 <= high) ?? true;

/** Packets that are told of together. */
class Group {
  private readonly regions: Region[] = [];
  private readonly before: Decision & { by: Decider[] };
  private readonly after: Decision & { by: Decider[] };

  constructor(old: Fate, now: Fate) {
    this.before = { verdict: old.verdict, effects: old.effects, by: [] };
    this.after = { verdict: now.verdict, effects: now.effects, by: [] };
  }

  add(region: Region, old: Fate, now: Fate): void {
    this.regions.push(region);
    note(this.before.by, old);
    note(this.after.by, now);
  }

  told(): Pick<ChangedFate, 'before' | 'after' | 'regions'> {
    return { before: this.before, after: this.after, regions: joined(this.regions) };
  }
}

function note(by: Decider[], { chain, rule }: Fate): void {
  if (!by.some((one) => one.rule === rule && one.chain === chain)) by.push({ chain, rule });
}

/** A chain that is not there does what an empty one with the policy of a fresh table does. */
const policyOf = (chain: ChainSpec | undefined): string => chain?.policy ?? 'ACCEPT';

const whatOf = ({ verdict, effects }: Fate): string => JSON.stringify([verdict, effects]);
const sameFate = (one: Fate, other: Fate): boolean => whatOf(one) === whatOf(other);
