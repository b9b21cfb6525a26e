// The quick way for the lines that save files are made of: `-A CHAIN`, base options in their short form, extensions with their options
// spelled out, each extension's right behind its name. It reads such a line to the same RuleSpec as the grammar does (parser.ts, reader.ts),
// word for word of the same value parsers and checks, in a tenth of the time: no tokens, no positions, and what was read before is not
// read again (an address, `-m conntrack --ctstate NEW`).
//
// It never says what is wrong. Whatever it does not know, or does not like, it leaves to the grammar, which is the language and has all the
// words; so does what a value parser refuses.

import type { Family } from '../packet/numbers.ts';
import { isAny, readAddresses } from './addresses.ts';
import { BY_LONG } from './base-options.ts';
import { isVerdict, NAME_LENGTH } from './frame-words.ts';
import { type NamedOption, spellings, wants } from './loaded.ts';
import type { AnySyntax, Lookup } from './lookup.ts';
import type { Names } from './names.ts';
import type { Given, RuleScope, ValueScope } from './options.ts';
import { neverLast, protocolName, protocolNumber } from './protocols.ts';
import { quickAddress } from './quick-address.ts';
import type { Counters, InterfaceSpec, MaskedAddress, MatchSpec, RuleSpec, TargetSpec } from './rule-spec.ts';
import { wholeNumber } from './scan.ts';
import { isTableName, type TableName } from './tables.ts';
import { splitWords } from './words.ts';

export interface QuickContext {
  readonly family: Family;
  readonly lookup: Lookup;
  readonly names: Names;
  readonly file: string;
  /** Whether a user chain of that name exists: a chain hides a target of the same name. */
  isChain(name: string): boolean;
}

/** A line as an append. */
export interface QuickAppend {
  readonly chain: string;
  readonly rule: RuleSpec;
}

/** Longer lines are the grammar's. */
const LONGEST = 1000;
/** Remembered groups of words. */
const MOST = 1 << 16;

/** Addresses of either sense that are remembered. */
const PLACES = 1 << 12;

type Protocol = { readonly number: number; readonly inverted: boolean };

/** The grammar must say. Made once: nobody looks where it was thrown. */
const UNKNOWN = new Error('not read the quick way');

const refuse = (): never => {
  throw UNKNOWN;
};

const NO_MATCHES: readonly MatchSpec[] = Object.freeze([]);
const NO_SPAN = Object.freeze({ start: 0, end: 0 });

export class QuickReader {
  private readonly context: QuickContext;
  private readonly table: TableName;
  /** The address that was read last, of all whose texts have the same place. */
  private readonly addressTexts: string[] = new Array(2 * PLACES).fill('');
  private readonly addresses: (MaskedAddress | null)[] = new Array(2 * PLACES).fill(null);
  private readonly protocols = new Map<string, Protocol>();
  private readonly devices = new Map<string, InterfaceSpec>();
  private readonly matches = new Map<string, MatchSpec>();
  private readonly targets = new Map<string, TargetSpec>();
  private readonly jumps = new Map<string, TargetSpec>();
  /** What stands behind the addresses, as it was read last. */
  private readonly tails = new Map<string, Tail>();
  /** The line at work: where its next word begins, and its end. */
  private source = '';
  private at = 0;
  private stop = 0;

  constructor(context: QuickContext, table: string) {
    this.context = context;
    this.table = isTableName(table) ? table : 'filter';
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
    const chain = this.word();
    // Save files have the addresses first; what comes behind them repeats itself.
    const source = this.end('-s ', '! -s ');
    const destination = this.end('-d ', '! -d ');
    const tail = this.tail(chain, this.at < this.stop ? this.source.slice(this.at, this.stop) : '');
    if (!tail) return undefined;
    if (source !== undefined && tail.source !== undefined) return undefined;
    if (destination !== undefined && tail.destination !== undefined) return undefined;
    const { protocol } = tail;
    const rule: RuleSpec = {
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
      origin: { file, line, text, span: { start: 0, end: text.length }, saved: true },
    };
    return { chain, rule: family === 6 && protocol?.number === 0 ? { ...rule, allProtocols: true } : rule };
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
    const before = this.tails.get(text);
    // Of the same chain: checks may go by it. And a chain that has been declared since then hides a target of its name.
    if (before?.chain === chain && before.jumps === this.context.isChain(before.targetName)) return before;
    if (!isName(chain)) return undefined;
    const words = cut(text);
    const read = words && this.words(words, chain);
    return read && remember(this.tails, text, read);
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
        read.matches = [this.implied(words, at - (inverted ? 2 : 1), behind, chain, read)];
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
          const match = this.match(words, at, behind, chain, read);
          read.matches = [...read.matches, match];
          at = behind - 1;
          break;
        }
        case '-j': {
          const behind = groupEnd(words, at + 1);
          if (inverted || read.target || behind < words.length) return undefined;
          read.target = this.target(words, at, behind, chain, read);
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
    const place = placeOf(text) + (inverted ? PLACES : 0);
    if (this.addressTexts[place] === text) return this.addresses[place];
    const { family, names } = this.context;
    let read: MaskedAddress | null | undefined = quickAddress(text, family, inverted);
    if (read === undefined) {
      // A list makes several rules, and a name may stand for several addresses.
      const list = readAddresses(text, inverted, family, names, NO_SPAN);
      if (list.length !== 1) return refuse();
      read = list[0];
    }
    if (read.mask[family === 4 ? 12 : 0] === 0 && isAny(read, family)) read = null;
    this.addressTexts[place] = text;
    this.addresses[place] = read;
    return read;
  }

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

  // --- Extensions -------------------------------------------------------------------------------------------------------

  /** The name stands at `at`, its options up to `end`. */
  private match(words: readonly string[], at: number, end: number, chain: string, read: Tail): MatchSpec {
    const key = keyOf(words, at, end, chain, read.protocol);
    const known = this.matches.get(key);
    // Loaded a second time, the options of a name are the later copy's, and the earlier one is checked without.
    if (known) return read.hasMatch(known.name) ? refuse() : known;
    const syntax = this.context.lookup.match(words[at], this.context.family);
    if (!syntax || read.hasMatch(syntax.name)) return refuse();
    const checked = this.check(syntax, words, at + 1, end, chain, read.protocol);
    return remember(this.matches, key, { name: syntax.name, checked });
  }

  /** Options behind -p and before any -m are of the protocol's match. */
  private implied(words: readonly string[], from: number, end: number, chain: string, read: Tail): MatchSpec {
    const { family, lookup, names } = this.context;
    const { protocol, protocolWord } = read;
    if (!protocol || read.matches.length > 0 || read.target) return refuse();
    for (let at = from; at < end; at++) if (abbreviatesBase(words[at])) return refuse();
    const number = wholeNumber(protocolWord, 0, 255);
    const name = number === undefined ? protocolWord : protocolName(number, names);
    const syntax = name === undefined ? undefined : lookup.match(name, family);
    if (!syntax) return refuse();
    return { name: syntax.name, checked: this.check(syntax, words, from, end, chain, protocol) };
  }

  private target(words: readonly string[], at: number, end: number, chain: string, read: Tail): TargetSpec {
    const name = words[at];
    if (!isName(name)) return refuse();
    const plain = at + 1 === end;
    if (isVerdict(name)) {
      // The nat table has none; the grammar says so.
      if (!plain || (name === 'DROP' && this.table === 'nat')) return refuse();
      return VERDICTS[name];
    }
    const key = keyOf(words, at, end, chain, read.protocol);
    if (this.context.isChain(name)) return plain ? this.jump(name) : refuse();
    const known = this.targets.get(key);
    if (known) return known;
    const syntax = this.context.lookup.target(name, this.context.family);
    if (!syntax) return refuse();
    const checked = this.check(syntax, words, at + 1, end, chain, read.protocol);
    return remember(this.targets, key, { kind: 'extension', name: syntax.name, checked });
  }

  private jump(chain: string): TargetSpec {
    return this.jumps.get(chain) ?? remember(this.jumps, chain, { kind: 'jump', chain });
  }

  /** The checked form of an extension whose options are the words from `from` to `end`. */
  private check(
    syntax: AnySyntax,
    words: readonly string[],
    from: number,
    end: number,
    chain: string,
    protocol: Protocol | undefined,
  ): unknown {
    const { family, names } = this.context;
    const spelled = spellings(syntax);
    const given: Record<string, Given<unknown>> = {};
    let inverted = false;
    for (let at = from; at < end; ) {
      const word = words[at++];
      if (word === '!') {
        if (inverted) return refuse();
        inverted = true;
        continue;
      }
      if (!word.startsWith('--')) return refuse();
      const long = word.slice(2);
      const named = BY_LONG.has(long) ? undefined : spelled.get(long);
      if (!named || !takes(named, given, inverted)) return refuse();
      const { name, option } = named;
      const value = words.slice(at, at + option.words);
      at += option.words;
      if (at > end || (option.words === 2 && /^[-!]/.test(value[1]))) return refuse();
      const scope: ValueScope = {
        family,
        extension: syntax.name,
        option: name,
        spelling: long,
        inverted,
        names,
        protocol,
        before: refuse,
        fail: refuse,
        warn: refuse,
        outOfRange: refuse,
      };
      // Some checks go by which of two options came later.
      given[name] = { name, value: option.parse(value, scope), inverted, span: { start: at, end: at } };
      inverted = false;
    }
    if (inverted || !wants(syntax, given)) return refuse();
    const ruleProtocol = protocol && protocol.number !== 0 ? protocol : undefined;
    const scope: RuleScope = {
      family,
      table: this.table,
      chain,
      protocol: ruleProtocol,
      names,
      fail: refuse,
      warn: refuse,
    };
    return syntax.check(given, scope);
  }
}

/** The end of a line, or all of it behind the chain. */
class Tail {
  readonly chain: string;
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

  constructor(chain: string) {
    this.chain = chain;
  }

  hasMatch(name: string): boolean {
    for (const match of this.matches) if (match.name === name) return true;
    return false;
  }
}

const OPENING = 0x5b;
const NEWLINE = 0x0a;
const QUOTE = '"';
/** Fifteen digits are exact. */
const COUNTERS = /^(\d{1,15}):(\d{1,15})$/;

const VERDICTS = {
  ACCEPT: { kind: 'verdict', name: 'ACCEPT' },
  DROP: { kind: 'verdict', name: 'DROP' },
  RETURN: { kind: 'verdict', name: 'RETURN' },
  QUEUE: { kind: 'verdict', name: 'QUEUE' },
} as const;

/** Undefined: blanks that are none of the plain ones, a quote that may be left open. */
function cut(text: string): readonly string[] | undefined {
  if (text === '') return [];
  if (text.includes(QUOTE)) {
    const closed = text.split(QUOTE).length % 2 === 1 && !text.includes('\\');
    return closed ? splitWords(text, 0, text.length).map((word) => word.text) : undefined;
  }
  return /[\t\n]|^ | {2}| $/.test(text) ? undefined : text.split(' ');
}

/** Of a text: its last characters differ most. */
function placeOf(text: string): number {
  let hash = text.length;
  for (let at = Math.max(0, text.length - 8); at < text.length; at++) hash = Math.imul(hash, 31) + text.charCodeAt(at);
  return (hash ^ (hash >>> 13)) & (PLACES - 1);
}

/** Names of chains and targets that give nothing to complain of. */
const isName = (name: string | undefined): boolean =>
  name !== undefined && name.length <= NAME_LENGTH && /^[!#-~]+$/.test(name);

/** Where the options of an extension end: at the next base option, or the `!` in front of it. */
function groupEnd(words: readonly string[], from: number): number {
  for (let at = from; at < words.length; at++) {
    const word = words[at];
    const option = word === '!' ? words[at + 1] : word;
    if (option !== undefined && option.length === 2 && option.charCodeAt(0) === 0x2d && option !== '--') return at;
  }
  return words.length;
}

/** Before its match is loaded, what could be a base option is one. */
function abbreviatesBase(word: string): boolean {
  for (const name of BY_LONG.keys()) if (`--${name}`.startsWith(word)) return true;
  return false;
}

/** Everything that the checked form depends on. */
const keyOf = (
  words: readonly string[],
  at: number,
  end: number,
  chain: string,
  protocol: Protocol | undefined,
): string => {
  let key = protocol === undefined ? chain : `${chain}\n${protocol.inverted ? '!' : ''}${protocol.number}`;
  for (let index = at; index < end; index++) key += `\n${words[index]}`;
  return key;
};

const takes = ({ name, option }: NamedOption, given: Readonly<Record<string, unknown>>, inverted: boolean): boolean =>
  !option.many && given[name] === undefined && (!inverted || option.invert === true);

function remember<T>(map: Map<string, T>, key: string, value: T): T {
  if (map.size >= MOST) map.clear();
  map.set(key, value);
  return value;
}
