// Results of test files in the forms that people and machines read: plain text, TAP 14, JUnit XML, GitHub annotations.

import type { RowResult } from './suite-run.ts';

/** Failures in full, and a last line with the numbers. */
export function textReport(rows: readonly RowResult[]): string {
  let text = '';
  for (const { file, line, group, text: row, failure } of rows) {
    if (failure === undefined) continue;
    text += `FAIL ${file}:${line}  ${group}\n  ${row}\n\n${indented(failure, '    ')}\n`;
  }
  return `${text}${summary(rows)}\n`;
}

export function summary(rows: readonly RowResult[]): string {
  const failed = rows.filter(({ failure }) => failure !== undefined).length;
  return `${rows.length - failed} passed, ${failed} failed`;
}

/** testanything.org, version 14. */
export function tapReport(rows: readonly RowResult[]): string {
  const lines = ['TAP version 14', `1..${rows.length}`];
  for (const [index, { group, text, failure, file, line }] of rows.entries()) {
    const name = `${group}: ${text}`.replace(/[#\\]/g, '\\$&').replace(/\n/g, ' ');
    lines.push(`${failure === undefined ? 'ok' : 'not ok'} ${index + 1} - ${name}`);
    if (failure === undefined) continue;
    lines.push(
      '  ---',
      `  at: ${JSON.stringify(`${file}:${line}`)}`,
      '  message: |',
      indented(failure, '    ').trimEnd(),
      '  ...',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** As CI services read it: a suite for each file, a case for each row. */
export function junitReport(rows: readonly RowResult[]): string {
  const files = [...new Set(rows.map(({ file }) => file))];
  const suites = files.map((file) => {
    const own = rows.filter((row) => row.file === file);
    const failed = own.filter(({ failure }) => failure !== undefined).length;
    const time = seconds(own.reduce((sum, { ms }) => sum + ms, 0));
    const head = `  <testsuite name="${escaped(file)}" tests="${own.length}" failures="${failed}" errors="0" skipped="0" time="${time}">\n`;
    return `${head}${own.map(junitCase).join('')}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`;
}

function junitCase({ group, text, file, line, failure, ms }: RowResult): string {
  const head = `    <testcase classname="${escaped(group)}" name="${escaped(text)}" file="${escaped(file)}" line="${line}" time="${seconds(ms)}"`;
  if (failure === undefined) return `${head}/>\n`;
  const [first] = failure.split('\n');
  return `${head}>\n      <failure message="${escaped(first)}">${escaped(failure)}</failure>\n    </testcase>\n`;
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(3);

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML knows no control characters but tab and line end. */
const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ENTITIES[character]).replace(/[\0-\x08\x0b-\x1f]/g, '?');

/** Workflow commands: each failure shows up at its line of the test file. */
export const githubReport = (rows: readonly RowResult[]): string =>
  rows
    .flatMap(({ file, line, group, failure }) =>
      failure === undefined
        ? []
        : [`::error file=${property(file)},line=${line},title=${property(group)}::${data(failure)}\n`],
    )
    .join('');

const data = (text: string): string => text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
const property = (text: string): string => data(text).replace(/:/g, '%3A').replace(/,/g, '%2C');

const indented = (text: string, indent: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? line : indent + line))
    .join('\n')
    .concat('\n');
