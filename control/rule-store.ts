// The rules of a daemon and the files they come from and go to: those it was started with, and the state directory.

import { existsSync, readFileSync } from 'node:fs';
import type { Ruleset } from '../engine/ruleset.ts';
import type { Family } from '../packet/numbers.ts';
import { readIfThere, writeAtomically } from './atomic-file.ts';
import type { LiveRules } from './live-rules.ts';
import type { StatePaths } from './paths.ts';
import type { ToolAnswer, ToolName } from './protocol.ts';
import { Readable } from './readable.ts';
import { inOrderOfUse } from './stored-rules.ts';
import { runTool } from './tool.ts';

export interface RuleFile {
  readonly family: Family;
  readonly path: string;
}

/** Rules that could not be loaded: `message` is the tool's whole complaint. */
export class RulesRefused extends Error {}

interface RuleSource extends RuleFile {
  readonly text: string;
  readonly argv: readonly string[];
}

export class RuleStore {
  private readonly rules: LiveRules;
  private readonly paths: StatePaths;
  /** By family: what the state directory holds, as far as we know. */
  private readonly written = new Map<Family, string>();
  private readonly readable = new Readable();

  constructor(rules: LiveRules, paths: StatePaths) {
    this.rules = rules;
    this.paths = paths;
  }

  /** Loads the files given, or, without any, what the state directory holds: all of them, or none, and then it throws RulesRefused. */
  async load(given: readonly RuleFile[]): Promise<void> {
    const sources = given.length > 0 ? given.map(readGiven) : this.changedByHand();
    if (sources.length === 0) return;
    let reading = '';
    const { answer } = await this.rules.load(
      sources.map(({ family, path, text, argv }) => [
        family,
        (ruleset) => {
          reading = path;
          return restoreInto(ruleset, path, text, argv);
        },
      ]),
    );
    if (answer.exitCode !== 0) throw new RulesRefused(`${reading}:\n${answer.stderr}`);
    await this.save();
  }

  /** What is in the state directory and was not written by us. */
  private changedByHand(): RuleSource[] {
    return ([4, 6] as const).flatMap((family) => {
      const path = this.paths.rules(family);
      const text = readIfThere(path);
      if (text === undefined || text === this.written.get(family)) return [];
      return [{ family, path, text: inOrderOfUse(text), argv: ['-c'] }];
    });
  }

  /** Writes the rules with their counters to the state directory. Throws what the system says. */
  async save(): Promise<void> {
    for (const family of [4, 6] as const) await this.saveFamily(family);
  }

  async saveFamily(family: Family): Promise<void> {
    const path = this.paths.rules(family);
    const text = await this.rules.text(family);
    await this.readable.check(this.rules.ruleset(family));
    if (text === this.written.get(family) || (text === '' && !existsSync(path))) return;
    writeAtomically(path, text);
    this.written.set(family, text);
  }
}

const readGiven = ({ family, path }: RuleFile): RuleSource => ({
  family,
  path,
  text: readFileSync(path, 'utf8'),
  argv: [],
});

function restoreInto(ruleset: Ruleset, path: string, text: string, argv: readonly string[]): Promise<ToolAnswer> {
  const program: ToolName = ruleset.family === 4 ? 'iptables-restore' : 'ip6tables-restore';
  return runTool({ program, argv: [...argv, '--', path], stdin: text, date: new Date() }, ruleset);
}
