// Runs the tables of suite.ts: every group on a firewall of its own, in the state of its start.

import { dirname, resolve } from 'node:path';
import type { Names } from '../../grammar/names.ts';
import type { Claim } from '../claims.ts';
import * as claims from '../claims.ts';
import { Coverage } from '../coverage/coverage.ts';
import { firewall, TestFirewall } from '../firewall.ts';
import type { Flow } from '../flow.ts';
import { type MutationCase, type MutationOptions, type MutationResult, mutateCases } from '../mutation/mutate.ts';
import type { Outcome } from '../outcome.ts';
import { fragments } from '../packets.ts';
import type { RuleSource, RuleSources } from '../rule-source.ts';
import { type SetSource, setsText } from '../set-source.ts';
import type { FirewallSetup } from '../setup.ts';
import type { Expected } from './expectation.ts';
import type { Group, Row, Suite } from './suite.ts';

export interface RowResult {
  readonly group: string;
  readonly file: string;
  readonly line: number;
  /** The row as written. */
  readonly text: string;
  /** Undefined: it holds. */
  readonly failure: string | undefined;
  readonly ms: number;
}

export interface SuiteResult {
  readonly file: string;
  readonly rows: readonly RowResult[];
}

/** The rule files that a suite names, and its own. */
export const filesOf = (suite: Suite): string[] => [suite.file, ...Object.values(sourcesOf(suite)).flatMap(fileOf)];

/** Runs every row; what the rules counted goes into `coverage`. Throws RulesError for rules that cannot be read. */
export function runSuite(suite: Suite, coverage = new Coverage(), names?: Names): SuiteResult {
  const sources = sourcesOf(suite);
  const first = firewall({ ...suite.setup, ...sources, names, backend: 'memory' });
  const rows = suite.groups.flatMap((group) => {
    const fw = new TestFirewall({ ...suite.setup, ...group.setup, ...sources, names }, first.rules);
    const results = new GroupRun(suite.file, group, fw).run();
    coverage.add(fw);
    return results;
  });
  return { file: suite.file, rows };
}

/** Runs the groups of a suite against every mutant of its rules. Throws MutationError, RulesError. */
export function mutateSuite(suite: Suite, options: MutationOptions = {}, names?: Names): MutationResult {
  const sources = sourcesOf(suite);
  const sets = sources.sets && { sets: { text: setsText(sources.sets) } };
  const first = firewall({ ...suite.setup, ...sources, ...sets, names });
  const cases = suite.groups.map(
    (group): MutationCase => ({
      name: group.name,
      make: (rules = first.rules) => new TestFirewall({ ...suite.setup, ...group.setup, ...sets, names }, rules),
      holds: (fw) => new GroupRun(suite.file, group, fw).holds(),
    }),
  );
  return mutateCases(first, cases, options);
}

/** The firewall that a suite tests. */
export const setupOf = (suite: Suite): FirewallSetup => ({ ...suite.setup, ...sourcesOf(suite) });

function sourcesOf({ file, rules }: Suite): RuleSources & { readonly sets?: SetSource } {
  const source = (text: string): RuleSource =>
    text.includes('\n') ? { text } : { file: resolve(dirname(file), text) };
  return Object.fromEntries(Object.entries(rules).map(([key, text]) => [key, source(text)]));
}

const fileOf = (source: RuleSource | undefined): string[] =>
  typeof source === 'object' && 'file' in source ? [String(source.file)] : [];

class GroupRun {
  private readonly file: string;
  private readonly group: Group;
  private readonly fw: TestFirewall;
  private readonly flows = new Map<string, Flow>();

  constructor(file: string, group: Group, fw: TestFirewall) {
    this.file = file;
    this.group = group;
    this.fw = fw;
  }

  /** Whether every row holds; stops at the first that does not, and makes no text of it. */
  holds(): boolean {
    return this.group.rows.every((row) => {
      try {
        return this.take(row, () => '') === undefined;
      } catch {
        return false;
      }
    });
  }

  run(): RowResult[] {
    return [...this.rows(), ...this.end()];
  }

  /** With the kernel as second backend: what it counted and tracked. */
  private end(): RowResult[] {
    try {
      this.fw.check();
      return [];
    } catch (error) {
      const { name: group, line } = this.group;
      const text = 'counters and connections, as in the kernel';
      return [{ group, file: this.file, line, text, failure: (error as Error).message, ms: 0 }];
    }
  }

  private rows(): RowResult[] {
    return this.group.rows.flatMap((row) => {
      const start = performance.now();
      const failure = this.failureOf(row);
      const ms = performance.now() - start;
      const asks = row.kind === 'packet' || row.kind === 'step' || row.kind === 'hits';
      // Rows that only set the stage are not counted as tests, unless they break.
      if (!asks && failure === undefined) return [];
      return [{ group: this.group.name, file: this.file, line: row.line, text: row.text, failure, ms }];
    });
  }

  private failureOf(row: Row): string | undefined {
    try {
      return this.take(row, (claim, negated) => claim.message(negated));
    } catch (error) {
      return (error as Error).message;
    }
  }

  private take(row: Row, say: Say): string | undefined {
    const { fw } = this;
    switch (row.kind) {
      case 'packet':
        return this.packet(row, say);
      case 'flow':
        this.flows.set(row.name, fw.flow(row.octets, row.options));
        return undefined;
      case 'step':
        return failureOf(this.step(row), row.expected, say);
      case 'wait':
        fw.advance(row.span);
        return undefined;
      case 'sysctl':
        fw.setSysctl(row.name, row.value);
        return undefined;
      case 'command':
        fw[row.program](row.words);
        return undefined;
      case 'hits': {
        const claim = claims.hasHits(fw, row.rule, row.packets);
        return claim.pass ? undefined : say(claim, false);
      }
    }
  }

  /** Fragments are sent all; what is expected is expected of the last, which sets the others free. */
  private packet(
    { octets, options, repeat, fragments: size, expected }: Row & { kind: 'packet' },
    say: Say,
  ): string | undefined {
    for (let count = 1; count <= repeat; count++) {
      const pieces = size === undefined ? [octets] : fragments(octets, size, count);
      const outcomes = this.fw.sendAll(pieces, options);
      const failure = failureOf(outcomes[outcomes.length - 1], expected, say);
      if (failure !== undefined) return repeat > 1 ? `packet ${count} of ${repeat}: ${failure}` : failure;
    }
    return undefined;
  }

  private step({ name, step, argument }: Row & { kind: 'step' }): Outcome {
    const flow = this.flows.get(name)!;
    const side = argument === 'reply' ? 'reply' : 'original';
    const data = argument === '' ? 1 : Number.isNaN(Number(argument)) ? argument : Number(argument);
    switch (step) {
      case 'connect':
        return flow.connect();
      case 'open':
        return flow.open();
      case 'send':
        return flow.send(data);
      case 'reply':
        return flow.reply(data);
      case 'close':
        return flow.close(side);
      case 'reset':
        return flow.reset(side);
      case 'retransmit':
        return flow.retransmit();
      case 'out-of-window':
        return flow.outOfWindow(side);
      case 'error':
        return flow.error(argument);
    }
  }
}

/** What a failure says; to make its text costs more than all the rest. */
type Say = (claim: Claim, negated: boolean) => string;

function failureOf(outcome: Outcome, expected: readonly Expected[], say: Say): string | undefined {
  for (const { negated, claim } of expected) {
    const made = claim(outcome);
    if (made.pass === negated) return say(made, negated);
  }
  return undefined;
}
