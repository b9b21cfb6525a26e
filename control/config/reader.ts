// A YAML file, and everything that is wrong with it: each problem with its line, a caret under the words, and what would be right.

import { LineCounter, type Node, parseDocument, visit } from 'yaml';
import { renderDiagnostic } from '../../grammar/diagnostics.ts';

/** All that is wrong with a file, as people read it; every line with its newline. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

interface Problem {
  readonly from: number;
  readonly to: number;
  readonly what: string;
  readonly hint: string | undefined;
}

export class Reader {
  readonly file: string;
  readonly contents: Node | null;
  private readonly source: string;
  private readonly lines = new LineCounter();
  private readonly problems: Problem[] = [];

  constructor(source: string, file: string) {
    this.file = file;
    this.source = source;
    const document = parseDocument(source, { lineCounter: this.lines, uniqueKeys: true });
    this.contents = document.contents;
    for (const { pos, message, code } of [...document.errors, ...document.warnings]) {
      const hint = code === 'BLOCK_AS_IMPLICIT_KEY' ? 'text with ": " in it stands in quotes' : undefined;
      this.problems.push({ from: pos[0], to: pos[1], what: message.split('\n')[0].replace(/ at line .*$/, ''), hint });
    }
    // A few of them in a row stand for more than there is memory.
    visit(document, { Alias: (_, alias) => this.problem(alias, 'no aliases here', 'write it out') });
  }

  get failed(): boolean {
    return this.problems.length > 0;
  }

  /** Returns undefined, so that a kind can return it. */
  problem(node: Node | null | undefined, what: string, hint?: string): undefined {
    const [from, to] = node?.range ?? [0, 0];
    this.problems.push({ from, to, what, hint });
  }

  nameOf(key: Node): string {
    return String((key as { value?: unknown }).value);
  }

  /** Throws ConfigError when there was a problem. */
  stopAtProblems(): void {
    if (!this.failed) return;
    const inOrder = this.problems.toSorted((a, b) => a.from - b.from);
    throw new ConfigError(inOrder.map((problem) => this.render(problem)).join(''));
  }

  private render({ from, to, what, hint }: Problem): string {
    const { line, col } = this.lines.linePos(Math.min(from, this.source.length));
    const text = this.source.split('\n')[line - 1]?.replace(/\r$/, '') ?? '';
    const start = col - 1;
    // Of something that goes on over several lines the first is shown.
    const span = { start, end: Math.max(start + 1, Math.min(start + (to - from), text.trimEnd().length)) };
    const first = `${this.file}:${line}:${col}: ${what}`;
    return renderDiagnostic({ first, code: 1, line, text, span, reason: undefined, hint });
  }
}
