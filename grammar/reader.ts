// From words to a command: what the actions of the Chevrotain grammar (parser.ts) do.
//
// A Reader lives for one command. The grammar calls `classify` for the next word, which says what kind of word it is by the options
// that are known *now* (base options and the extensions loaded so far), then hands over option and value words; `finish` makes the
// command. The order of the checks is the real tool's, so that the first thing said of a wrong command is what that says.

import type { Family } from '../packet/numbers.ts';
import { isAny, readAddresses } from './addresses.ts';
import { BASE_OPTIONS, type BaseOption, BY_LETTER, type Letter } from './base-options.ts';
import type { Command, Common, Flags } from './command.ts';
import { RuleError, type Span } from './error.ts';
import { Loaded, type Meaning, type NamedOption, Vocabulary } from './loaded.ts';
import type { Lookup } from './lookup.ts';
import type { Names } from './names.ts';
import { protocolName, protocolNames, protocolNumber } from './protocols.ts';
import type { Counters, InterfaceSpec, MaskedAddress, MatchSpec, Origin, RuleSpec, TargetSpec } from './rule-spec.ts';
import { scanNumber, wholeNumber } from './scan.ts';
import { didYouMean } from './suggest.ts';
import { isTableName, type TableName } from './tables.ts';
import { octets } from './values.ts';
import type { Word } from './words.ts';

export interface ReaderContext {
  readonly family: Family;
  readonly lookup: Lookup;
  readonly names: Names;
  /** Table to begin with; a restore's section. */
  readonly table: string;
  /** Inside a restore: -t, -w, -W are refused. The program's name for messages. */
  readonly restore: string | undefined;
  /** Whether a user chain of that name exists: a chain hides a target of the same name. */
  isChain(table: string, name: string): boolean;
  /** For the origin of rules. */
  readonly source:
    | { readonly file: string; readonly line: number; readonly text: string; readonly start: number }
    | undefined;
}

/** Length of chain and target names in octets, at most. */
export const NAME_LENGTH = 28;

const VERDICTS = ['ACCEPT', 'DROP', 'RETURN', 'QUEUE'] as const;
type VerdictName = (typeof VERDICTS)[number];
export const isVerdict = (name: string): name is VerdictName => (VERDICTS as readonly string[]).includes(name);

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
const INVERTIBLE = 'sdpiof';
/** Options that a built-in chain cannot have: the other device is not known there. */
const FOREIGN: readonly (readonly [Letter, readonly string[]])[] = [
  ['o', ['PREROUTING', 'INPUT']],
  ['i', ['POSTROUTING', 'OUTPUT']],
];
const ANY_ADDRESS: readonly undefined[] = [undefined];
const NO_FLAGS: Flags = Object.freeze({
  verbose: 0,
  numeric: false,
  exact: false,
  lineNumbers: false,
  wait: undefined,
});

/** What the next word is. `missing` is the real tool's word for it when nobody knows the option. */
export type Reading =
  | { readonly kind: 'bang' }
  | { readonly kind: 'end' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'unknown'; readonly said: string }
  | {
      readonly kind: 'options';
      readonly flags: readonly BaseOption[];
      readonly last: Meaning;
      readonly glued: Word | undefined;
    };

/** One of "someone else's" lines: -4 in ip6tables-restore. Ends the reading at once. */
export class OtherFamily extends Error {}

export class Reader {
  private readonly context: ReaderContext;
  private readonly vocabulary: Vocabulary;
  private inverted: Word | undefined;
  private table: string;
  private readonly seen = new Map<Letter, Span>();
  private verb: Letter | '#' | 'z' | undefined;
  /** -Z beside -L or -S. */
  private zero = false;
  private chain: Word | undefined;
  private newName = '';
  private policy: Word | undefined;
  private number = 0;
  private verbose = 0;
  private wait: number | undefined;
  private waitInterval = false;
  private finished: Command['kind'] | undefined;
  private unread: Word | undefined;

  private source: { word: Word; inverted: boolean } | undefined;
  private destination: { word: Word; inverted: boolean } | undefined;
  private inInterface: InterfaceSpec | undefined;
  private outInterface: InterfaceSpec | undefined;
  private protocol: { number: number; inverted: boolean } | undefined;
  private protocolWord: Word | undefined;
  private protocolMatchLoaded = false;
  private fragment: { inverted: boolean } | undefined;
  private readonly matches: Loaded[] = [];
  private target: Loaded | undefined;
  private jump: Word | undefined;
  private goto = false;
  private counters: Counters | undefined;
  private readonly warnings: string[] = [];

  constructor(context: ReaderContext) {
    this.context = context;
    this.table = context.table;
    this.vocabulary = new Vocabulary(context.family);
  }

  // --- Classing words -----------------------------------------------------------------------------------------------

  /** What `word` is at this point. `before` is the word before it, for the real tool names that one in some messages. */
  classify(word: Word, before: Word | undefined): Reading {
    const { text } = word;
    if (text === '!') return { kind: 'bang' };
    if (text === '--') return { kind: 'end' };
    if (text.length < 2 || text[0] !== '-') return { kind: 'plain' };
    const reading = text[1] === '-' ? this.readLong(word) : this.readLetters(word, before);
    if (reading.kind === 'unknown' && this.loadImplied(word)) return this.classify(word, before);
    return reading;
  }

  private readLong(word: Word): Reading {
    const equals = word.text.indexOf('=');
    const name = word.text.slice(2, equals < 0 ? undefined : equals);
    const last = this.vocabulary.find(name);
    if (!last) return { kind: 'unknown', said: word.text };
    if (equals < 0) return { kind: 'options', flags: [], last, glued: undefined };
    if (wordsAfter(last) === 0) return { kind: 'unknown', said: word.text };
    return { kind: 'options', flags: [], last, glued: rest(word, equals + 1) };
  }

  private readLetters(word: Word, before: Word | undefined): Reading {
    const flags: BaseOption[] = [];
    for (let at = 1; at < word.text.length; at++) {
      const base = BY_LETTER.get(word.text[at]);
      // getopt has not stepped past the word while letters are left in it, so the tool names the word before.
      if (!base) return { kind: 'unknown', said: at === word.text.length - 1 ? word.text : (before?.text ?? '') };
      const last = at === word.text.length - 1;
      if (base.argument !== 0 || last) {
        const glued = last ? undefined : rest(word, at + 1);
        return { kind: 'options', flags, last: { kind: 'base', base }, glued };
      }
      flags.push(base);
    }
    return { kind: 'plain' };
  }

  /** An option that nobody knows, after -p: the protocol's match is loaded, once in a rule. */
  private loadImplied(word: Word): boolean {
    if (this.protocolMatchLoaded || !this.protocolWord) return false;
    const { family, lookup, names } = this.context;
    const text = this.protocolWord.text.toLowerCase();
    const number = wholeNumber(text, 0, 255);
    const name = number === undefined ? text : protocolName(number, names);
    const syntax = name === undefined ? undefined : lookup.match(name, family);
    if (!syntax) return false;
    this.protocolMatchLoaded = true;
    this.load(new Loaded(syntax, 'match', word));
    return true;
  }

  private load(loaded: Loaded): void {
    if (loaded.kind === 'match') this.matches.push(loaded);
    else this.target = loaded;
    this.vocabulary.load(loaded);
  }

  // --- What the grammar reports -------------------------------------------------------------------------------------

  bang(word: Word): void {
    if (this.inverted) throw new RuleError('multiple consecutive ! not allowed', word);
    this.inverted = word;
  }

  plain(word: Word): never {
    const hint = this.inverted ? 'the "!" stands in front of the option: ! --option value' : undefined;
    throw new BadArgument(word, hint);
  }

  unknown(word: Word, said: string): never {
    const dash = word.text.startsWith('--') ? '--' : '-';
    const name = word.text.slice(dash.length).split('=')[0];
    let hint =
      dash === '--'
        ? didYouMean(
            `--${name}`,
            [...this.vocabulary.all()].map((long) => `--${long}`),
          )
        : undefined;
    hint ??= this.ownerOf(name);
    throw new RuleError(`unknown option "${said}"`, word, hint);
  }

  /** "--ctstate is of -m conntrack": when an attached extension that is not loaded has the option. */
  private ownerOf(name: string): string | undefined {
    const { family, lookup } = this.context;
    for (const kind of ['match', 'target'] as const) {
      for (const word of lookup.names(kind, family)) {
        const syntax = lookup[kind](word, family);
        if (syntax && Object.hasOwn(syntax.options, name)) {
          return `--${name} is an option of ${kind === 'match' ? '-m' : '-j'} ${syntax.name}, which must stand before it`;
        }
      }
    }
    return undefined;
  }

  /** Everything after `--`. */
  afterEnd(words: readonly Word[]): void {
    this.unread ??= words[0];
  }

  /** How many words the option takes beyond what is glued to it, and whether operands (words that look like no option) may follow. */
  wants(reading: Reading & { kind: 'options' }): number {
    const words = wordsAfter(reading.last);
    return words === 0 ? 0 : words - (reading.glued ? 1 : 0);
  }

  /** Operands that the option takes if they are there: `-D chain [number]`. */
  operands(reading: Reading & { kind: 'options' }): number {
    if (reading.last.kind !== 'base') return 0;
    const { letter } = reading.last.base;
    if ('LSZ'.includes(letter)) return reading.glued ? 1 : 2;
    if ('FX'.includes(letter)) return reading.glued ? 0 : 1;
    if (letter === 'w') return reading.glued ? 0 : 1;
    if (letter === 'c') return 1;
    return 'DRIEP'.includes(letter) ? 1 : 0;
  }

  isOperand(word: Word): boolean {
    return word.text[0] !== '-' && word.text[0] !== '!';
  }

  /** One option with the words that it got. */
  options(
    word: Word,
    reading: Reading & { kind: 'options' },
    values: readonly Word[],
    operands: readonly Word[],
  ): void {
    for (const base of reading.flags) {
      this.base(base, word, undefined, []);
      this.inverted = undefined;
    }
    const { last } = reading;
    const all = reading.glued ? [reading.glued, ...values] : values;
    if (last.kind === 'extension') this.extension(last.loaded, last.named, word, all);
    else {
      if (last.base.argument === 1 && all.length === 0) throw missingArgument(word);
      this.base(last.base, word, all[0], operands);
    }
    this.inverted = undefined;
  }

  private extension(loaded: Loaded, named: NamedOption, word: Word, values: readonly Word[]): void {
    const { words } = named.option;
    if (words > 0 && values.length === 0) throw missingArgument(word);
    if (words === 2 && (values.length < 2 || !this.isOperand(values[1]))) {
      const said = named.option.missing ?? `--${named.name} requires two args.`;
      throw new RuleError(said, { start: word.start, end: values[0].end });
    }
    const start = (this.inverted ?? word).start;
    const end = Math.max(word.end, values.at(-1)?.end ?? 0);
    const { family, names } = this.context;
    loaded.take(named, values, this.inverted !== undefined, { start, end }, { family, names, protocol: this.protocol });
  }

  private base(base: BaseOption, word: Word, value: Word | undefined, operands: readonly Word[]): void {
    const { letter } = base;
    if (VERBS.includes(letter)) this.command(letter, word, value, operands);
    else if (value) this.valued(letter, word, value, operands);
    else this.flagged(letter, word, operands);
  }

  // --- Commands -----------------------------------------------------------------------------------------------------

  private command(letter: Letter, word: Word, value: Word | undefined, operands: readonly Word[]): void {
    if (letter === 'N') this.checkNewChain(value!);
    this.addCommand(letter, word);
    const words = value ? [value, ...operands] : operands;
    if (words[0]) this.chain = words[0];
    const second = words[1];
    switch (letter) {
      case 'D':
        if (second) {
          this.number = ruleNumber(second);
          this.verb = '#';
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
          if (this.verb === 'Z') this.verb = 'z';
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
  private addCommand(letter: Letter, word: Word): void {
    if (this.inverted) throw new RuleError("unexpected '!' flag", this.inverted);
    const beside = (a: Letter | '#' | 'z', b: Letter | '#' | 'z'): boolean =>
      (a === 'L' || a === 'S') && (b === 'Z' || b === 'z');
    if (this.verb !== undefined) {
      if (beside(letter, this.verb)) this.zero = true;
      else if (beside(this.verb, letter)) {
        this.zero = true;
        return;
      } else {
        const other = this.verb === '#' ? 'D' : this.verb === 'z' ? 'Z' : this.verb;
        throw new RuleError(`Cannot use -${letter} with -${other}`, word);
      }
    }
    this.verb = letter;
  }

  private checkNewChain(name: Word): void {
    const { text } = name;
    if (text[0] === '-' || text[0] === '!')
      throw new RuleError(`chain name not allowed to start with \`${text[0]}'`, name);
    if (text === '' || isVerdict(text) || this.context.lookup.target(text, this.context.family)) {
      throw new RuleError('chain name may not clash with target name', name);
    }
    if (/\s/.test(text)) throw new RuleError(`Invalid chain name \`${text}'`, name);
  }

  // --- Options of the frame -----------------------------------------------------------------------------------------

  /** An option that may stand once, with or without `!`. */
  private once(letter: Letter, word: Word): void {
    if (this.seen.has(letter)) throw new RuleError(`multiple -${letter} flags not allowed`, word);
    this.seen.set(letter, word);
    if (this.inverted && !INVERTIBLE.includes(letter))
      throw new RuleError(`cannot have ! before -${letter}`, this.inverted);
  }

  private valued(letter: Letter, word: Word, value: Word, operands: readonly Word[]): void {
    const inverted = this.inverted !== undefined;
    const { family, names } = this.context;
    switch (letter) {
      case 'p': {
        this.once('p', word);
        const number = protocolNumber(value.text, names);
        if (number === undefined) {
          const lower = value.text.toLowerCase();
          throw new RuleError(`unknown protocol "${lower}" specified`, value, didYouMean(lower, protocolNames(family)));
        }
        if (number === 0 && inverted) throw new RuleError('rule would never match protocol', value);
        this.protocol = { number, inverted };
        this.protocolWord = value;
        break;
      }
      case 's':
        this.once('s', word);
        this.source = { word: value, inverted };
        break;
      case 'd':
        this.once('d', word);
        this.destination = { word: value, inverted };
        break;
      case 'i':
        this.inInterface = this.interfaceOf('i', word, value);
        break;
      case 'o':
        this.outInterface = this.interfaceOf('o', word, value);
        break;
      case 'j':
        this.once('j', word);
        this.jumpTo(value);
        break;
      case 'g':
        this.once('j', word);
        this.goto = true;
        this.jump = this.targetName(value);
        break;
      case 'm':
        this.loadMatch(value);
        break;
      case 't':
        if (this.inverted) throw new RuleError('unexpected ! flag before --table', this.inverted);
        if (this.context.restore) throw new RuleError(`The -t option cannot be used in ${this.context.restore}.`, word);
        this.table = value.text;
        break;
      case 'c':
        this.once('c', word);
        this.counters = readCounters(word, value, operands[0]);
        break;
      case 'w':
        this.waiting(word, value);
        break;
      case 'W':
        if (this.context.restore) throw new RuleError("You cannot use `-W' from iptables-restore", word);
        if (wholeNumber(value.text, 0, 0x7fff_ffff) === undefined)
          throw new RuleError('wait interval not numeric', value);
        this.warnings.push('Ignoring deprecated --wait-interval option.');
        this.waitInterval = true;
        break;
      case 'h':
        this.finished ??= 'help';
        break;
      default: // -M: there are no modules to load
        break;
    }
  }

  private flagged(letter: Letter, word: Word, operands: readonly Word[]): void {
    switch (letter) {
      case 'f':
        if (this.context.family === 6) throw new RuleError("`-f' is not supported in IPv6, use -m frag instead", word);
        this.once('f', word);
        this.fragment = { inverted: this.inverted !== undefined };
        break;
      case 'v':
        if (this.verbose === 0) this.once('v', word);
        this.verbose++;
        break;
      case 'n':
      case 'x':
      case '0':
        this.once(letter, word);
        break;
      case 'w':
        this.waiting(word, operands[0]);
        break;
      case 'V':
        this.finished ??= 'version';
        this.zero = this.inverted !== undefined;
        break;
      case 'h':
        this.finished ??= 'help';
        break;
      case '4':
      case '6':
        if (letter === String(this.context.family)) break;
        if (this.context.restore) throw new OtherFamily();
        // The real tool shows its usage hint and nothing else.
        throw new RuleError('', word, `this is the tool for IPv${this.context.family}`);
    }
  }

  /** Reading ended early by -h or -V: nothing after it counts. */
  get ended(): boolean {
    return this.finished !== undefined;
  }

  private waiting(word: Word, value: Word | undefined): void {
    if (this.context.restore) throw new RuleError("You cannot use `-w' from iptables-restore", word);
    const seconds = value ? /^\s*([+-]?\d+)/.exec(value.text) : undefined;
    if (value && !seconds) throw new RuleError('wait seconds not numeric', value);
    this.wait = seconds ? Number(seconds[1]) : -1;
  }

  private interfaceOf(letter: 'i' | 'o', word: Word, value: Word): InterfaceSpec {
    const { text } = value;
    if (text === '')
      throw new RuleError(
        'Empty interface is likely to be undesired',
        value,
        'for any device leave it out, or write +',
      );
    this.once(letter, word);
    if (octets(text) > 15) throw new RuleError(`interface name \`${text}' must be shorter than IFNAMSIZ (15)`, value);
    if (/[/ ]/.test(text)) {
      this.warnings.push(
        `Warning: weird character in interface \`${text}' ('/' and ' ' are not allowed by the kernel).`,
      );
    }
    // A lone `+` is any device, and yet a condition to the kernel: such a rule never ends the walk of its load check.
    return { name: text, inverted: this.inverted !== undefined };
  }

  private loadMatch(value: Word): void {
    if (this.inverted) throw new RuleError('unexpected ! flag before --match', this.inverted);
    const { family, lookup } = this.context;
    const syntax = lookup.match(value.text, family);
    if (!syntax) {
      const hint =
        didYouMean(value.text, lookup.names('match', family)) ?? otherFamily(lookup, 'match', value.text, family);
      throw new RuleError(`Couldn't load match \`${value.text}':No such file or directory`, value, hint);
    }
    this.load(new Loaded(syntax, 'match', value));
  }

  private targetName(value: Word): Word {
    const { text } = value;
    if (text === '') throw new RuleError('Invalid target name (too short)', value);
    if (octets(text) > NAME_LENGTH)
      throw new RuleError(`Invalid target name \`${text}' (${NAME_LENGTH} chars max)`, value);
    if (/\s/.test(text)) throw new RuleError(`Invalid target name \`${text}'`, value);
    return value;
  }

  private jumpTo(value: Word): void {
    this.jump = this.targetName(value);
    const { text } = value;
    if (isVerdict(text) || this.context.isChain(this.table, text)) return;
    const syntax = this.context.lookup.target(text, this.context.family);
    if (syntax) this.load(new Loaded(syntax, 'target', value));
  }

  // --- The end of the line ------------------------------------------------------------------------------------------

  /** `span` covers all words. */
  finish(span: Span): Command {
    const { family } = this.context;
    if (this.finished) return this.farewell(span);
    if (this.wait === undefined && this.waitInterval) {
      throw new RuleError('--wait-interval only makes sense with --wait', span);
    }
    this.refuseNatDrop();
    const made = this.finishExtensions();
    if (this.unread) throw new RuleError('unknown arguments found on commandline', this.unread);
    if (this.verb === undefined) throw new RuleError('no command specified', span, 'such as -A CHAIN in front');
    if (this.inverted) throw new RuleError('nothing appropriate following !', this.inverted);
    const sources = this.addresses(this.source);
    const destinations = this.addresses(this.destination);
    const many = sources.length > 1 || destinations.length > 1;
    if (many && (this.source?.inverted || this.destination?.inverted)) {
      const at = this.source?.inverted ? this.source.word : this.destination!.word;
      throw new RuleError('! not allowed with multiple source or destination IP addresses', at);
    }
    if (this.verb === 'R' && many) throw new RuleError('Replacement rule does not specify a unique address', span);
    this.refuseForeign();
    this.checkChain();
    const common: Common = {
      family,
      table: this.table,
      flags: this.flags(),
      span,
      chainSpan: this.chain ?? span,
      targetSpan: this.jump,
      warnings: this.warnings,
    };
    return this.asCommand(common, () => this.rules(sources, destinations, made, span));
  }

  private asCommand(common: Common, rules: () => readonly RuleSpec[]): Command {
    const name = this.chain?.text;
    const chain = name!;
    const number = this.number || undefined;
    switch (this.verb) {
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
        return { ...common, kind: 'policy', chain, policy: this.policy!.text, counters: this.counters };
    }
  }

  private farewell(span: Span): Command {
    const { family } = this.context;
    const common = {
      family,
      table: this.table,
      flags: this.flags(),
      span,
      chainSpan: span,
      targetSpan: undefined,
      warnings: [],
    };
    if (this.finished === 'version') return { ...common, kind: 'version', inverted: this.zero };
    return { ...common, kind: 'help', matches: this.matches.map((match) => match.syntax.name) };
  }

  private flags(): Flags {
    const { verbose, seen, wait } = this;
    const plain = verbose === 0 && wait === undefined && !seen.has('n') && !seen.has('x') && !seen.has('0');
    if (plain) return NO_FLAGS;
    return { verbose, numeric: seen.has('n'), exact: seen.has('x'), lineNumbers: seen.has('0'), wait };
  }

  private refuseNatDrop(): void {
    if (this.table !== 'nat') return;
    const at = this.policy?.text === 'DROP' ? this.policy : this.jump?.text === 'DROP' ? this.jump : undefined;
    if (!at) return;
    const text = '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n';
    throw new RuleError(text, at, 'drop in the filter table, or in raw before the tracker');
  }

  private finishExtensions(): { matches: MatchSpec[]; target: unknown } {
    const { family, names } = this.context;
    const table: TableName = isTableName(this.table) ? this.table : 'filter';
    const protocol = this.ruleProtocol();
    const scope = { family, table, chain: this.chain?.text, protocol, names };
    const matches = this.matches.map((match) => ({ name: match.syntax.name, checked: match.finish(scope) }));
    return { matches, target: this.target?.finish(scope) };
  }

  private ruleProtocol(): { number: number; inverted: boolean } | undefined {
    return this.protocol && this.protocol.number !== 0 ? this.protocol : undefined;
  }

  private addresses(given: { word: Word; inverted: boolean } | undefined): readonly (MaskedAddress | undefined)[] {
    if (!given) return ANY_ADDRESS;
    const { family, names } = this.context;
    const list = readAddresses(given.word.text, given.inverted, family, names, given.word);
    return list.map((address) => (isAny(address, family) ? undefined : address));
  }

  /** "Illegal option `-n' with this command": of several, the first in the real tool's table. */
  private refuseForeign(): void {
    const { seen } = this;
    const verb = this.verb!;
    let foreign = false;
    for (const letter of seen.keys()) if (VERBS_OF[letter]?.includes(verb) === false) foreign = true;
    if (!foreign) return;
    const [letter] = TAKEN.find(([one, verbs]) => seen.has(one) && !verbs.includes(verb))!;
    throw new RuleError(`Illegal option \`-${letter}' with this command`, seen.get(letter));
  }

  private checkChain(): void {
    const { chain } = this;
    if (!chain) return;
    if (octets(chain.text) > NAME_LENGTH) {
      const text = `chain name \`${chain.text}' too long (must be under ${NAME_LENGTH + 1} chars)`;
      throw new RuleError(text, chain);
    }
    if (this.verb !== '#' && !RULE_VERBS.includes(this.verb!)) return;
    const { text } = chain;
    for (const [letter, chains] of FOREIGN) {
      const at = this.seen.get(letter);
      if (at && chains.includes(text)) throw new RuleError(`Can't use -${letter} with ${text}`, at);
    }
  }

  /** Source times destination, source outermost. */
  private rules(
    sources: readonly (MaskedAddress | undefined)[],
    destinations: readonly (MaskedAddress | undefined)[],
    made: { matches: MatchSpec[]; target: unknown },
    span: Span,
  ): readonly RuleSpec[] {
    if (sources.length === 1 && destinations.length === 1) return [this.rule(sources[0], destinations[0], made, span)];
    return sources.flatMap((from) => destinations.map((to) => this.rule(from, to, made, span)));
  }

  private rule(
    source: MaskedAddress | undefined,
    destination: MaskedAddress | undefined,
    made: { matches: MatchSpec[]; target: unknown },
    span: Span,
  ): RuleSpec {
    const { family, source: where } = this.context;
    const origin: Origin | undefined = where && {
      file: where.file,
      line: where.line,
      text: where.text,
      span: { start: span.start - where.start, end: span.start - where.start + where.text.length },
    };
    const rule: RuleSpec = {
      family,
      source,
      destination,
      inInterface: this.inInterface,
      outInterface: this.outInterface,
      protocol: this.ruleProtocol(),
      fragment: this.fragment,
      matches: made.matches,
      target: this.targetSpec(made.target),
      counters: this.counters,
      origin,
    };
    return family === 6 && this.protocol?.number === 0 ? { ...rule, allProtocols: true } : rule;
  }

  private targetSpec(checked: unknown): TargetSpec | undefined {
    if (!this.jump) return undefined;
    const name = this.jump.text;
    if (this.goto) return { kind: 'goto', chain: name };
    if (this.target) return { kind: 'extension', name: this.target.syntax.name, checked };
    return isVerdict(name) ? { kind: 'verdict', name } : { kind: 'jump', chain: name };
  }
}

/** "Bad argument `x'": the one message that the real tool prints without its name and version in front. */
export class BadArgument extends RuleError {
  override readonly bare = true;

  constructor(word: Word, hint?: string) {
    super(`Bad argument \`${word.text}'`, word, hint);
  }
}

const rest = (word: Word, from: number): Word => ({
  text: word.text.slice(from),
  start: Math.min(word.start + from, word.end),
  end: word.end,
});

function wordsAfter(meaning: Meaning): number {
  if (meaning.kind === 'extension') return meaning.named.option.words;
  return meaning.base.argument === 1 ? 1 : 0;
}

const missingArgument = (word: Word): RuleError => new RuleError(`option "${word.text}" requires an argument`, word);

function ruleNumber(word: Word): number {
  const number = wholeNumber(word.text, 1, 0x7fff_ffff);
  if (number === undefined) throw new RuleError(`Invalid rule number \`${word.text}'`, word, 'rules count from 1');
  return number;
}

/** `-c packets bytes` or `-c packets,bytes`; text after the digits of a number is not looked at. */
function readCounters(word: Word, first: Word, second: Word | undefined): Counters {
  const comma = first.text.indexOf(',', 1);
  const bytes = comma >= 0 ? first.text.slice(comma + 1) : second?.text;
  if (bytes === undefined) throw new RuleError('-c requires packet and byte counter', word);
  const packets = leadingNumber(first.text);
  if (packets === undefined) throw new RuleError('-c packet counter not numeric', first);
  const octetCount = leadingNumber(bytes);
  if (octetCount === undefined) throw new RuleError('-c byte counter not numeric', second ?? first);
  return { packets, bytes: octetCount };
}

const leadingNumber = (text: string): number | undefined => {
  const scanned = scanNumber(text, 0, 10);
  return scanned && Number(scanned.value);
};

function otherFamily(lookup: Lookup, kind: 'match' | 'target', name: string, family: Family): string | undefined {
  const other = family === 4 ? 6 : 4;
  return lookup[kind](name, other) ? `it is there for IPv${other} only` : undefined;
}

export const baseLongNames = (): readonly string[] => BASE_OPTIONS.flatMap((base) => base.long);
