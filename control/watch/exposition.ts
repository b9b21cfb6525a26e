// Prometheus' text format, version 0.0.4: families of samples, each with its help and type, labels escaped.
// https://prometheus.io/docs/instrumenting/exposition_formats/

export type MetricType = 'counter' | 'gauge';
export type Labels = Readonly<Record<string, string>>;
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

export interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export class Exposition {
  readonly families: Family[] = [];

  /** One family. Nothing is said of one without samples. */
  family(name: string, type: MetricType, help: string, samples: readonly Sample[]): void {
    if (samples.length > 0) this.families.push({ name, type, help, samples });
  }

  single(name: string, type: MetricType, help: string, value: number): void {
    this.family(name, type, help, [{ value }]);
  }

  get text(): string {
    return this.families.map(familyText).join('');
  }
}

function familyText({ name, type, help, samples }: Family): string {
  const lines = samples.map(({ labels = {}, value }) => `${name}${labelText(labels)} ${valueText(value)}\n`);
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const valueText = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
