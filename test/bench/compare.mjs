// Two or more runs of a bench side by side, from the files that --json wrote.
//
//   node test/bench/compare.mjs OLD.json NEW.json                      every figure, and new divided by old
//   node test/bench/compare.mjs --html trend.html A.json B.json ...    lines over all runs, oldest first, as one page of SVG
//
// Rows are the same when everything in them that is no figure is. Figures are numbers with a fraction, and those named below.

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { html: { type: 'string' } } });

/** What identifies a row; everything else that is a number is a figure. */
const NAMES = ['shape', 'family', 'rules', 'mode', 'approach', 'name', 'streams', 'forwarder'];

const runs = positionals.map((file) => ({ file, ...JSON.parse(readFileSync(file, 'utf8')) }));
if (runs.length < 2) {
  console.error('usage: compare.mjs [--html FILE] OLD.json NEW.json [...]');
  process.exit(2);
}

const nameOf = (row) =>
  NAMES.filter((name) => row[name] !== undefined)
    .map((name) => (name === 'family' ? `IPv${row[name]}` : row[name]))
    .join(' ');
const figuresOf = (row) =>
  Object.entries(row).filter(
    ([name, value]) => typeof value === 'number' && !NAMES.includes(name) && name !== 'spread',
  );

/** By row and figure: the value in each run. */
function series() {
  const all = new Map();
  for (const [index, run] of runs.entries()) {
    for (const row of run.rows) {
      for (const [figure, value] of figuresOf(row)) {
        const name = `${nameOf(row)}: ${figure}`;
        if (!all.has(name)) all.set(name, new Array(runs.length).fill(undefined));
        all.get(name)[index] = value;
      }
    }
  }
  return all;
}

const machine = ({ file, date, machine: { cpu, cores, kernel, node, load } }) =>
  `${file}: ${date.slice(0, 16)}, ${cpu} x ${cores}, Linux ${kernel}, Node ${node}, load ${load.toFixed(1)}`;
const round = (value) => (value === undefined ? '-' : value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function table() {
  for (const run of runs) console.log(machine(run));
  console.log('\n    old        new      ratio');
  for (const [name, list] of series()) {
    const [old, recent] = [list[0], list.at(-1)];
    const ratio = old && recent ? recent / old : undefined;
    console.log(
      `${round(old).padStart(9)}  ${round(recent).padStart(9)}  ${(ratio?.toFixed(2) ?? '-').padStart(8)}  ${name}`,
    );
  }
}

const escaped = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** One small chart: values over the runs, from zero to the largest. */
function chart(name, list) {
  const [width, height] = [220, 70];
  const known = list.filter((value) => value !== undefined);
  const most = Math.max(...known) || 1;
  const x = (index) => (runs.length === 1 ? 0 : (index * (width - 10)) / (runs.length - 1)) + 5;
  const y = (value) => height - 5 - (value / most) * (height - 15);
  const points = list.flatMap((value, index) =>
    value === undefined ? [] : [`${x(index).toFixed(1)},${y(value).toFixed(1)}`],
  );
  const dots = points
    .map((point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="2.5"/>`)
    .join('');
  return `<figure><figcaption>${escaped(name)}<br><b>${round(known.at(-1))}</b> (first ${round(known[0])})</figcaption>
<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><path d="M5 ${height - 5}H${width - 5}" stroke="#bbb"/><polyline points="${points.join(' ')}" fill="none" stroke="#06c"/>${dots}</svg></figure>`;
}

function page() {
  const charts = [...series()].map(([name, list]) => chart(name, list)).join('\n');
  return `<!doctype html><meta charset="utf-8"><title>${escaped(runs[0].bench)}: ${runs.length} runs</title>
<style>body{font:13px sans-serif}figure{display:inline-block;margin:8px;width:230px;vertical-align:top}circle{fill:#06c}</style>
<h1>${escaped(runs[0].bench)}</h1><ol>${runs.map((run) => `<li>${escaped(machine(run))}</li>`).join('')}</ol>
${charts}
`;
}

if (values.html) writeFileSync(values.html, page());
else table();
