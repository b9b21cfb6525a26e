// Prometheus' text format, read strictly: what its own parser refuses is refused here.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details

export interface Family {
  type: string;
  help: string;
  samples: { labels: Record<string, string>; value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;

/** Throws for anything that is not as it must be: a family twice, samples outside of theirs, a series twice, escapes, numbers. */
export function readExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const series = new Set<string>();
  let open: string | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, keyword, of, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (!NAME.test(of) || families.has(of)) throw new Error(`${line}: a family stands once`);
      families.set(of, { type: '', help: rest, samples: [] });
      open = of;
    } else if (keyword === 'TYPE') {
      const family = families.get(of);
      if (of !== open || !family || family.type !== '' || family.samples.length > 0)
        throw new Error(`${line}: out of place`);
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(`${line}: no type`);
      family.type = rest;
    } else readSample(line, open, families, series);
  }
  return families;
}

function readSample(line: string, open: string | undefined, families: Map<string, Family>, series: Set<string>): void {
  const [, name, labelText = '', valueText] = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  const family = name === open ? families.get(name) : undefined;
  if (!family) throw new Error(`${line}: of no family that is open`);
  const value = valueText === '+Inf' ? Number.POSITIVE_INFINITY : Number(valueText);
  if (Number.isNaN(value) && valueText !== 'NaN') throw new Error(`${line}: no number`);
  const labels = readLabels(labelText);
  const key = name + JSON.stringify(Object.entries(labels).sort());
  if (series.has(key)) throw new Error(`${line}: twice`);
  series.add(key);
  family.samples.push({ labels, value });
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let at = 0; at < text.length; ) {
    LABEL.lastIndex = at;
    const found = LABEL.exec(text);
    if (!found || Object.hasOwn(labels, found[1])) throw new Error(`{${text}}: no labels`);
    labels[found[1]] = found[2].replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    at = LABEL.lastIndex;
  }
  return labels;
}
