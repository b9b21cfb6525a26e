// From words to a command: what the actions of the Chevrotain grammar (parser.ts) do.
//
// A Reader lives for one command. The grammar calls `classify` for the next word, which says what kind of word it is by the options
// that are known *now* (base options and the extensions loaded so far), then hands over option and value words; `finish` makes the
// command. The order of the checks is the real tool's, so that the first thing said of a wrong command is what that says.

import { isAny, readAddresses } from './addresses.ts';
import type { BaseOption, Letter } from './base-options.ts';
import type { Command, Common } from './command.ts';
import { RuleError, type Span } from './error.ts';
import { type AddressWord, Frame, type FrameContext } from './frame.ts';
import { BadArgument, checkNewChain, isVerdict, missingArgument, otherFamily } from './frame-words.ts';
import { Loaded, type NamedOption } from './loaded.ts';
import type { Lookup } from './lookup.ts';
import { protocolName } from './protocols.ts';
import type { MaskedAddress, MatchSpec, Origin, RuleSpec, TargetSpec } from './rule-spec.ts';
import { wholeNumber } from './scan.ts';
import { didYouMean } from './suggest.ts';
import { isTableName, type TableName } from './tables.ts';
import { isVerb, Verb } from './verb.ts';
import { type Reading, WordClasses, wordsAfter } from './word-classes.ts';
import type { Word } from './words.ts';

export interface ReaderContext extends FrameContext {
  readonly lookup: Lookup;
  /** Whether a user chain of that name exists: a chain hides a target of the same name. */
  isChain(table: string, name: string): boolean;
  /** For the origin of rules. */
  readonly source:
    | { readonly file: string; readonly line: number; readonly text: string; readonly start: number }
    | undefined;
}

const ANY_ADDRESS: readonly undefined[] = [undefined];

export class Reader {
  private readonly context: ReaderContext;
  private readonly classes: WordClasses;
  private readonly verb = new Verb();
  private readonly frame: Frame;
  private unread: Word | undefined;
  private protocolMatchLoaded = false;
  private readonly matches: Loaded[] = [];
  private target: Loaded | undefined;

  constructor(context: ReaderContext) {
    this.context = context;
    this.frame = new Frame(context);
    this.classes = new WordClasses(context.lookup, context.family, (word) => this.loadImplied(word));
  }

  /** What `word` is at this point. `before` is the word before it, for the real tool names that one in some messages. */
  classify(word: Word, before: Word | undefined): Reading {
    return this.classes.classify(word, before);
  }

  /** An option that nobody knows, after -p: the protocol's match is loaded, once in a rule. */
  private loadImplied(word: Word): boolean {
    if (this.protocolMatchLoaded || !this.frame.protocolWord) return false;
    const { family, lookup, names } = this.context;
    const text = this.frame.protocolWord.text.toLowerCase();
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
    if (this.frame.inverted) throw new RuleError('multiple consecutive ! not allowed', word);
    this.frame.inverted = word;
  }

  plain(word: Word): never {
    const hint = this.frame.inverted ? 'the "!" stands in front of the option: ! --option value' : undefined;
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
      this.frame.inverted = undefined;
    }
    const { last } = reading;
    const all = reading.glued ? [reading.glued, ...values] : values;
    if (last.kind === 'extension') this.extension(last.loaded, last.named, word, [...all, ...operands]);
    else {
      if (last.base.argument === 1 && all.length === 0) throw missingArgument(word);
      this.base(last.base, word, all[0], operands);
    }
    this.frame.inverted = undefined;
  }

  private extension(loaded: Loaded, named: NamedOption, word: Word, values: readonly Word[]): void {
    const { words } = named.option;
    if (words > 0 && values.length === 0) throw missingArgument(word);
    if (words === 2 && (values.length < 2 || !this.isOperand(values[1]))) {
      const said = named.option.missing ?? `--${named.name} requires two args.`;
      throw new RuleError(said, { start: word.start, end: values[0].end });
    }
    const start = (this.frame.inverted ?? word).start;
    const end = Math.max(word.end, values.at(-1)?.end ?? 0);
    const { family, names } = this.context;
    const context = { family, names, protocol: this.frame.protocol, warn: this.frame.warn };
    loaded.take(named, values, this.frame.inverted !== undefined, { start, end }, context);
  }

  private base(base: BaseOption, word: Word, value: Word | undefined, operands: readonly Word[]): void {
    const { letter } = base;
    if (isVerb(letter)) this.command(letter, word, value, operands);
    else if (!value) this.frame.flagged(letter, word, operands);
    else if (letter === 'm') this.loadMatch(value);
    else {
      this.frame.valued(letter, word, value, operands);
      if (letter === 'j') this.loadTarget(value);
    }
  }

  private command(letter: Letter, word: Word, value: Word | undefined, operands: readonly Word[]): void {
    if (letter === 'N') checkNewChain(value!, this.context.lookup, this.context.family);
    this.verb.take(letter, word, value, operands, this.frame.inverted);
  }

  private loadMatch(value: Word): void {
    if (this.frame.inverted) throw new RuleError('unexpected ! flag before --match', this.frame.inverted);
    const { family, lookup } = this.context;
    const syntax = lookup.match(value.text, family);
    if (!syntax) {
      const hint =
        didYouMean(value.text, lookup.names('match', family)) ?? otherFamily(lookup, 'match', value.text, family);
      throw new RuleError(`Couldn't load match \`${value.text}':No such file or directory`, value, hint);
    }
    this.load(new Loaded(syntax, 'match', value));
  }

  private loadTarget(value: Word): void {
    const { text } = value;
    if (isVerdict(text) || this.context.isChain(this.frame.table, text)) return;
    const syntax = this.context.lookup.target(text, this.context.family);
    if (syntax) this.load(new Loaded(syntax, 'target', value));
  }

  /** Reading ended early by -h or -V: nothing after it counts. */
  get ended(): boolean {
    return this.frame.finished !== undefined;
  }

  // --- The end of the line ------------------------------------------------------------------------------------------

  /** `span` covers all words. */
  finish(span: Span): Command {
    const { family } = this.context;
    if (this.frame.finished) return this.farewell(span);
    if (this.frame.wait === undefined && this.frame.waitInterval) {
      throw new RuleError('--wait-interval only makes sense with --wait', span);
    }
    this.refuseNatDrop();
    const made = this.finishExtensions();
    if (this.unread) throw new RuleError('unknown arguments found on commandline', this.unread);
    if (!this.verb.given) throw new RuleError('no command specified', span, 'such as -A CHAIN in front');
    if (this.frame.inverted) throw new RuleError('nothing appropriate following !', this.frame.inverted);
    const sources = this.addresses(this.frame.source);
    const destinations = this.addresses(this.frame.destination);
    const many = sources.length > 1 || destinations.length > 1;
    if (many && (this.frame.source?.inverted || this.frame.destination?.inverted)) {
      const at = this.frame.source?.inverted ? this.frame.source.word : this.frame.destination!.word;
      throw new RuleError('! not allowed with multiple source or destination IP addresses', at);
    }
    if (this.verb.replaces && many) throw new RuleError('Replacement rule does not specify a unique address', span);
    this.verb.refuseForeign(this.frame.seen);
    this.verb.checkChain(this.frame.seen);
    const common: Common = {
      family,
      table: this.frame.table,
      flags: this.frame.flags(),
      span,
      chainSpan: this.verb.chain ?? span,
      targetSpan: this.frame.jump,
      warnings: this.frame.warnings,
    };
    return this.verb.command(common, this.frame.counters, () => this.rules(sources, destinations, made, span));
  }

  private farewell(span: Span): Command {
    const { family } = this.context;
    const common = {
      family,
      table: this.frame.table,
      flags: this.frame.flags(),
      span,
      chainSpan: span,
      targetSpan: undefined,
      warnings: [],
    };
    if (this.frame.finished?.kind === 'version')
      return { ...common, kind: 'version', inverted: this.frame.finished.inverted };
    // `-p icmp -h`, without a match: that of the protocol.
    if (this.matches.length === 0 && this.frame.protocolWord) this.loadImplied(this.frame.protocolWord);
    const extensions = [...(this.target ? [this.target] : []), ...this.matches];
    return { ...common, kind: 'help', extensions: extensions.map(({ syntax }) => syntax) };
  }

  private refuseNatDrop(): void {
    if (this.frame.table !== 'nat') return;
    const { policy } = this.verb;
    const at = policy?.text === 'DROP' ? policy : this.frame.jump?.text === 'DROP' ? this.frame.jump : undefined;
    if (!at) return;
    const text = '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n';
    throw new RuleError(text, at, 'drop in the filter table, or in raw before the tracker');
  }

  private finishExtensions(): { matches: MatchSpec[]; target: unknown } {
    const { family, names } = this.context;
    const table: TableName = isTableName(this.frame.table) ? this.frame.table : 'filter';
    const protocol = this.frame.ruleProtocol();
    const scope = { family, table, chain: this.verb.chain?.text, protocol, names, warn: this.frame.warn };
    const matches = this.matches.map((match) => ({ name: match.syntax.name, checked: match.finish(scope) }));
    return { matches, target: this.target?.finish(scope) };
  }

  private addresses(given: AddressWord | undefined): readonly (MaskedAddress | undefined)[] {
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
      inInterface: this.frame.inInterface,
      outInterface: this.frame.outInterface,
      protocol: this.frame.ruleProtocol(),
      fragment: this.frame.fragment,
      matches: made.matches,
      target: this.targetSpec(made.target),
      counters: this.frame.counters,
      origin,
    };
    return family === 6 && this.frame.protocol?.number === 0 ? { ...rule, allProtocols: true } : rule;
  }

  private targetSpec(checked: unknown): TargetSpec | undefined {
    if (!this.frame.jump) return undefined;
    const name = this.frame.jump.text;
    if (this.frame.goto) return { kind: 'goto', chain: name };
    if (this.target) return { kind: 'extension', name: this.target.syntax.name, checked };
    return isVerdict(name) ? { kind: 'verdict', name } : { kind: 'jump', chain: name };
  }
}
