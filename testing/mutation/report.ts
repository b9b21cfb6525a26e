// Results of mutation testing for people: each survivor as the difference that the tests did not notice.

import type { MutantResult, MutationResult } from './mutate.ts';

export function mutationText(result: MutationResult, { all = false }: { all?: boolean } = {}): string {
  const shown = all ? result.mutants.filter(({ status }) => status !== 'killed') : result.survivors;
  const stale = result.stale.map(
    ({ kind, rule }) => `accepted, but no such mutant survives any more: ${kind}\n  ${rule}\n`,
  );
  return `${shown.map(diffText).join('\n')}${shown.length > 0 ? '\n' : ''}${stale.join('')}${summaryText(result)}`;
}

export function diffText({
  kind,
  status,
  file,
  line,
  before,
  after,
  tried,
  family,
  table,
  reason,
}: MutantResult): string {
  const place = line > 0 ? `${file}:${line}` : file;
  const removed = before.map((text) => `  - ${text}\n`).join('');
  const added = after.map((text) => `  + ${text}\n`).join('');
  return `${status}: ${kind}   ${place}  (IPv${family} ${table})\n${removed}${added}${remark(status, tried, reason)}`;
}

function remark(status: MutantResult['status'], tried: number, reason: string | undefined): string {
  if (status === 'accepted') return `  ${reason}\n`;
  if (status === 'equivalent') return '  no packet can tell the difference\n';
  if (tried === 0) return '  no packet of the tests comes to it\n';
  return `  ${tried} ${tried === 1 ? 'test comes' : 'tests come'} to it, and ${tried === 1 ? 'does' : 'do'} not notice\n`;
}

export function summaryText(result: MutationResult): string {
  const { mutants, ms, score } = result;
  const others = (['equivalent', 'accepted'] as const)
    .filter((status) => result.count(status) > 0)
    .map((status) => `, ${result.count(status)} ${status}`);
  const speed = ms > 0 ? Math.round((1_000 * mutants.length) / ms) : 0;
  return `${mutants.length} mutants: ${result.count('killed')} killed, ${result.count('survived')} survived${others.join('')}; score ${score.toFixed(1)} % (${speed} mutants a second)\n`;
}
