// Two rule sets side by side, for people and for tests: compareRules(old, now).changes is empty when no packet fares otherwise.

import { helpers } from '../../conntrack/helpers/index.ts';
import { type Module, Registry } from '../../engine/registry.ts';
import { type Names, noNames } from '../../grammar/names.ts';
import { type Printing, printRule } from '../../grammar/print.ts';
import type { HookName, TableName } from '../../grammar/tables.ts';
import { matches } from '../../matches/index.ts';
import { targets } from '../../targets/index.ts';
import { type LoadedRules, loadRules, policyLine, type RuleSources, textsOf } from '../rule-source.ts';
import { type ChangedFate, type Changes, changesOf, type Decision } from './changes.ts';
import type { Decider } from './fates.ts';
import { exampleOf, regionText } from './region-text.ts';

/** What one of the rule sets does with packets. */
export interface RuleDecision {
  /** ACCEPT, DROP, or a target that ends the walk, with its options. */
  readonly verdict: string;
  /** What else is done to them on the way: LOG, MARK and the like, with their options. */
  readonly effects: readonly string[];
  /** The rules or policies that decide. */
  readonly by: readonly DecidingRule[];
}

export interface DecidingRule {
  /** As a line of save text. */
  readonly rule: string;
  readonly file: string;
  /** From 1; 0: no line says it. */
  readonly line: number;
}

/** Packets that fare otherwise. */
export interface RuleChange {
  readonly family: 4 | 6;
  readonly table: TableName;
  readonly hook: HookName;
  readonly before: RuleDecision;
  readonly after: RuleDecision;
  /** Which packets, in words: they are in one of these. */
  readonly packets: readonly string[];
  /** One of them, in the words of packets, with its device in front. */
  readonly example: string | undefined;
}

export interface RuleComparison {
  /** Empty: every packet fares as before, unless `unseen` names something. */
  readonly changes: readonly RuleChange[];
  /** `IPv4 filter FORWARD`: hooks where the rules were too much to look at; nothing is said of them. */
  readonly unseen: readonly string[];
  /** Rules, as lines of save text, that only the first or only the second rule set has. */
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

export interface CompareOptions {
  /** Names of services, users and the like in rules. */
  readonly names?: Names;
  /** Extensions of one's own beside the built-in ones. */
  readonly attach?: readonly Module[];
}

/**
 * Which packets fare otherwise when `after` is loaded instead of `before`: of all that there are, not of some that were tried. Throws
 * RulesError with everything that is wrong with the rules.
 */
export function compareRules(before: RuleSources, after: RuleSources, options: CompareOptions = {}): RuleComparison {
  const { names = noNames, attach = [] } = options;
  const registry = new Registry({ matches, targets, helpers }, ...attach);
  const [old, now] = [before, after].map((sources) => loadRules(textsOf(sources), registry, names));
  const printing: Printing = { lookup: registry, names };
  const changes = changesOf(old.tables, now.tables, printing);
  const lines = (rules: Changes['removed']): string[] =>
    rules.map((rule) => rule.origin?.text ?? printRule('', rule, printing));
  return {
    changes: changes.fates.map((one) => told(one, old, now, printing)),
    unseen: changes.unseen.map(({ family, table, hook }) => `IPv${family} ${table} ${hook}`),
    removed: lines(changes.removed),
    added: lines(changes.added),
  };
}

function told(change: ChangedFate, old: LoadedRules, now: LoadedRules, printing: Printing): RuleChange {
  const { family, table, hook, regions } = change;
  return {
    family,
    table,
    hook,
    before: decision(change.before, change, old, printing),
    after: decision(change.after, change, now, printing),
    packets: [...new Set(regions.map((region) => regionText(region, family)))],
    example: exampleOf(regions[0], family),
  };
}

function decision(
  { verdict, effects, by }: Decision,
  place: ChangedFate,
  rules: LoadedRules,
  printing: Printing,
): RuleDecision {
  return { verdict, effects, by: by.map((one) => deciding(one, verdict, place, rules, printing)) };
}

function deciding(
  { chain, rule }: Decider,
  verdict: string,
  { family, table, hook }: ChangedFate,
  rules: LoadedRules,
  printing: Printing,
): DecidingRule {
  if (rule) {
    const { file = '', line = 0 } = rule.origin ?? {};
    return { rule: printRule(chain, rule, printing), file, line };
  }
  const text = rules.texts.find((one) => one.family === family);
  const line = (text && policyLine(text, table, hook)) ?? 0;
  return { rule: `-P ${hook} ${verdict}`, file: text?.name ?? '', line };
}
