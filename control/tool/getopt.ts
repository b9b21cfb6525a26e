// Options of -save and -restore as getopt_long(3) takes them: letters in one word, long names cut short where one alone begins so,
// operands anywhere. What is wrong is said in glibc's words, without the program's name in front.

export interface OptionForm {
  /** What the option is called; its long spelling too, unless it has none. */
  readonly long: string;
  readonly letterOnly?: true;
  readonly letter?: string;
  /** 'peeked': none to getopt; the program looks for one in `--name=VALUE`, else in a next word that looks like no option. */
  readonly argument: 'none' | 'required' | 'peeked';
}

export interface GivenOption {
  readonly long: string;
  readonly value: string | undefined;
}

export interface GivenWords {
  /** In their order, up to the first that is wrong: those in front of it have had their effect. */
  readonly options: readonly GivenOption[];
  readonly operands: readonly string[];
  readonly problem: string | undefined;
}

class Problem extends Error {}

export function getopt(argv: readonly string[], forms: readonly OptionForm[]): GivenWords {
  const options: GivenOption[] = [];
  const operands: string[] = [];
  const words = [...argv];
  try {
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      if (word === '--') operands.push(...words.splice(0));
      else if (word.startsWith('--')) options.push(long(word.slice(2), words, forms));
      else if (word.startsWith('-') && word !== '-') letters(word.slice(1), words, forms, options);
      else operands.push(word);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { options, operands, problem: error.message };
  }
  return { options, operands, problem: undefined };
}

function long(text: string, following: string[], forms: readonly OptionForm[]): GivenOption {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const glued = equals < 0 ? undefined : text.slice(equals + 1);
  const form = named(name, forms);
  if (form.argument === 'none' && glued !== undefined)
    throw new Problem(`option '--${form.long}' doesn't allow an argument`);
  const value = glued ?? peek(form, following);
  if (form.argument === 'required' && value === undefined)
    throw new Problem(`option '--${form.long}' requires an argument`);
  return { long: form.long, value };
}

function named(name: string, forms: readonly OptionForm[]): OptionForm {
  const begun = forms.filter((form) => form.long.startsWith(name) && !form.letterOnly);
  const exact = begun.find((form) => form.long === name);
  if (exact) return exact;
  if (begun.length === 1) return begun[0];
  if (begun.length === 0) throw new Problem(`unrecognized option '--${name}'`);
  const possible = begun.map((form) => `'--${form.long}'`).join(' ');
  throw new Problem(`option '--${name}' is ambiguous; possibilities: ${possible}`);
}

function letters(text: string, following: string[], forms: readonly OptionForm[], options: GivenOption[]): void {
  for (let at = 0; at < text.length; at++) {
    const form = forms.find(({ letter }) => letter === text[at]);
    if (!form) throw new Problem(`invalid option -- '${text[at]}'`);
    const rest = text.slice(at + 1);
    if (form.argument === 'required') {
      const value = rest === '' ? following.shift() : rest;
      if (value === undefined) throw new Problem(`option requires an argument -- '${form.letter}'`);
      options.push({ long: form.long, value });
      return;
    }
    options.push({ long: form.long, value: rest === '' ? peek(form, following) : undefined });
  }
}

/** The next word, where the option takes it. */
function peek(form: OptionForm, following: string[]): string | undefined {
  if (form.argument === 'required') return following.shift();
  if (form.argument === 'none' || following.length === 0 || /^[-!]/.test(following[0])) return undefined;
  return following.shift();
}
