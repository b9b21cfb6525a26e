// The sets of a daemon: the engine holds them, the state directory has their text.

import { existsSync, readFileSync } from 'node:fs';
import type { Names } from '../../grammar/names.ts';
import type { Family } from '../../packet/numbers.ts';
import type { StatePaths } from '../paths.ts';
import type { ToolAnswer } from '../socket/protocol.ts';
import { writeAtomically } from '../stored/atomic-file.ts';
import { RulesRefused } from '../stored/rule-store.ts';
import { readSetsText } from '../stored/stored-sets.ts';
import type { IpsetDone } from './engine.ts';
import type { AskEngine } from './live-rules.ts';

/** The text of `ipset save`, and when it was right. */
interface Latest {
  readonly text: string;
  readonly at: number;
}

export class LiveSets {
  private readonly ask: AskEngine;
  private readonly paths: StatePaths;
  /** What the engine has, as its last answer said. */
  private sets = new Map<string, { family: Family | undefined }>();

  private latest: Latest = { text: '', at: 0 };

  constructor(ask: AskEngine, paths: StatePaths) {
    this.ask = ask;
    this.paths = paths;
  }

  /** For rules that name a set. */
  readonly find: Names['set'] = (name) => this.sets.get(name);

  /** Gives what a file or, without one, the state directory holds to the engine, which has no sets yet. */
  async load(path: string | undefined): Promise<void> {
    const { text, age } = path === undefined ? readSetsText(this.paths) : { text: readFileSync(path, 'utf8'), age: 0 };
    await this.give(this.ask, { text, at: performance.now() - age }, path);
  }

  /** Gives an engine the sets that another had: as it said with its last words, else as they were stored last. */
  async giveBack(ask: AskEngine, lastWords: string | undefined): Promise<void> {
    await this.give(ask, lastWords === undefined ? this.latest : { text: lastWords, at: performance.now() });
  }

  private async give(ask: AskEngine, { text, at }: Latest, origin = this.paths.sets): Promise<void> {
    if (text === '') return;
    const age = performance.now() - at;
    const { answer, families } = (await ask({ op: 'ipset', argv: ['restore'], stdin: text, age })) as IpsetDone;
    this.note(families);
    this.latest = { text, at };
    if (answer.exitCode !== 0) throw new RulesRefused(`${origin}:\n${answer.stderr}`);
  }

  /** Runs ipset on the sets; what it changed is stored before it is told. */
  async run(argv: readonly string[], stdin?: string): Promise<ToolAnswer> {
    const done = (await this.ask({ op: 'ipset', argv, stdin })) as IpsetDone;
    this.note(done.families);
    if (done.text === undefined) return done.answer;
    try {
      this.write(done.text);
      return done.answer;
    } catch (error) {
      const stderr = `${done.answer.stderr}ipset: ${(error as Error).message}. The sets are in force, but not stored: they end with the daemon. Mend that, and the next change stores them all, or the next saving within a minute.\n`;
      return { ...done.answer, stderr, exitCode: done.answer.exitCode || 1 };
    }
  }

  async save(): Promise<void> {
    const { answer } = (await this.ask({ op: 'ipset', argv: ['save'], stdin: undefined })) as IpsetDone;
    this.write(answer.stdout);
  }

  /** Stores the text that a data plane left. */
  keep(text: string): void {
    this.write(text);
  }

  private note(families: IpsetDone['families']): void {
    if (families) this.sets = new Map(families.map(([name, family]) => [name, { family }]));
  }

  private write(text: string): void {
    this.latest = { text, at: performance.now() };
    if (text === '' && !existsSync(this.paths.sets)) return;
    writeAtomically(this.paths.sets, text);
  }
}
