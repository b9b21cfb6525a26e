// Coverage for readers: a table, lcov, one page of HTML.

import type { Coverage, CoveredLine, MeasureName, Tried } from './coverage.ts';

export const NAMES: Readonly<Record<MeasureName, string>> = {
  rules: 'rules',
  policies: 'policies',
  predicates: "conditions' answers",
  edges: 'ways back from chains',
  states: 'ctstates named',
};

const percent = (value: number): string => `${value.toFixed(1)} %`;
const isMissed = ({ number, packets }: CoveredLine): boolean => number !== undefined && packets === 0;

// --- Text ------------------------------------------------------------------------------------------------------------------

export function text(coverage: Coverage, withGaps: boolean): string {
  const { all, measures } = coverage;
  const width = Math.max(7, ...all.map(({ packets }) => String(packets).length));
  let lines = '';
  let heading = '';
  for (const line of all) {
    const here = `IPv${line.family} ${line.table}`;
    if (here !== heading) lines += `${here}\n`;
    heading = here;
    const where = line.line > 0 ? `  ${line.file}:${line.line}` : '';
    lines += `${isMissed(line) ? '!' : ' '} ${String(line.packets).padStart(width)}  ${line.text}${where}\n`;
    if (withGaps)
      lines += gapsOf(line)
        .map((gap) => `${' '.repeat(width + 6)}${gap}\n`)
        .join('');
  }
  const others = (['policies', 'predicates', 'edges', 'states'] as const)
    .filter((name) => measures[name].of > 0)
    .map((name) => `${measures[name].reached} of ${measures[name].of} ${NAMES[name]}`);
  const { reached, of, percent: share } = measures.rules;
  return `${lines}${others.length > 0 ? `${others.join(', ')}\n` : ''}${reached} of ${of} rules reached (${percent(share)})\n`;
}

/** What was not tried of a line that was reached. */
function gapsOf({ packets, predicates, edges, states }: CoveredLine): string[] {
  if (packets === 0) return [];
  const never = (list: readonly Tried[], say: (text: string, outcome: string) => string): string[] =>
    list.flatMap(({ text: of, outcomes }) =>
      Object.entries(outcomes).flatMap(([outcome, number]) => (number === 0 ? [say(of, outcome)] : [])),
    );
  return [
    ...never(predicates, (of, outcome) => `never ${outcome}: ${of}`),
    ...never(edges, (of) => `never ${of}`),
    ...never(states, (of) => `never with ctstate ${of}`),
  ];
}

export function gaps(coverage: Coverage): string {
  let lines = '';
  for (const line of coverage.all) {
    const found = isMissed(line) ? ['never reached'] : gapsOf(line);
    if (found.length === 0) continue;
    const where = line.line > 0 ? `   [${line.file}:${line.line}]` : '';
    lines += `  ${line.text}${where}\n${found.map((gap) => `      ${gap}\n`).join('')}`;
  }
  return lines;
}

// --- lcov ------------------------------------------------------------------------------------------------------------------

/** man 1 geninfo. Lines are rules and policies, branches the answers of their conditions, functions the chains. */
export function lcov({ all }: Coverage): string {
  return [...byFile(all)].map(([file, lines]) => record(file, lines)).join('');
}

function byFile(all: readonly CoveredLine[]): Map<string, CoveredLine[]> {
  const files = new Map<string, CoveredLine[]>();
  for (const line of all) {
    if (line.line > 0) files.set(line.file, [...(files.get(line.file) ?? []), line]);
  }
  return files;
}

function record(file: string, lines: readonly CoveredLine[]): string {
  const counted = new Map<number, number>();
  for (const { line, packets } of lines) counted.set(line, (counted.get(line) ?? 0) + packets);
  const sorted = [...counted].sort(([a], [b]) => a - b);
  const data = sorted.map(([line, packets]) => `DA:${line},${packets}\n`).join('');
  const hit = sorted.filter(([, packets]) => packets > 0).length;
  return `TN:\nSF:${file}\n${chains(lines)}${branches(lines)}${data}LF:${sorted.length}\nLH:${hit}\nend_of_record\n`;
}

/** A chain is entered at its first rule. */
function chains(lines: readonly CoveredLine[]): string {
  const first = lines.filter(({ number }) => number === 1);
  if (first.length === 0) return '';
  const name = ({ family, table, chain }: CoveredLine): string => `IPv${family} ${table} ${chain}`;
  const entered = (line: CoveredLine): number => {
    const [asked] = line.predicates;
    return asked ? asked.outcomes.yes + asked.outcomes.no : line.packets;
  };
  const heads = first.map((line) => `FN:${line.line},${name(line)}\n`).join('');
  const counts = first.map((line) => `FNDA:${entered(line)},${name(line)}\n`).join('');
  return `${heads}${counts}FNF:${first.length}\nFNH:${first.filter((line) => entered(line) > 0).length}\n`;
}

function branches(lines: readonly CoveredLine[]): string {
  let found = 0;
  let hit = 0;
  let data = '';
  for (const { line, predicates, edges, states } of lines) {
    for (const [block, { outcomes }] of [...predicates, ...edges, ...states].entries()) {
      for (const [branch, number] of Object.values(outcomes).entries()) {
        found++;
        if (number > 0) hit++;
        data += `BRDA:${line},${block},${branch},${number}\n`;
      }
    }
  }
  return found === 0 ? '' : `${data}BRF:${found}\nBRH:${hit}\n`;
}

// --- HTML ------------------------------------------------------------------------------------------------------------------

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (of: string): string => of.replace(/[&<>"]/g, (character) => ENTITIES[character]);

/** Stands alone: no script, nothing from elsewhere. */
export function html(coverage: Coverage): string {
  const { measures, sources, all } = coverage;
  const rows = (Object.keys(NAMES) as MeasureName[])
    .filter((name) => measures[name].of > 0)
    .map((name) => {
      const { reached, of, percent: share } = measures[name];
      const grade = share === 100 ? 'full' : share >= 80 ? 'some' : 'none';
      return `<tr class="${grade}"><th>${escaped(NAMES[name])}</th><td>${reached} of ${of}</td><td>${percent(share)}</td></tr>`;
    });
  const files = [...sources].map(([name, source]) =>
    fileHtml(
      name,
      source,
      all.filter((line) => line.file === name),
    ),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Rule coverage</title>
<meta name="viewport" content="width=device-width">
<style>${STYLE}</style></head>
<body><h1>Rule coverage</h1>
<table class="sum">${rows.join('')}</table>
${files.join('\n')}
</body></html>
`;
}

function fileHtml(name: string, source: string, lines: readonly CoveredLine[]): string {
  const rows = source
    .trimEnd()
    .split('\n')
    .map((textLine, index) => {
      const own = lines.filter(({ line }) => line === index + 1);
      return lineHtml(index + 1, textLine, own);
    });
  return `<h2>${escaped(name)}</h2>\n<table class="file">\n${rows.join('\n')}\n</table>`;
}

function lineHtml(number: number, source: string, own: readonly CoveredLine[]): string {
  const packets = own.reduce((total, line) => total + line.packets, 0);
  const found = own.flatMap(gapsOf);
  const grade =
    own.length === 0
      ? ''
      : packets === 0
        ? own.every(isMissed)
          ? 'none'
          : 'idle'
        : found.length > 0
          ? 'some'
          : 'full';
  const details = own.length === 0 ? '' : detailsHtml(own, found);
  const count = own.length === 0 ? '' : String(packets);
  return `<tr class="${grade}" id="L${number}"><td class="n">${number}</td><td class="c">${count}</td><td><code>${escaped(source)}</code>${details}</td></tr>`;
}

function detailsHtml(own: readonly CoveredLine[], found: readonly string[]): string {
  const list = own.flatMap(({ predicates, edges, states, ctstates }) => [
    ...predicates.map(
      ({ text: of, outcomes }) => `<li><code>${escaped(of)}</code> yes ${outcomes.yes}, no ${outcomes.no}</li>`,
    ),
    ...edges.map(({ text: of, outcomes }) => `<li>${escaped(of)}: ${outcomes.seen}</li>`),
    ...states.map(({ text: of, outcomes }) => `<li>ctstate ${of}: ${outcomes.seen}</li>`),
    ...Object.entries(ctstates).map(([state, seen]) => `<li>matched ${seen} ${escaped(state)}</li>`),
  ]);
  if (list.length === 0) return '';
  const head = found.length > 0 ? found.map(escaped).join('; ') : 'all tried';
  return `<details><summary>${head}</summary><ul>${list.join('')}</ul></details>`;
}

const STYLE = `
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:78rem;padding:0 1rem;color:#1c1c1c;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse}.sum th{text-align:left;font-weight:500}.sum td,.sum th{padding:.15rem .9rem .15rem 0}
.sum td{font-variant-numeric:tabular-nums}
.file{width:100%}.file td{vertical-align:top;padding:.1rem .5rem}
.n,.c{text-align:right;color:#666;font-variant-numeric:tabular-nums;width:3rem}
code{font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.full td.c{background:#d8f0d8}.some td.c{background:#f8ecc0}.none td{background:#fbdcdc}.none td.c{background:#f2b5b5}
.sum .full td:last-child{color:#186418}.sum .some td:last-child{color:#7a5a00}.sum .none td{background:none}.sum .none td:last-child{color:#a01818}
details{color:#555;font-size:13px}summary{cursor:pointer}ul{margin:.2rem 0 .4rem}
@media (prefers-color-scheme:dark){body{background:#16181a;color:#ddd}.n,.c,details{color:#999}.full td.c{background:#1d4023}.some td.c{background:#4d4212}.none td{background:#43201f}.none td.c{background:#6b2523}.sum .full td:last-child{color:#7ed08a}.sum .some td:last-child{color:#e3c35a}.sum .none td:last-child{color:#f08a84}}
`;
