// From words to a command: what the actions of the Chevrotain grammar (parser.ts) do.
//
// A Reader lives for one command. The grammar calls `classify` for the next word, which says what kind of word it is by the options
// that are known *now* (base options and the extensions loaded so far), then hands over option and value words; `finish` makes the
// command. The order of the checks is the real tool's, so that the first thing said of a wrong command is what that says.

import type { Family } from '../packet/numbers.ts';
import { isAny, readAddresses } from './addresses.ts';
import type { BaseOption, Letter } from './base-options.ts';
import type { Command, Common, Flags } from './command.ts';
import { RuleError, type Span } from './error.ts';
import {
  BadArgument,
  checkNewChain,
  deviceName,
  isVerdict,
  missingArgument,
  OtherFamily,
  otherFamily,
  readCounters,
  targetName,
  waitSeconds,
  warnOfWeirdDevice,
} from './frame-words.ts';
import { Loaded, type NamedOption } from './loaded.ts';
import type { Lookup } from './lookup.ts';
import type { Names } from './names.ts';
import { neverLast, protocolName, protocolNames, protocolNumber } from './protocols.ts';
import type { Counters, InterfaceSpec, MaskedAddress, MatchSpec, Origin, RuleSpec, TargetSpec } from './rule-spec.ts';
import { wholeNumber } from './scan.ts';
import { didYouMean } from './suggest.ts';
import { isTableName, type TableName } from './tables.ts';
import { isVerb, Verb } from './verb.ts';
import { type Reading, WordClasses, wordsAfter } from './word-classes.ts';
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
  /** Takes the warnings as they come, for those of a command that is refused in the end. */
  readonly warnings?: string[];
  /** For the origin of rules. */
  readonly source:
    | { readonly file: string; readonly line: number; readonly text: string; readonly start: number }
    | undefined;
}

const INVERTIBLE = 'sdpiof';
const ANY_ADDRESS: readonly undefined[] = [undefined];
const NO_FLAGS: Flags = Object.freeze({
  verbose: 0,
  numeric: false,
  exact: false,
  lineNumbers: false,
  wait: undefined,
});

export class Reader {
  private readonly context: ReaderContext;
  private readonly classes: WordClasses;
  private readonly verb = new Verb();
  private inverted: Word | undefined;
  private table: string;
  private readonly seen = new Map<Letter, Span>();
  private verbose = 0;
  private wait: number | undefined;
  private waitInterval = false;
  /** -h or -V was met; with `!` in front of it. */
  private finished: { readonly kind: 'help' | 'version'; readonly inverted: boolean } | undefined;
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
  private readonly warnings: string[];
  private readonly warn = (text: string): void => {
    this.warnings.push(text);
  };

  constructor(context: ReaderContext) {
    this.context = context;
    this.warnings = context.warnings ?? [];
    this.table = context.table;
    this.classes = new WordClasses(context.lookup, context.family, (word) => this.loadImplied(word));
  }

  /** What `word` is at this point. `before` is the word before it, for the real tool names that one in some messages. */
  classify(word: Word, before: Word | undefined): Reading {
    return this.classes.classify(word, before);
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
    this.classes.load(loaded);
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
    this.classes.refuse(word, said);
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

  /** Operands that the option takes if they are there: `-D chain [number]`, `--rateest-bps [rate]`. */
  operands(reading: Reading & { kind: 'options' }): number {
    if (reading.last.kind !== 'base') return reading.last.named.option.optionalWord ? 1 : 0;
    const { letter } = reading.last.base;
    if ('LSZ'.includes(letter)) return reading.glued ? 1 : 2;
    if ('FX'.includes(letter)) return reading.glued ? 0 : 1;
    if (letter === 'w' || letter === 'W') return reading.glued ? 0 : 1;
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
    if (last.kind === 'extension') this.extension(last.loaded, last.named, word, [...all, ...operands]);
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
    const context = { family, names, protocol: this.protocol, warn: this.warn };
    loaded.take(named, values, this.inverted !== undefined, { start, end }, context);
  }

  private base(base: BaseOption, word: Word, value: Word | undefined, operands: readonly Word[]): void {
    const { letter } = base;
    if (isVerb(letter)) this.command(letter, word, value, operands);
    else if (value) this.valued(letter, word, value, operands);
    else this.flagged(letter, word, operands);
  }

  private command(letter: Letter, word: Word, value: Word | undefined, operands: readonly Word[]): void {
    if (letter === 'N') checkNewChain(value!, this.context.lookup, this.context.family);
    this.verb.take(letter, word, value, operands, this.inverted);
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
        if (!inverted && neverLast(number, family)) {
          const lower = value.text.toLowerCase();
          this.warn(`Warning: never matched protocol: ${lower}. use extension match instead.`);
        }
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
        this.inInterface = this.device('i', word, value);
        break;
      case 'o':
        this.outInterface = this.device('o', word, value);
        break;
      case 'j':
        this.once('j', word);
        this.jumpTo(value);
        break;
      case 'g':
        this.once('j', word);
        this.goto = true;
        this.jump = targetName(value);
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
        this.pausing(word, value);
        break;
      case 'h':
        this.finished ??= { kind: 'help', inverted };
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
      case 'W':
        this.pausing(word, operands[0]);
        break;
      case 'V':
        this.finished ??= { kind: 'version', inverted: this.inverted !== undefined };
        break;
      case 'h':
        this.finished ??= { kind: 'help', inverted: false };
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
    this.wait = waitSeconds(value);
  }

  /** The interval between two looks at the lock, which the kernel's own waiting has made needless. */
  private pausing(word: Word, value: Word | undefined): void {
    if (this.context.restore) throw new RuleError("You cannot use `-W' from iptables-restore", word);
    if (!value) throw new RuleError('wait interval value required', word);
    if (wholeNumber(value.text, 0, 0x7fff_ffff) === undefined) throw new RuleError('wait interval not numeric', value);
    this.warnings.push('Ignoring deprecated --wait-interval option.');
    this.waitInterval = true;
  }

  private device(letter: 'i' | 'o', word: Word, value: Word): InterfaceSpec {
    if (value.text === '') {
      throw new RuleError(
        'Empty interface is likely to be undesired',
        value,
        'for any device leave it out, or write +',
      );
    }
    this.once(letter, word);
    const name = deviceName(value);
    warnOfWeirdDevice(name, this.warn);
    // A lone `+` is any device, and yet a condition to the kernel: such a rule never ends the walk of its load check.
    return { name, inverted: this.inverted !== undefined };
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

  private jumpTo(value: Word): void {
    this.jump = targetName(value);
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
    if (!this.verb.given) throw new RuleError('no command specified', span, 'such as -A CHAIN in front');
    if (this.inverted) throw new RuleError('nothing appropriate following !', this.inverted);
    const sources = this.addresses(this.source);
    const destinations = this.addresses(this.destination);
    const many = sources.length > 1 || destinations.length > 1;
    if (many && (this.source?.inverted || this.destination?.inverted)) {
      const at = this.source?.inverted ? this.source.word : this.destination!.word;
      throw new RuleError('! not allowed with multiple source or destination IP addresses', at);
    }
    if (this.verb.replaces && many) throw new RuleError('Replacement rule does not specify a unique address', span);
    this.verb.refuseForeign(this.seen);
    this.verb.checkChain(this.seen);
    const common: Common = {
      family,
      table: this.table,
      flags: this.flags(),
      span,
      chainSpan: this.verb.chain ?? span,
      targetSpan: this.jump,
      warnings: this.warnings,
    };
    return this.verb.command(common, this.counters, () => this.rules(sources, destinations, made, span));
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
    if (this.finished?.kind === 'version') return { ...common, kind: 'version', inverted: this.finished.inverted };
    // `-p icmp -h`, without a match: that of the protocol.
    if (this.matches.length === 0 && this.protocolWord) this.loadImplied(this.protocolWord);
    const extensions = [...(this.target ? [this.target] : []), ...this.matches];
    return { ...common, kind: 'help', extensions: extensions.map(({ syntax }) => syntax) };
  }

  private flags(): Flags {
    const { verbose, seen, wait } = this;
    const plain = verbose === 0 && wait === undefined && !seen.has('n') && !seen.has('x') && !seen.has('0');
    if (plain) return NO_FLAGS;
    return { verbose, numeric: seen.has('n'), exact: seen.has('x'), lineNumbers: seen.has('0'), wait };
  }

  private refuseNatDrop(): void {
    if (this.table !== 'nat') return;
    const { policy } = this.verb;
    const at = policy?.text === 'DROP' ? policy : this.jump?.text === 'DROP' ? this.jump : undefined;
    if (!at) return;
    const text = '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n';
    throw new RuleError(text, at, 'drop in the filter table, or in raw before the tracker');
  }

  private finishExtensions(): { matches: MatchSpec[]; target: unknown } {
    const { family, names } = this.context;
    const table: TableName = isTableName(this.table) ? this.table : 'filter';
    const protocol = this.ruleProtocol();
    const scope = { family, table, chain: this.verb.chain?.text, protocol, names, warn: this.warn };
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
      saved: this.context.restore === undefined ? undefined : true,
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
