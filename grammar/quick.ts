// The quick way for the lines that save files are made of: `-A CHAIN`, base options in their short form, extensions with their options
// spelled out, each extension's right behind its name. It reads such a line to the same RuleSpec as the grammar does (parser.ts, reader.ts),
// word for word of the same value parsers and checks, in a tenth of the time: no tokens, no positions, and what was read before is not
// read again (an address, `-m conntrack --ctstate NEW`).
//
// It never says what is wrong. Whatever it does not know, or does not like, it leaves to the grammar, which is the language and has all the
// words; so does what a value parser refuses.

import { readAddresses } from './addresses.ts';
import { type Printing, printEnds, printMatch, printTarget } from './print.ts';
import { neverLast, protocolNumber } from './protocols.ts';
import { QuickAddresses } from './quick-address.ts';
import { type Protocol, type QuickContext, QuickExtensions, refuse, remember, type SoFar } from './quick-extensions.ts';
import { cut, groupEnd, isName } from './quick-words.ts';
import type { Counters, InterfaceSpec, MaskedAddress, MatchSpec, RuleSpec, TargetSpec } from './rule-spec.ts';
import { isTableName, type TableName } from './tables.ts';

/** A line as an append. */
export interface QuickAppend {
  readonly chain: string;
  readonly rule: RuleSpec;
}

/** Longer lines are the grammar's. */
const LONGEST = 1000;

const NO_MATCHES: readonly MatchSpec[] = Object.freeze([]);
const NO_SPAN = Object.freeze({ start: 0, end: 0 });

export class QuickReader {
  private readonly context: QuickContext;
  private readonly printing: Printing;
  private readonly addresses: QuickAddresses;
  private readonly extensions: QuickExtensions;
  private readonly protocols = new Map<string, Protocol>();
  private readonly devices = new Map<string, InterfaceSpec>();
  /** What stands behind the addresses, as it was read last. */
  private readonly tails = new Map<string, Tail>();
  /** What -save prints of a match. */
  private readonly matchTexts = new Map<MatchSpec, string>();
  /** The last one of a good name. */
  private lastChain = '';
  /** The line at work: where its next word begins, and its end. */
  private source = '';
  private at = 0;
  private stop = 0;

  constructor(context: QuickContext, table: string) {
    const { family, lookup, names } = context;
    this.context = context;
    this.printing = { lookup, names };
    const known: TableName = isTableName(table) ? table : 'filter';
    this.addresses = new QuickAddresses(family);
    this.extensions = new QuickExtensions(context, known);
  }

  /** The line of `source` from `start` to `end` (one past its newline); undefined when it is one for the grammar. */
  read(source: string, start: number, end: number, line: number, counters: boolean): QuickAppend | undefined {
    if (end - start > LONGEST) return undefined;
    let at = start;
    let count: Counters | undefined;
    if (source.charCodeAt(at) === OPENING) {
      const close = source.indexOf('] ', at);
      if (close < 0 || close >= end) return undefined;
      const numbers = COUNTERS.exec(source.slice(at + 1, close));
      if (!numbers) return undefined;
      if (counters) count = { packets: Number(numbers[1]), bytes: Number(numbers[2]) };
      at = close + 2;
    }
    if (!source.startsWith('-A ', at)) return undefined;
    const stop = source.charCodeAt(end - 1) === NEWLINE ? end - 1 : end;
    this.source = source;
    this.at = at + 3;
    this.stop = stop;
    try {
      return this.append(source.slice(start, stop), line, count);
    } catch {
      return undefined;
    }
  }

  /** From the chain's name on. */
  private append(text: string, line: number, counters: Counters | undefined): QuickAppend | undefined {
    const { family, file } = this.context;
    const from = this.at;
    const chain = this.word();
    // Save files have the addresses first; what comes behind them repeats itself.
    const source = this.end('-s ', '! -s ');
    let printed = source === undefined || this.addresses.printed;
    const destination = this.end('-d ', '! -d ');
    printed &&= destination === undefined || this.addresses.printed;
    const tail = this.tail(chain, this.at < this.stop ? this.source.slice(this.at, this.stop) : '');
    if (!tail) return undefined;
    if (source !== undefined && tail.source !== undefined) return undefined;
    if (destination !== undefined && tail.destination !== undefined) return undefined;
    const { protocol } = tail;
    // Not where a blank is left at the end.
    const isPrinted = printed && tail.printed && this.at !== this.stop;
    const conditions = isPrinted ? from + chain.length - (this.stop - text.length) : undefined;
    const plain: RuleSpec = {
      family,
      source: source ?? tail.source ?? undefined,
      destination: destination ?? tail.destination ?? undefined,
      inInterface: tail.inInterface,
      outInterface: tail.outInterface,
      protocol: protocol && protocol.number !== 0 ? protocol : undefined,
      fragment: undefined,
      matches: tail.matches,
      target: tail.target,
      counters,
      origin: { file, line, text, span: { start: 0, end: text.length }, saved: true, conditions },
    };
    const rule = family === 6 && protocol?.number === 0 ? { ...plain, allProtocols: true as const } : plain;
    return { chain, rule };
  }

  /** The word that begins here; behind it and one blank is the next. */
  private word(): string {
    const { source, at, stop } = this;
    const blank = source.indexOf(' ', at);
    const end = blank < 0 || blank > stop ? stop : blank;
    this.at = end + 1;
    return source.slice(at, end);
  }

  /** The address behind the option, if that stands here. */
  private end(plain: string, inverted: string): MaskedAddress | null | undefined {
    const { source, at } = this;
    const is = source.startsWith(plain, at);
    if (!is && !source.startsWith(inverted, at)) return undefined;
    this.at = at + (is ? plain : inverted).length;
    return this.at < this.stop ? this.address(this.word(), !is) : refuse();
  }

  private tail(chain: string, text: string): Tail | undefined {
    if (chain !== this.lastChain && !isName(chain)) return undefined;
    this.lastChain = chain;
    const before = this.tails.get(text);
    // A chain that has been declared since then hides a target of its name.
    if (before?.holdsFor(chain) && before.jumps === this.context.isChain(before.targetName)) return before;
    const words = cut(text);
    this.extensions.askedForChain = false;
    const read = words && this.words(words, chain);
    if (!read) return undefined;
    read.everywhere = !this.extensions.askedForChain && !read.inInterface && !read.outInterface;
    if (this.context.comparesText) read.printed = this.isPrinted(read, text);
    return remember(this.tails, text, read);
  }

  private isPrinted(tail: Tail, text: string): boolean {
    if (tail.source !== undefined || tail.destination !== undefined) return false;
    const { lookup, names } = this.printing;
    const { inInterface, outInterface, target } = tail;
    const protocol = tail.protocol?.number === 0 ? undefined : tail.protocol;
    const scope = { family: this.context.family, names, protocol };
    let printed = printEnds({ inInterface, outInterface, protocol }, names);
    for (const match of tail.matches) {
      // Shared by all that were read from the same words behind the same -p.
      const known = this.matchTexts.get(match);
      printed += known ?? remember(this.matchTexts, match, printMatch(match, lookup, scope));
    }
    return printed + printTarget(target, lookup, scope) === (text === '' ? '' : ` ${text}`);
  }

  private words(words: readonly string[], chain: string): Tail | undefined {
    const read = new Tail(chain);
    let inverted = false;
    for (let at = 0; at < words.length; at++) {
      const word = words[at];
      if (word === '!') {
        if (inverted) return undefined;
        inverted = true;
        continue;
      }
      const value = words[++at];
      if (word.startsWith('--')) {
        const behind = groupEnd(words, at);
        read.matches = [this.extensions.implied(words, at - (inverted ? 2 : 1), behind, chain, read)];
        at = behind - 1;
        inverted = false;
        continue;
      }
      if (value === undefined) return undefined;
      switch (word) {
        case '-s':
          if (read.source !== undefined) return undefined;
          read.source = this.address(value, inverted);
          break;
        case '-d':
          if (read.destination !== undefined) return undefined;
          read.destination = this.address(value, inverted);
          break;
        case '-i':
          if (read.inInterface || chain === 'POSTROUTING' || chain === 'OUTPUT') return undefined;
          read.inInterface = this.device(value, inverted);
          break;
        case '-o':
          if (read.outInterface || chain === 'PREROUTING' || chain === 'INPUT') return undefined;
          read.outInterface = this.device(value, inverted);
          break;
        case '-p':
          if (read.protocol || read.matches.length > 0 || read.target) return undefined;
          read.protocol = this.protocol(value, inverted);
          read.protocolWord = value.toLowerCase();
          break;
        case '-m': {
          const behind = groupEnd(words, at + 1);
          if (inverted || read.target) return undefined;
          const match = this.extensions.match(words, at, behind, chain, read);
          read.matches = [...read.matches, match];
          at = behind - 1;
          break;
        }
        case '-j': {
          const behind = groupEnd(words, at + 1);
          if (inverted || read.target || behind < words.length) return undefined;
          read.target = this.extensions.target(words, at, behind, chain, read);
          read.targetName = value;
          read.jumps = read.target.kind === 'jump';
          at = behind - 1;
          break;
        }
        case '-g':
          if (inverted || read.target || !isName(value)) return undefined;
          read.target = { kind: 'goto', chain: value };
          break;
        default:
          return undefined;
      }
      inverted = false;
    }
    return inverted ? undefined : read;
  }

  // --- Values of base options ------------------------------------------------------------------------------------------

  /** Null: any address. */
  private address(text: string, inverted: boolean): MaskedAddress | null {
    return this.addresses.read(text, inverted, this.oneAddress);
  }

  /** A list makes several rules, and a name may stand for several addresses. */
  private readonly oneAddress = (text: string, inverted: boolean): MaskedAddress => {
    const { family, names } = this.context;
    const list = readAddresses(text, inverted, family, names, NO_SPAN);
    return list.length === 1 ? list[0] : refuse();
  };

  private protocol(text: string, inverted: boolean): Protocol {
    const key = inverted ? `! ${text}` : text;
    const known = this.protocols.get(key);
    if (known) return known;
    const number = protocolNumber(text, this.context.names);
    // Of one that is never there the grammar warns.
    if (number === undefined || (number === 0 && inverted) || (!inverted && neverLast(number, this.context.family)))
      return refuse();
    return remember(this.protocols, key, { number, inverted });
  }

  private device(name: string, inverted: boolean): InterfaceSpec {
    const key = inverted ? `! ${name}` : name;
    const known = this.devices.get(key);
    if (known) return known;
    if (!/^[!-.0-~]{1,15}$/.test(name)) return refuse();
    return remember(this.devices, key, { name, inverted });
  }
}

/** The end of a line, or all of it behind the chain. */
class Tail implements SoFar {
  /** In which it was read; whether it would be the same in any other. */
  private readonly chain: string;
  everywhere = false;
  /** Null: any. */
  source: MaskedAddress | null | undefined = undefined;
  destination: MaskedAddress | null | undefined = undefined;
  inInterface: InterfaceSpec | undefined = undefined;
  outInterface: InterfaceSpec | undefined = undefined;
  protocol: Protocol | undefined = undefined;
  /** As it was written, in lower case. */
  protocolWord = '';
  /** Shared by all rules that end like this. */
  matches: readonly MatchSpec[] = NO_MATCHES;
  target: TargetSpec | undefined = undefined;
  /** Behind -j; whether that is a chain. */
  targetName = '';
  jumps = false;
  /** -save prints it as it was written. */
  printed = false;

  constructor(chain: string) {
    this.chain = chain;
  }

  holdsFor(chain: string): boolean {
    return this.everywhere || this.chain === chain;
  }
}

const OPENING = 0x5b;
const NEWLINE = 0x0a;
/** Fifteen digits are exact. */
const COUNTERS = /^(\d{1,15}):(\d{1,15})$/;
