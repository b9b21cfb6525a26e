// The comparison of two rule sets as text.

import type { RuleChange, RuleComparison, RuleDecision } from './compare.ts';

/** Descriptions of packets told of one change. */
const MOST_PACKETS = 8;

export function comparisonText(comparison: RuleComparison): string {
  const { changes, unseen, removed, added } = comparison;
  const blocks = changes.map(changeText).join('\n');
  const missed = unseen
    .map((what) => `too much to look at: ${what}; replay a capture with --against, or test it\n`)
    .join('');
  const edits = `${removed.length} ${removed.length === 1 ? 'rule' : 'rules'} gone, ${added.length} new`;
  return `${blocks}${blocks && '\n'}${missed}${edits}: ${verdict(changes.length, unseen.length)}\n`;
}

function verdict(changes: number, unseen: number): string {
  if (changes > 0) return `packets fare otherwise in ${changes} ${changes === 1 ? 'way' : 'ways'}`;
  return unseen > 0 ? 'no difference in what was looked at' : 'every packet fares as before';
}

function changeText({ family, table, hook, before, after, packets, example }: RuleChange): string {
  const list = packets.slice(0, MOST_PACKETS).map((text) => `    ${text}\n`);
  if (packets.length > MOST_PACKETS) list.push(`    ... and ${packets.length - MOST_PACKETS} more\n`);
  return [
    `IPv${family} ${table} ${hook}: ${fateText(before)} before, now ${fateText(after)}\n`,
    linesText('-', before),
    linesText('+', after),
    '  packets:\n',
    ...list,
    example === undefined ? '' : `  such as: ${example}\n`,
  ].join('');
}

const fateText = ({ verdict: text, effects }: RuleDecision): string =>
  effects.length === 0 ? text : `${effects.join(', ')}, then ${text}`;

/** Rules of one side. */
const MOST_RULES = 5;

function linesText(mark: '-' | '+', { by }: RuleDecision): string {
  const lines = by.slice(0, MOST_RULES).map(({ rule, file, line }) => {
    return `  ${mark} ${rule}${line > 0 ? `   [${file}:${line}]` : ''}\n`;
  });
  return `${lines.join('')}${by.length > MOST_RULES ? `  ${mark} ... and ${by.length - MOST_RULES} more\n` : ''}`;
}
