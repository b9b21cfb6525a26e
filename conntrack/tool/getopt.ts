// The words of the conntrack tool, one option at a time, as glibc's getopt_long(3) takes them with a leading ':': letters in one word, long
// names cut short where one alone begins so, operands anywhere. Options of a protocol join in the middle of the line, once -p named it.

export interface OptionForm {
  readonly long: string;
  /** What it is called inside: the same for spellings of one option. */
  readonly key: string;
  readonly letter?: string;
  /** 'glued': an argument may only be glued to it, and the tool does not look at it. */
  readonly argument: 'none' | 'required' | 'glued';
}

export type Given =
  | { readonly key: string; readonly value: string; readonly problem?: undefined }
  /** `word` is the one that the complaint names. */
  | { readonly problem: 'unknown' | 'argument'; readonly word: string };

export class Words {
  private readonly argv: readonly string[];
  private readonly program: string;
  private at = 0;
  /** Letters left of the word in front of `at`. */
  private letters = '';

  constructor(argv: readonly string[], program: string) {
    this.argv = argv;
    this.program = program;
  }

  /** The next option; undefined: no more. */
  next(forms: readonly OptionForm[]): Given | undefined {
    while (this.letters === '') {
      const word = this.argv[this.at];
      if (word === undefined || word === '--') return undefined;
      this.at++;
      if (word.startsWith('--')) return this.long(word.slice(2), word, forms);
      if (word.length > 1 && word[0] === '-') this.letters = word.slice(1);
    }
    return this.short(forms);
  }

  /** An argument that an option may have as a word of its own: the next one, unless it looks like an option. */
  peek(): string | undefined {
    const word = this.argv[this.at];
    if (word === undefined || word.startsWith('-')) return undefined;
    this.at++;
    return word;
  }

  private short(forms: readonly OptionForm[]): Given {
    const letter = this.letters[0];
    this.letters = this.letters.slice(1);
    const form = forms.find((one) => one.letter === letter);
    if (!form) return { problem: 'unknown', word: this.previous(this.letters === '' ? 1 : 2) };
    if (form.argument === 'none') return { key: form.key, value: '' };
    const glued = this.letters;
    this.letters = '';
    if (form.argument === 'glued' || glued !== '') return { key: form.key, value: glued };
    return this.required(form);
  }

  private long(text: string, word: string, forms: readonly OptionForm[]): Given {
    const [name, glued] = text.split(/=(.*)/s, 2) as [string, string | undefined];
    const begun = forms.filter(({ long }) => long.startsWith(name));
    const form = begun.find(({ long }) => long === name) ?? begun[0];
    const clear = form && (form.long === name || begun.every(({ key }) => key === form.key));
    if (!clear || (form.argument === 'none' && glued !== undefined)) return { problem: 'unknown', word };
    if (form.argument === 'required' && glued === undefined) return this.required(form);
    return { key: form.key, value: glued ?? '' };
  }

  private required({ key }: OptionForm): Given {
    const value = this.argv[this.at];
    if (value === undefined) return { problem: 'argument', word: this.previous(1) };
    this.at++;
    return { key, value };
  }

  private previous(back: number): string {
    return this.argv[this.at - back] ?? this.program;
  }
}
