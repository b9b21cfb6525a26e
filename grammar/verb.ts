// Which command a line is: one of -A -C -D -I -R -L -S -F -Z -N -X -E -P, with its chain, number, name or policy.

import type { Letter } from './base-options.ts';
import type { Command, Common } from './command.ts';
import { RuleError, type Span } from './error.ts';
import { checkChainLength, ruleNumber } from './frame-words.ts';
import type { Counters, RuleSpec } from './rule-spec.ts';
import type { Word } from './words.ts';

/** Commands with a rule in them. */
const RULE_VERBS = 'ACDIR';
const VERBS = 'ACDIRLSFZNXEP';
/** Options that no command but these takes: [letter, commands that do]. `d` stands for -D with a number, `z` for -Z with one. */
const TAKEN: readonly (readonly [Letter, string])[] = [
  ['n', 'L'],
  ['s', RULE_VERBS],
  ['d', RULE_VERBS],
  ['p', RULE_VERBS],
  ['j', RULE_VERBS],
  ['v', `${VERBS}#z`],
  ['x', 'L'],
  ['i', RULE_VERBS],
  ['o', RULE_VERBS],
  ['0', 'L'],
  ['c', 'AIRP'],
  ['f', RULE_VERBS],
];
const VERBS_OF: Readonly<Record<string, string>> = Object.fromEntries(TAKEN);
/** Options that a built-in chain cannot have: the other device is not known there. */
const FOREIGN: readonly (readonly [Letter, readonly string[]])[] = [
  ['o', ['PREROUTING', 'INPUT']],
  ['i', ['POSTROUTING', 'OUTPUT']],
];

export const isVerb = (letter: Letter): boolean => VERBS.includes(letter);

/** `#` is -D with a number, `z` is -Z with one. */
type VerbLetter = Letter | '#' | 'z';

export class Verb {
  private letter: VerbLetter | undefined;
  /** -Z beside -L or -S. */
  private zero = false;
  chain: Word | undefined;
  policy: Word | undefined;
  private newName = '';
  private number = 0;

  get given(): boolean {
    return this.letter !== undefined;
  }

  get replaces(): boolean {
    return this.letter === 'R';
  }

  /** Takes one command with its words. `bang` is a `!` in front of it. */
  take(letter: Letter, word: Word, value: Word | undefined, operands: readonly Word[], bang: Word | undefined): void {
    this.add(letter, word, bang);
    const words = value ? [value, ...operands] : operands;
    if (words[0]) this.chain = words[0];
    const second = words[1];
    switch (letter) {
      case 'D':
        if (second) {
          this.number = ruleNumber(second);
          this.letter = '#';
        }
        break;
      case 'R':
        if (!second) throw new RuleError('-R requires a rule number', word);
        this.number = ruleNumber(second);
        break;
      case 'I':
        this.number = second ? ruleNumber(second) : 1;
        break;
      case 'L':
      case 'S':
        if (second) this.number = ruleNumber(second);
        break;
      case 'Z':
        if (second) {
          this.number = ruleNumber(second);
          if (this.letter === 'Z') this.letter = 'z';
        }
        break;
      case 'E':
        if (!second) throw new RuleError('-E requires old-chain-name and new-chain-name', word);
        this.newName = second.text;
        break;
      case 'P':
        if (!second) throw new RuleError('-P requires a chain and a policy', word);
        this.policy = second;
        break;
    }
  }

  /** Only one command in a line; but -Z may stand beside -L or -S. */
  private add(letter: Letter, word: Word, bang: Word | undefined): void {
    if (bang) throw new RuleError("unexpected '!' flag", bang);
    const beside = (a: VerbLetter, b: VerbLetter): boolean => (a === 'L' || a === 'S') && (b === 'Z' || b === 'z');
    if (this.letter !== undefined) {
      if (beside(letter, this.letter)) this.zero = true;
      else if (beside(this.letter, letter)) {
        this.zero = true;
        return;
      } else {
        const other = this.letter === '#' ? 'D' : this.letter === 'z' ? 'Z' : this.letter;
        throw new RuleError(`Cannot use -${letter} with -${other}`, word);
      }
    }
    this.letter = letter;
  }

  /** "Illegal option `-n' with this command": of several, the first in the real tool's table. */
  refuseForeign(seen: ReadonlyMap<Letter, Span>): void {
    const verb = this.letter!;
    let foreign = false;
    for (const letter of seen.keys()) if (VERBS_OF[letter]?.includes(verb) === false) foreign = true;
    if (!foreign) return;
    const [letter] = TAKEN.find(([one, verbs]) => seen.has(one) && !verbs.includes(verb))!;
    throw new RuleError(`Illegal option \`-${letter}' with this command`, seen.get(letter));
  }

  checkChain(seen: ReadonlyMap<Letter, Span>): void {
    const { chain } = this;
    if (!chain) return;
    checkChainLength(chain);
    if (this.letter !== '#' && !RULE_VERBS.includes(this.letter!)) return;
    const { text } = chain;
    for (const [letter, chains] of FOREIGN) {
      const at = seen.get(letter);
      if (at && chains.includes(text)) throw new RuleError(`Can't use -${letter} with ${text}`, at);
    }
  }

  /** The command as data. `rules` are asked for where there are some. */
  command(common: Common, counters: Counters | undefined, rules: () => readonly RuleSpec[]): Command {
    const name = this.chain?.text;
    const chain = name!;
    const number = this.number || undefined;
    switch (this.letter) {
      case 'A':
        return { ...common, kind: 'append', chain, rules: rules() };
      case 'C':
        return { ...common, kind: 'check', chain, rules: rules() };
      case 'D':
        return { ...common, kind: 'delete', chain, rules: rules() };
      case '#':
        return { ...common, kind: 'deleteNumber', chain, number: this.number };
      case 'I':
        return { ...common, kind: 'insert', chain, number: this.number, rules: rules() };
      case 'R':
        return { ...common, kind: 'replace', chain, number: this.number, rules: rules() };
      case 'L':
        return { ...common, kind: 'list', chain: name, number, zero: this.zero };
      case 'S':
        return { ...common, kind: 'listRules', chain: name, number, zero: this.zero };
      case 'Z':
      case 'z':
        return { ...common, kind: 'zero', chain: name, number };
      case 'F':
        return { ...common, kind: 'flush', chain: name };
      case 'X':
        return { ...common, kind: 'deleteChain', chain: name };
      case 'N':
        return { ...common, kind: 'newChain', chain };
      case 'E':
        return { ...common, kind: 'rename', chain, newName: this.newName };
      default:
        return { ...common, kind: 'policy', chain, policy: this.policy!.text, counters };
    }
  }
}
