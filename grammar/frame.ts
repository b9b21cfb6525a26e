// The options that every rule may have, whatever is loaded: addresses, devices, protocol, target's name, counters, and those of the program. What
// each says when it stands twice, behind a `!`, or where it may not stand is the real tool's.

import type { Family } from '../packet/numbers.ts';
import type { Letter } from './base-options.ts';
import type { Flags } from './command.ts';
import { RuleError, type Span } from './error.ts';
import { deviceName, OtherFamily, readCounters, targetName, waitSeconds, warnOfWeirdDevice } from './frame-words.ts';
import type { Names } from './names.ts';
import { neverLast, protocolNames, protocolNumber } from './protocols.ts';
import type { Counters, InterfaceSpec } from './rule-spec.ts';
import { wholeNumber } from './scan.ts';
import { didYouMean } from './suggest.ts';
import type { Word } from './words.ts';

export interface FrameContext {
  readonly family: Family;
  readonly names: Names;
  /** Table to begin with; a restore's section. */
  readonly table: string;
  /** Inside a restore: -t, -w, -W are refused. The program's name for messages. */
  readonly restore: string | undefined;
  /** Takes the warnings as they come, for those of a command that is refused in the end. */
  readonly warnings?: string[];
}

/** An address as it was written. */
export interface AddressWord {
  readonly word: Word;
  readonly inverted: boolean;
}

const INVERTIBLE = 'sdpiof';
const NO_FLAGS: Flags = Object.freeze({
  verbose: 0,
  numeric: false,
  exact: false,
  lineNumbers: false,
  wait: undefined,
});

/** What the frame's options have said so far. */
export class Frame {
  /** The `!` that stands in front of the next option. */
  inverted: Word | undefined;
  table: string;
  readonly seen = new Map<Letter, Span>();
  wait: number | undefined;
  waitInterval = false;
  /** -h or -V was met; with `!` in front of it. */
  finished: { readonly kind: 'help' | 'version'; readonly inverted: boolean } | undefined;
  source: AddressWord | undefined;
  destination: AddressWord | undefined;
  inInterface: InterfaceSpec | undefined;
  outInterface: InterfaceSpec | undefined;
  protocol: { number: number; inverted: boolean } | undefined;
  protocolWord: Word | undefined;
  fragment: { inverted: boolean } | undefined;
  jump: Word | undefined;
  goto = false;
  counters: Counters | undefined;
  readonly warnings: string[];
  private verbose = 0;
  private readonly context: FrameContext;

  constructor(context: FrameContext) {
    this.context = context;
    this.warnings = context.warnings ?? [];
    this.table = context.table;
  }

  readonly warn = (text: string): void => {
    this.warnings.push(text);
  };

  /** An option that may stand once, with or without `!`. */
  private once(letter: Letter, word: Word): void {
    if (this.seen.has(letter)) throw new RuleError(`multiple -${letter} flags not allowed`, word);
    this.seen.set(letter, word);
    if (this.inverted && !INVERTIBLE.includes(letter))
      throw new RuleError(`cannot have ! before -${letter}`, this.inverted);
  }

  valued(letter: Letter, word: Word, value: Word, operands: readonly Word[]): void {
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
        this.jump = targetName(value);
        break;
      case 'g':
        this.once('j', word);
        this.goto = true;
        this.jump = targetName(value);
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

  flagged(letter: Letter, word: Word, operands: readonly Word[]): void {
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

  flags(): Flags {
    const { verbose, seen, wait } = this;
    const plain = verbose === 0 && wait === undefined && !seen.has('n') && !seen.has('x') && !seen.has('0');
    if (plain) return NO_FLAGS;
    return { verbose, numeric: seen.has('n'), exact: seen.has('x'), lineNumbers: seen.has('0'), wait };
  }

  /** `-p all` is no condition. */
  ruleProtocol(): { number: number; inverted: boolean } | undefined {
    return this.protocol && this.protocol.number !== 0 ? this.protocol : undefined;
  }
}
