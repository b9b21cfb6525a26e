// Words with their places, for words.ts: what a reader of packet words takes one by one, and the error that points at one.

export interface Span {
  start: number;
  /** One past the last character. */
  end: number;
}

export interface Token extends Span {
  /** As written, without quotes. */
  text: string;
  /** Lower case, without a colon behind: what is looked up. */
  word: string;
  quoted: boolean;
}

/** Packet words that make no sense; `span` counts characters of the text. */
export class PacketWordsError extends Error {
  override readonly name = 'PacketWordsError';
  readonly span: Span;
  readonly hint: string | undefined;

  constructor(message: string, { start, end }: Span, hint?: string) {
    super(message);
    this.span = { start, end };
    this.hint = hint;
  }
}

export class WordReader {
  private readonly tokens: readonly Token[];
  private readonly length: number;
  private at = 0;

  /** Commas and all brackets but those around an address are only marks for the eye: `Flags [S.], seq 1`. */
  constructor(text: string) {
    this.length = text.length;
    this.tokens = Array.from(text.matchAll(/"([^"]*)"|\[[0-9a-f:.]+\]:\d+|[^\s,()[\]"]+/gi), (found) => {
      const quoted = found[1] !== undefined;
      const plain = quoted ? found[1] : found[0];
      return {
        text: plain,
        word: plain.toLowerCase().replace(/:$/, ''),
        quoted,
        start: found.index,
        end: found.index + found[0].length,
      };
    });
  }

  atEnd(): boolean {
    return this.at >= this.tokens.length;
  }

  peek(): Token | undefined {
    return this.tokens[this.at];
  }

  /** The next word; `what` was expected, should there be none. */
  take(what = 'another word'): Token {
    const token = this.tokens[this.at++];
    if (!token) throw new PacketWordsError(`${what} is missing at the end`, { start: this.length, end: this.length });
    return token;
  }

  /** Takes the next word if it is `word`. */
  takeIf(word: string): boolean {
    if (this.peek()?.word !== word) return false;
    this.at++;
    return true;
  }

  /** The number behind `after`, decimal or 0x. Of a range like tcpdump's `seq 1:6` the first. */
  number(after: Token, max: number, min = 0): number {
    const token = this.take(`a number behind "${after.text}"`);
    const value = numberOf(token.text);
    if (value === undefined || value < min || value > max) {
      const hint = after.word.endsWith('port') ? 'names of services are not known here: write the number' : undefined;
      throw new PacketWordsError(
        `"${after.text}" needs a number from ${min} to ${max}, not "${token.text}"`,
        token,
        hint,
      );
    }
    return value;
  }

  /** Whether a number comes next. */
  numberAhead(): boolean {
    return numberOf(this.peek()?.text ?? '') !== undefined;
  }
}

function numberOf(text: string): number | undefined {
  const found = /^(0x[0-9a-f]+|\d+)(?::\d*)?$/i.exec(text);
  return found ? Number(found[1]) : undefined;
}

/** The candidate that differs least from `word`, if it is near enough to be meant. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's, with a swap of neighbours as one step. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, rows[i - 2][j - 2] + 1);
      rows[i].push(least);
    }
  }
  return rows[a.length][b.length];
}
