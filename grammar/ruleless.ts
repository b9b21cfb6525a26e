// Commands without a rule in them (-S, -L, -F, -N, -P, -Z ...) need no grammar: their words are a few options of the frame, one after the other.
//
// Scripts list rules a thousand times, and Chevrotain takes longer to load than the listing takes. So such a command line is read
// straight through the Reader; whatever is out of the ordinary, and whatever is wrong, is left to the grammar, which says what
// there is to say.

import type { Letter } from './base-options.ts';
import type { Command } from './command.ts';
import { RuleError, type Span } from './error.ts';
import type { Reader } from './reader.ts';
import type { Word } from './words.ts';

/** What may stand in such a command. No extension is loaded by any of them, so the vocabulary does not move. */
const KNOWN: readonly Letter[] = ['L', 'S', 'F', 'Z', 'N', 'X', 'E', 'P', 'D', 'n', 'v', 'x', 't', 'w', '0'];

/** The command, or undefined for the grammar to read it with a new Reader. */
export function readRuleless(words: readonly Word[], reader: Reader, span: Span): Command | undefined {
  try {
    return take(words, reader) ? reader.finish(span) : undefined;
  } catch (error) {
    if (error instanceof RuleError) return undefined;
    throw error;
  }
}

function take(words: readonly Word[], reader: Reader): boolean {
  for (let index = 0; index < words.length; ) {
    const word = words[index++];
    const reading = reader.classify(word, words[index - 2]);
    if (reading.kind !== 'options' || reading.last.kind !== 'base') return false;
    if (![...reading.flags, reading.last.base].every(({ letter }) => KNOWN.includes(letter))) return false;
    const values = words.slice(index, index + reader.wants(reading));
    index += values.length;
    const operands: Word[] = [];
    const most = reader.operands(reading);
    while (operands.length < most && index < words.length && reader.isOperand(words[index])) {
      operands.push(words[index++]);
    }
    reader.options(word, reading, values, operands);
  }
  return true;
}
