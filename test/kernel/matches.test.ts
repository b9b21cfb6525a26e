// The texts of all matches beside the real tools: every row of test/matches, and random option combinations, through
// ip(6)tables-legacy-restore, -save and -L; byte for byte, refusals with their first line and exit code.
// SEKISHO_SEED and SEKISHO_CASES choose the random ones.

import { describe, expect, test } from 'vitest';
import { hostNames } from '../../control/host-names.ts';
import { apply, Ruleset } from '../../engine/edit/ruleset.ts';
import { Registry } from '../../engine/registry.ts';
import { RuleError } from '../../grammar/error.ts';
import { listRule } from '../../grammar/list.ts';
import type { Names } from '../../grammar/names.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { printConditions } from '../../grammar/print.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import { unmark } from '../../testing/marks.ts';
import type { Sheet } from '../matches/sheet.ts';
import { allSheets } from '../matches/sheets.ts';
import { Dice } from './dice.ts';
import { type Answer, anyRule, askRules, isRefused } from './real-rules.ts';
import { probe, ready } from './support.ts';

/** Rows that are ours on purpose. */
const DIFFERS: readonly (readonly [match: string, row: string, reason: string])[] = [
  ['time', '--datestart 1970-', 'a date before 1970 ends the tool with exit code 1, as if the kernel had refused'],
  ['string', '--algo bm --string caf\ufffd', 'the tool looks for the octets that it is given; ours has them as text'],
  ['string', '--algo bm --hex-string "\ufffd|00|"', 'the same'],
  ['hashlimit', '--hashlimit 68719476720b/s --hashlimit-name a', 'the tool divides by zero and dies'],
  ['hashlimit', '--hashlimit 5b/s --hashlimit-burst 5 --hashlimit-name a', 'the tool divides by zero and dies'],
];

const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const cases = Number(process.env.SEKISHO_CASES ?? 120);
const lookup = new Registry({ matches });
const hosts = hostNames();

function ours(rule: string, family: Family, { set }: Partial<Names> = {}): Answer {
  const names: Names = { ...hosts, set };
  const printing = { lookup, names };
  try {
    const ruleset = new Ruleset(family, { lookup, names });
    const draft = ruleset.open('mangle')!;
    draft.newChain('c0');
    const command = parseCommand(`-A c0 ${rule}`, { family, lookup, names, table: 'mangle' });
    apply(command, draft, printing);
    const [spec] = draft.chain('c0').rules;
    ruleset.commit(draft);
    const options = { verbose: false, exact: false, lineNumbers: false };
    const list = (numeric: boolean): string =>
      listRule(spec, 1, { packets: 0, bytes: 0 }, printing, { ...options, numeric });
    return { saved: printConditions(spec, printing).slice(1), numeric: list(true), named: list(false) };
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    // What the kernel refuses has no reason in a restore.
    return { message: error.code === 1 ? '' : error.message, code: error.code };
  }
}

/** The words behind `-A CHAIN` of a row: frame, -m, options. */
function ruleOf({ match, rows }: Sheet, row: string): string {
  const cut = row.indexOf(';');
  const frame = cut < 0 ? (rows.frame ?? '') : row.slice(0, cut).trim();
  const options = cut < 0 ? row : row.slice(cut + 1).trim();
  return [frame, `-m ${match.name}`, options].filter((part) => part !== '').join(' ');
}

const text = (answer: Answer): string =>
  isRefused(answer)
    ? `refused, ${answer.code}: ${answer.message}`
    : `${answer.saved}\n${answer.numeric}\n${answer.named}`;

function compare(sheet: Sheet, family: Family, options: readonly string[]): void {
  const rules = options.map((row) => ruleOf(sheet, row));
  const { setup, lacking } = sheet;
  const real = askRules(family, rules, { setup, ...(lacking !== undefined && { preload: library() }) });
  const wrong = rules
    .map((rule, index) => ({ rule, real: text(real[index]), ours: text(ours(rule, family, sheet.rows.names)) }))
    .filter((one) => one.real !== one.ours);
  expect(wrong.slice(0, 8), `${wrong.length} of ${rules.length} differ`).toEqual([]);
}

/** So many, or as many as there are. */
function different(generate: () => string): string[] {
  const rows = new Set<string>();
  for (let tries = 0; rows.size < cases && tries < 20 * cases; tries++) rows.add(generate());
  return [...rows];
}

const differs = ({ match }: Sheet, row: string): boolean =>
  DIFFERS.some(([name, text]) => name === match.name && text === row);

let built: string | undefined;
const library = (): string => (built ??= anyRule()!);
const compiler = probe('gcc');

const tools = probe(
  'iptables-legacy-restore',
  'ip6tables-legacy-restore',
  'iptables-legacy-save',
  'ip6tables-legacy-save',
);

describe.skipIf(!ready('texts of matches beside the real tools', tools))(`seed ${seed}`, async () => {
  for (const sheet of await allSheets()) {
    const what = `text of -m ${sheet.match.name}, which kernels lack (${sheet.lacking})`;
    if (sheet.lacking !== undefined && !ready(what, compiler)) continue;
    for (const family of sheet.match.families) {
      const rows = (sheet.rows.rules ?? []).filter((row) => row[2] === undefined || row[2] === family);
      test(`-m ${sheet.match.name} IPv${family}: rows`, () => {
        compare(
          sheet,
          family,
          rows.map(([row]) => unmark(row).text).filter((row) => !differs(sheet, row)),
        );
      });
      const { generate } = sheet;
      if (!generate) continue;
      test(`-m ${sheet.match.name} IPv${family}: random options`, () => {
        const dice = new Dice(seed + family);
        compare(
          sheet,
          family,
          different(() => generate(dice, family)),
        );
      });
    }
  }
});
