// All kept runs as one page that needs nothing else: a table for each bench, a row for what was measured, in each cell the last figure under a
// line through all of them. Dots are runs; a hollow one was measured beside other work.

import { byBench, type Line, type Run, series, short, when } from './kept.ts';
import { describe } from './results.ts';

const [WIDTH, HEIGHT, EDGE] = [110, 30, 4];

/** A bench in one process makes a load of one, the wire benches keep all cores busy. */
const isBusy = ({ machine, bench }: Run): boolean => machine.load > (bench === 'inline' ? machine.cores + 1 : 1.5);

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** From zero to the largest, so that heights compare. */
function drawn(runs: readonly Run[], line: Line, name: string): string {
  const most = Math.max(...line.map((value) => value ?? 0)) || 1;
  const x = (index: number): number => EDGE + (index * (WIDTH - 2 * EDGE)) / Math.max(1, runs.length - 1);
  const y = (value: number): number => HEIGHT - EDGE - (Math.max(0, value) / most) * (HEIGHT - 2 * EDGE);
  const dots = line.flatMap((value, index) =>
    value === undefined ? [] : [{ x: x(index).toFixed(1), y: y(value).toFixed(1), value, run: runs[index] }],
  );
  const path = dots.map((dot) => `${dot.x},${dot.y}`).join(' ');
  const circles = dots.map(({ x: cx, y: cy, value, run }) => {
    const title = `${short(value)}: ${when(run)}, load ${run.machine.load.toFixed(1)}`;
    return `<circle cx="${cx}" cy="${cy}" r="2.5"${isBusy(run) ? ' class="busy"' : ''}><title>${title}</title></circle>`;
  });
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
  return `<svg ${size}><title>${escaped(name)}</title><polyline points="${path}"/>${circles.join('')}</svg>`;
}

function cell(runs: readonly Run[], name: string, line: Line = []): string {
  const known = line.filter((value) => value !== undefined);
  if (known.length === 0) return '<td></td>';
  const [first, last] = [known[0], known[known.length - 1]];
  const change = known.length > 1 && first !== 0 ? ` <small>x ${(last / first).toFixed(2)}</small>` : '';
  return `<td>${drawn(runs, line, name)}<br>${short(last)}${change}</td>`;
}

function section(bench: string, runs: readonly Run[]): string {
  const rows = series(runs);
  const figures = [...new Set([...rows.values()].flatMap((row) => [...row.keys()]))];
  const body = [...rows].map(([name, row]) => {
    const cells = figures.map((figure) => cell(runs, `${name}: ${figure}`, row.get(figure)));
    return `<tr><th>${escaped(name)}</th>${cells.join('')}</tr>`;
  });
  const machines = runs.map((run) => `<li>${escaped(`${when(run)}, ${describe(run.machine)}`)}</li>`);
  return `<h2>${escaped(bench)}</h2>
<ol>${machines.join('')}</ol>
<table><thead><tr><th></th>${figures.map((figure) => `<th>${escaped(figure)}</th>`).join('')}</tr></thead>
<tbody>${body.join('\n')}</tbody></table>`;
}

const STYLE = `:root{color-scheme:light dark;--line:#06c}body{font:13px/1.4 system-ui,sans-serif;margin:2em}
table{border-collapse:collapse}th,td{padding:3px 10px;text-align:left;vertical-align:bottom;border-bottom:1px solid #8884;white-space:nowrap}
thead th{position:sticky;top:0;background:Canvas}tbody th{font-weight:normal}small{opacity:.6}
polyline{fill:none;stroke:var(--line)}circle{fill:var(--line);stroke:var(--line)}circle.busy{fill:Canvas}`;

/** `runs`: oldest first. */
export const trendPage = (runs: readonly Run[]): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Sekisho: benches</title><style>${STYLE}</style>
<h1>Benches, run by run</h1>
<p>Oldest first; the figure is the last one, the factor is last by first. Hollow dots: other work ran on the machine.</p>
${[...byBench(runs)].map(([bench, own]) => section(bench, own)).join('\n')}
</html>
`;
