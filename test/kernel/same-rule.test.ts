// What -C and -D take for the same rule: the real tool compares what its extensions told it to, which is not always all. For each match and
// target one rule after the other stands in a chain, and each of the others is asked for: with -C, or -D where it is ip6tables, whose -C of 1.8.9 forgets
// to compare what matches and targets hold (docs/differences.md).

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { helpers } from '../../conntrack/helpers/index.ts';
import { sameRule } from '../../engine/edit/same-rule.ts';
import { Registry } from '../../engine/registry.ts';
import type { Names } from '../../grammar/names.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import type { TableName } from '../../grammar/tables.ts';
import { splitWords } from '../../grammar/words.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import { targets } from '../../targets/index.ts';
import type { RuleRow } from '../../testing/ext-cases.ts';
import { unmark } from '../../testing/marks.ts';
import { allSheets } from '../matches/sheets.ts';
import { subjects } from '../targets/rows/index.ts';
import { names, type Subject } from '../targets/rows/subject.ts';
import { probe, ready, toolEnvironment } from './support.ts';

const registry = new Registry({ matches, targets, helpers });
const machine = probe('iptables-legacy', 'ip6tables-legacy');
/** Matches that the tool's extension forgets to say the size of: it finds any rule with the same match. Differs: docs/differences.md. */
const NEVER_COMPARED = ['connlabel', 'helper'];
/** So many rows of each. */
const MOST = 6;

interface Case {
  readonly family: Family;
  readonly table: TableName;
  /** `-A CHAIN` stands in front. */
  readonly chain: string;
  readonly setup: string;
  readonly names: Names;
  readonly rules: readonly string[];
}

const quoted = (text: string): string =>
  splitWords(text, 0, text.length)
    .map(({ text: word }) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ');

/** For each rule that the kernel takes: which of all are found. */
function asked({ family, table, chain, setup, rules }: Case): (string | undefined)[] {
  const program = `${family === 4 ? 'iptables' : 'ip6tables'}-legacy -t ${table}`;
  const script = rules.flatMap((rule) => {
    const made = `${program} -A ${chain} ${quoted(rule)}`;
    const ask = (other: string): string =>
      family === 4
        ? `${program} -C ${chain} ${quoted(other)}; echo -n $? >&3`
        : `${program} -D ${chain} ${quoted(other)}; found=$?; echo -n $found >&3; [ $found != 0 ] || ${made}`;
    return [`${program} -F ${chain}`, `if ${made}; then`, ...rules.map(ask), 'else echo -n refused >&3; fi; echo >&3'];
  });
  const lines = [setup, ...(/^c\d/.test(chain) ? [`${program} -N ${chain}`] : []), ...script];
  const { output } = spawnSync('unshare', ['-n', 'sh', '-c', lines.join('\n')], {
    encoding: 'utf8',
    env: toolEnvironment(),
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  return (output[3] ?? '')
    .split('\n')
    .slice(0, rules.length)
    .map((line) => (line === 'refused' ? undefined : line));
}

function ours({ family, table, names, rules }: Case): string[] {
  const specs = rules.map((rule): RuleSpec => {
    const parsed = parseCommand(`-A c0 ${rule}`, { family, lookup: registry, names, table });
    if (parsed.kind !== 'append') throw new Error(rule);
    return parsed.rules[0];
  });
  return specs.map((one) => specs.map((other) => (sameRule(one, other) ? 0 : 1)).join(''));
}

function compare(given: Case): void {
  const [kernel, mine] = [asked(given), ours(given)];
  const { rules } = given;
  const wrong = rules.flatMap((rule, at) =>
    rules.flatMap((other, index) => {
      const found = kernel[at]?.[index];
      if (found === undefined || (found === '0') === (mine[at][index] === '0')) return [];
      return [`-A ${rule} -C ${other}: kernel ${found}, ours ${mine[at][index]}`];
    }),
  );
  expect(wrong).toEqual([]);
}

/** Different ones of those that are taken, in words that both families of a row have. */
const taken = (rows: readonly RuleRow[], family: Family): string[] => {
  const good = rows.filter(([, answer, only]) => typeof answer === 'string' && (only ?? family) === family);
  const by = new Map(good.map(([row, answer]) => [answer === '=' ? row : String(answer), unmark(row).text]));
  const all = [...by.values()];
  const step = Math.max(1, Math.ceil(all.length / MOST));
  return all.filter((_, index) => index % step === 0);
};

const rest = ({ frame = '' }: { frame?: string }, row: string, words: string): string => {
  const cut = row.indexOf(';');
  const [before, options] = cut < 0 ? [frame, row] : [row.slice(0, cut), row.slice(cut + 1)];
  return [before, words, options]
    .map((part) => part.trim())
    .join(' ')
    .trim();
};

describe.skipIf(!ready('what -C compares', machine))('-C finds what the real tool finds', async () => {
  for (const { match, rows, setup = [], lacking } of await allSheets()) {
    if (lacking !== undefined) continue;
    for (const family of match.families) {
      if (NEVER_COMPARED.includes(match.name)) continue;
      const rules = taken(rows.rules ?? [], family).map((row) => rest(rows, row, `-m ${match.name}`));
      const given = { table: 'mangle', chain: 'c0', setup: setup.join('\n'), names: rows.names ?? names } as const;
      test(`-m ${match.name} IPv${family}`, () => compare({ ...given, family, rules }));
    }
  }
  for (const subject of subjects as readonly Subject[]) {
    const { target, table, chain, setup, notInKernel, sharedInKernel } = subject;
    if (notInKernel || sharedInKernel) continue;
    for (const family of target.families) {
      const rules = taken(subject.rules, family).map((row) => rest(subject, row, `-j ${target.name}`));
      test(`-j ${target.name} IPv${family}`, () =>
        compare({ family, table, chain, setup: setup?.(family) ?? '', names, rules }));
    }
  }
});
