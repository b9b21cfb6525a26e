// Whether rules can be read back from their save text. A command line can say what a save file cannot: a line break in a comment, a device
// name with a blank, a quote in a chain's name. The real tools have that gap between -save and -restore; for us it would be the rules
// of tomorrow, so such rules are refused before they are stored.

import { chainOf } from '../../engine/edit/edited-table.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { orderedChains, type Printing, printConditions } from '../../grammar/print.ts';
import { QuickReader } from '../../grammar/quick.ts';
import type { ChainSpec, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { theRestore } from '../later.ts';
import { isMoved, type TableChange } from '../live/table-change.ts';

export class NotStorable extends Error {}

/** Names that stand in a save file as they are. */
const PLAIN_NAME = /^[^\s"'\\]{1,28}$/;

/** Remembers which rules are known to read back, so that an edit costs the reading of its own rules only. */
export class Readable {
  private readonly known = new WeakMap<RuleSpec, RuleSpec>();

  /** Rules that were read. */
  trust({ tables }: Ruleset): void {
    for (const table of tables) for (const rule of rulesOf(table)) this.known.set(rule, rule);
  }

  /** The rule as its text says it: what no text shows (`-o +`, which is any device) is not in it. The rule was checked. */
  asRead(rule: RuleSpec): RuleSpec {
    return this.known.get(rule) ?? rule;
  }

  /** As check(), of rules that were well before some edits: looks at what these brought. */
  async checkEdits(ruleset: Ruleset, edits: readonly TableChange[]): Promise<void> {
    for (const { name, chains } of edits) {
      const table = ruleset.table(name)!;
      if (chains.some((chain) => chain.isNew && !PLAIN_NAME.test(chain.name)) || hidesTarget(table, ruleset)) {
        return this.check(ruleset);
      }
      const added = chains.map((chain) => ({
        name: chain.name,
        rules: chain.added.filter((one): one is RuleSpec => !isMoved(one) && !this.isKnown(one, ruleset.printing)),
      }));
      await this.learn(ruleset, table, added);
    }
  }

  /** Rejects with NotStorable when a rule that is not known would not read back as it is. */
  async check(ruleset: Ruleset): Promise<void> {
    for (const table of ruleset.tables) {
      const name = [...table.chains.keys()].find((chain) => !PLAIN_NAME.test(chain));
      if (name !== undefined) throw new NotStorable(`a save file cannot hold a chain of the name "${name}"`);
      const hides = hidesTarget(table, ruleset);
      const unknown = [...table.chains.values()].map((chain) => ({
        name: chain.name,
        rules: chain.rules.filter((rule) => hides || !this.isKnown(rule, ruleset.printing)),
      }));
      await this.learn(ruleset, table, unknown);
    }
  }

  private isKnown(rule: RuleSpec, printing: Printing): boolean {
    return this.known.has(rule) || isAsWritten(rule, printing);
  }

  /** Rules by the chains of the table in which they stand. */
  private async learn(ruleset: Ruleset, table: TableSpec, chains: readonly Pick<ChainSpec, 'name' | 'rules'>[]) {
    const { family, printing } = ruleset;
    const isChain = (name: string): boolean => chainOf(table, name) !== undefined;
    const reader = new QuickReader({ family, ...printing, file: '', isChain }, table.name);
    const left = new Set<RuleSpec>();
    for (const { name, rules } of chains) {
      for (const rule of rules) {
        const read = quickBack(reader, name, rule, printing);
        if (read) this.known.set(rule, read);
        else left.add(rule);
      }
    }
    if (left.size === 0) return;
    // Both in the order of the printed text.
    const only = withOnly(table, left);
    const read = rulesOf(await parsedBack(ruleset, only));
    for (const rule of rulesOf(only)) this.known.set(rule, read.next().value!);
  }
}

/** A rule that is printed as the line that it was read from: read again it is what it is. */
function isAsWritten(rule: RuleSpec, printing: Printing): boolean {
  const { origin } = rule;
  const { texts } = printing;
  if (texts && (origin?.conditions !== undefined || texts.get(rule) !== undefined)) return true;
  if (!origin?.saved) return false;
  const words = printConditions(rule, printing);
  if (!isAppend(origin.text, words)) return false;
  texts?.set(rule, words);
  return true;
}

/** A chain that was given the name of a target changes what the rules of its table mean when they are read. */
const hidesTarget = (table: TableSpec, { printing, family }: Ruleset): boolean =>
  printing.lookup.names('target', family).some((target) => chainOf(table, target) !== undefined);

/** Whether a line says `-A CHAIN` and these words, perhaps behind counters. */
function isAppend(line: string, words: string): boolean {
  const name = line.lastIndexOf(' ', line.length - words.length - 1) + 1;
  return line.endsWith(words) && line.startsWith('-A ', name - 3) && (name === 3 || line.startsWith('] ', name - 5));
}

function* rulesOf(table: TableSpec): Generator<RuleSpec> {
  for (const chain of orderedChains(table)) yield* chain.rules;
}

const withOnly = (table: TableSpec, rules: ReadonlySet<RuleSpec>): TableSpec => ({
  ...table,
  chains: new Map(
    [...table.chains].map(([name, chain]) => [
      name,
      { ...chain, rules: chain.rules.filter((rule) => rules.has(rule)) },
    ]),
  ),
});

/** The rule as its text is read without the parser; undefined: it is one for the grammar. */
function quickBack(reader: QuickReader, chain: string, rule: RuleSpec, printing: Printing): RuleSpec | undefined {
  const words = printConditions(rule, printing);
  const line = `-A ${chain}${words}`;
  const read = line.includes('\n') ? undefined : reader.read(line, 0, line.length, 1, false);
  return read?.chain === chain && printConditions(read.rule, printing) === words ? read.rule : undefined;
}

async function parsedBack({ family, printing: { lookup, names } }: Ruleset, table: TableSpec): Promise<TableSpec> {
  const { restore } = await theRestore();
  const printed = new Ruleset(family, { lookup, names });
  printed.adopt(table);
  const text = printed.save({ counters: true });
  const read = new Ruleset(family, { lookup, names });
  const { diagnostics } = restore(text, read, { program: 'restore', counters: true });
  const [wrong] = diagnostics;
  if (!wrong && read.save({ counters: true }) === text) return read.table(table.name)!;
  const lines = text.split('\n');
  const back = new Set(read.save({ counters: true }).split('\n'));
  const line = wrong?.text ?? lines.find((one) => !back.has(one)) ?? '';
  throw new NotStorable(`a save file cannot hold this rule: ${line}`);
}
