// Which rules and policies the tests reached. Reached is counted: a rule that no packet matched has never been tried.

import type { Family } from '../packet/numbers.ts';
import type { TestFirewall } from './firewall.ts';
import { policyLine } from './rule-source.ts';

/** A rule, or the policy of a built-in chain. */
export interface CoverageLine {
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  /** From 1; undefined for a policy. */
  readonly number: number | undefined;
  /** `-A FORWARD -p tcp -j ACCEPT`, or `-P FORWARD DROP`. */
  readonly text: string;
  readonly file: string;
  /** 0: it has no line (the policy of a chain that the text does not name). */
  readonly line: number;
  readonly packets: number;
  readonly bytes: number;
}

/** As counted since the firewall was made or reset. */
export function coverageOf(fw: TestFirewall): CoverageLine[] {
  const lines: CoverageLine[] = [];
  for (const { family, name: table } of fw.rules.tables) {
    const source = fw.rules.texts.find((text) => text.family === family && text.text.includes(`*${table}`));
    for (const { spec, policy, rules } of fw.core.chains(family, table) ?? []) {
      const at = { family, table, chain: spec.name };
      if (policy) {
        const line = source ? policyLine(source, table, spec.name) : undefined;
        const text = `-P ${spec.name} ${spec.policy}`;
        lines.push({ ...at, number: undefined, text, file: source?.name ?? '', line: line ?? 0, ...policy });
      }
      for (const [index, rule] of spec.rules.entries()) {
        const { file = '', line = 0 } = rule.origin ?? {};
        lines.push({ ...at, number: index + 1, text: fw.textOf(spec.name, rule), file, line, ...rules[index] });
      }
    }
  }
  return lines;
}

const keyOf = ({ family, table, chain, number, file, line }: CoverageLine): string =>
  [family, table, chain, number, file, line].join(' ');

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Adds up what several firewalls of the same rules counted. */
export class Coverage {
  private readonly lines = new Map<string, CoverageLine>();

  /** Takes what `fw` counted so far; do it once for each firewall, when its tests are done. */
  add(fw: TestFirewall): this {
    for (const line of coverageOf(fw)) {
      const key = keyOf(line);
      const before = this.lines.get(key);
      const sum = before && { packets: before.packets + line.packets, bytes: before.bytes + line.bytes };
      this.lines.set(key, { ...line, ...sum });
    }
    return this;
  }

  /** By family, in the order of the file. */
  get all(): CoverageLine[] {
    return [...this.lines.values()].sort((a, b) => a.family - b.family || compare(a.file, b.file) || a.line - b.line);
  }

  /** Rules alone: policies are shown, but not asked for. */
  get rules(): CoverageLine[] {
    return this.all.filter(({ number }) => number !== undefined);
  }

  get unreached(): CoverageLine[] {
    return this.rules.filter(({ packets }) => packets === 0);
  }

  /** Reached rules of a hundred; 100 when there are none. */
  get percent(): number {
    const { rules } = this;
    return rules.length === 0 ? 100 : (100 * (rules.length - this.unreached.length)) / rules.length;
  }

  /** A table for people: every rule and policy with its packets, what was never reached marked. */
  toText(): string {
    const { all, rules, unreached } = this;
    const width = Math.max(7, ...all.map(({ packets }) => String(packets).length));
    let text = '';
    let heading = '';
    for (const line of all) {
      const here = `IPv${line.family} ${line.table}`;
      if (here !== heading) text += `${here}\n`;
      heading = here;
      const missed = line.number !== undefined && line.packets === 0;
      const where = line.line > 0 ? `  ${line.file}:${line.line}` : '';
      text += `${missed ? '!' : ' '} ${String(line.packets).padStart(width)}  ${line.text}${where}\n`;
    }
    const reached = rules.length - unreached.length;
    return `${text}${reached} of ${rules.length} rules reached (${this.percent.toFixed(1)} %)\n`;
  }

  /** The lcov format with the save files as sources: what editors and coverage services show beside the lines. */
  toLcov(): string {
    const files = new Map<string, Map<number, number>>();
    for (const { file, line, packets } of this.all) {
      if (line === 0) continue;
      const lines = files.get(file) ?? new Map<number, number>();
      files.set(file, lines);
      lines.set(line, (lines.get(line) ?? 0) + packets);
    }
    let text = '';
    for (const [file, lines] of files) {
      const sorted = [...lines].sort(([a], [b]) => a - b);
      const hit = sorted.filter(([, packets]) => packets > 0).length;
      const data = sorted.map(([line, packets]) => `DA:${line},${packets}\n`).join('');
      text += `TN:\nSF:${file}\n${data}LF:${sorted.length}\nLH:${hit}\nend_of_record\n`;
    }
    return text;
  }
}
