// The Chevrotain grammar: fixed rules, moving words.
//
// The rules below never change. What changes is the class of a word: a word is an option, and wants words after it, when the option
// tables that are loaded *at that point of the line* say so (reader.ts). So before each decision the next word is classed anew,
// and `-m name` extends the language for the words behind it. Every class is also a `Word`, because every word can be a value
// (`--comment --dport`), as with getopt. One grammar rule per extension was tried: a second to build for 120 of them.
//
// A line of a save file is a sentence of its own, so recovery is at line ends: a wrong line is reported and the next one is read.

import { createToken, EmbeddedActionsParser, type IToken, type TokenType } from 'chevrotain';
import type { Command } from './command.ts';
import { RuleError, type Span } from './error.ts';
import type { Reader } from './reader.ts';
import type { Reading } from './word-classes.ts';
import type { Word } from './words.ts';

const Any = createToken({ name: 'Word' });
const kind = (name: string): TokenType => createToken({ name, categories: Any });
const Bang = kind('Bang');
/** An option that wants no word, one, two. */
const Flag = kind('Flag');
const Valued = kind('Valued');
const Pair = kind('Pair');
/** Behind a command: a word that looks like no option (`-D chain 3`). */
const Operand = kind('Operand');
/** `--`. */
const End = kind('End');
const Plain = kind('Plain');
const Unknown = kind('Unknown');
/** Words behind -h and -V. */
const Unread = kind('Unread');

const WANTING = [Flag, Valued, Pair];

interface WordToken extends IToken {
  word: Word;
}

/** Tokens live for one line: the same objects serve the next one. */
const POOL: WordToken[] = [];

function tokenOf(word: Word, index: number): WordToken {
  const token = (POOL[index] ??= {
    image: '',
    startOffset: 0,
    endOffset: 0,
    tokenType: Any,
    tokenTypeIdx: Any.tokenTypeIdx!,
    word,
  });
  token.image = word.text;
  token.startOffset = word.start;
  token.endOffset = word.end - 1;
  token.tokenType = Any;
  token.tokenTypeIdx = Any.tokenTypeIdx!;
  token.word = word;
  return token;
}

class CommandParser extends EmbeddedActionsParser {
  private reader: Reader | undefined;
  private reading: Reading | undefined;
  private operandsLeft = 0;

  constructor() {
    // One token of lookahead: a word's class decides, and classes of later words are not known yet.
    super([Any, Bang, Flag, Valued, Pair, Operand, End, Plain, Unknown, Unread], {
      maxLookahead: 1,
      skipValidations: false,
    });
    this.performSelfAnalysis();
  }

  /** Reads all `words` into `reader`. Throws RuleError at the first word that cannot be. */
  read(words: readonly Word[], reader: Reader): void {
    this.reader = reader;
    this.input = words.map(tokenOf);
    this.line();
    const [error] = this.errors;
    if (error) {
      const at = error.token as Partial<WordToken>;
      throw new RuleError(`Bad argument \`${error.token.image}'`, at.word);
    }
  }

  private readonly line = this.RULE('line', () => {
    this.ACTION(() => this.classNext());
    this.MANY(() => {
      this.SUBRULE(this.item);
      this.ACTION(() => this.classNext());
    });
  });

  private readonly item = this.RULE('item', () => {
    this.OR([
      {
        ALT: () => {
          const option = this.CONSUME(Flag);
          this.SUBRULE(this.operands, { ARGS: [option, undefined] });
        },
      },
      {
        ALT: () => {
          const option = this.CONSUME(Valued);
          const value = this.OPTION(() => this.CONSUME(Any));
          this.SUBRULE1(this.operands, { ARGS: [option, value] });
        },
      },
      {
        ALT: () => {
          const option = this.CONSUME(Pair);
          const first = this.OPTION1(() => this.CONSUME1(Any));
          const second = this.OPTION2(() => this.CONSUME2(Any));
          this.ACTION(() => this.give(option, [first, second], []));
        },
      },
      {
        ALT: () => {
          const word = this.CONSUME(Bang);
          this.ACTION(() => this.reader!.bang(wordOf(word)));
        },
      },
      {
        ALT: () => {
          const word = this.CONSUME(Plain);
          this.ACTION(() => this.reader!.plain(wordOf(word)));
        },
      },
      {
        ALT: () => {
          const word = this.CONSUME(Unknown);
          this.ACTION(() => this.reader!.unknown(wordOf(word), (this.reading as Reading & { kind: 'unknown' }).said));
        },
      },
      {
        ALT: () => {
          this.CONSUME(End);
          const words: IToken[] = [];
          this.MANY(() => words.push(this.CONSUME3(Any)));
          this.ACTION(() => this.reader!.afterEnd(words.map(wordOf)));
        },
      },
      { ALT: () => this.CONSUME(Unread) },
    ]);
  });

  /** Words behind a command that look like no option: a rule number, a new name, a policy. */
  private readonly operands = this.RULE('operands', (option: IToken, value: IToken | undefined) => {
    const operands: IToken[] = [];
    this.ACTION(() => {
      this.operandsLeft = this.reader!.operands(this.reading as Reading & { kind: 'options' });
      this.classOperand();
    });
    this.MANY(() => {
      operands.push(this.CONSUME(Operand));
      this.ACTION(() => this.classOperand());
    });
    this.ACTION(() => this.give(option, [value], operands));
  });

  private give(option: IToken, values: readonly (IToken | undefined)[], operands: readonly IToken[]): void {
    const given = values.filter((value) => value !== undefined).map(wordOf);
    this.reader!.options(wordOf(option), this.reading as Reading & { kind: 'options' }, given, operands.map(wordOf));
  }

  private classNext(): void {
    const next = this.LA(1) as WordToken;
    if (next.word === undefined) return;
    const before = this.LA(0) as Partial<WordToken> | undefined;
    setType(next, this.typeOf(next.word, before?.word));
  }

  private typeOf(word: Word, before: Word | undefined): TokenType {
    const reader = this.reader!;
    if (reader.ended) return Unread;
    const reading = reader.classify(word, before);
    this.reading = reading;
    switch (reading.kind) {
      case 'options':
        return WANTING[reader.wants(reading)];
      case 'bang':
        return Bang;
      case 'end':
        return End;
      case 'unknown':
        return Unknown;
      default:
        return Plain;
    }
  }

  private classOperand(): void {
    const next = this.LA(1) as WordToken;
    if (this.operandsLeft > 0 && next.word !== undefined && this.reader!.isOperand(next.word)) {
      this.operandsLeft--;
      setType(next, Operand);
    }
  }
}

const wordOf = (token: IToken): Word => (token as WordToken).word;

function setType(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx!;
}

let parser: CommandParser | undefined;

/** Reads the words of one command. Throws a RuleError at the first word that cannot be; `span` covers all of them. */
export function readCommand(words: readonly Word[], reader: Reader, span: Span): Command {
  parser ??= new CommandParser();
  parser.read(words, reader);
  return reader.finish(span);
}
