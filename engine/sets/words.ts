// The words of an ipset command line: options that may stand anywhere, the command, its operands, and after them the type's own words.

import { SetError } from './types.ts';

export const COMMANDS = [
  { name: 'create', short: 'n', old: '-N', operands: 2, least: 2 },
  { name: 'add', short: 'a', old: '-A', operands: 2, least: 2 },
  { name: 'del', short: 'd', old: '-D', operands: 2, least: 2 },
  { name: 'test', short: 't', old: '-T', operands: 2, least: 2 },
  { name: 'destroy', short: 'x', old: '-X', operands: 1, least: 0 },
  { name: 'list', short: 'l', old: '-L', operands: 1, least: 0 },
  { name: 'save', short: 's', old: '-S', operands: 1, least: 0 },
  { name: 'restore', short: 'r', old: '-R', operands: 0, least: 0 },
  { name: 'flush', short: 'f', old: '-F', operands: 1, least: 0 },
  { name: 'rename', short: 'e', old: '-E', operands: 2, least: 2 },
  { name: 'swap', short: 'w', old: '-W', operands: 2, least: 2 },
  { name: 'help', short: 'h', old: '-H', operands: 1, least: 0 },
  { name: 'version', short: 'v', old: '-V', operands: 0, least: 0 },
  { name: 'quit', short: 'q', old: 'quit', operands: 0, least: 0 },
] as const;
export type CommandName = (typeof COMMANDS)[number]['name'];

export type OutputMode = 'plain' | 'save' | 'xml' | 'json';

export interface Flags {
  exist: boolean;
  quiet: boolean;
  sorted: boolean;
  namesOnly: boolean;
  terse: boolean;
  resolve: boolean;
  output: OutputMode | undefined;
  file: string | undefined;
}

export interface Line {
  readonly command: CommandName;
  readonly operands: readonly string[];
  /** Behind the operands: of create, add, del, test. */
  readonly rest: readonly string[];
  readonly flags: Flags;
}

const FLAGS: Readonly<Record<string, Exclude<keyof Flags, 'output' | 'file'>>> = {
  '!': 'exist',
  exist: 'exist',
  q: 'quiet',
  quiet: 'quiet',
  s: 'sorted',
  sorted: 'sorted',
  n: 'namesOnly',
  name: 'namesOnly',
  t: 'terse',
  terse: 'terse',
  r: 'resolve',
  resolve: 'resolve',
};
const VALUED: Readonly<Record<string, 'output' | 'file'>> = { o: 'output', output: 'output', f: 'file', file: 'file' };

export const wrongWords = (message: string): SetError => new SetError(message, 2);

/** Throws SetError. `inherited`: the flags of a restore hold for its lines. */
export function parseWords(argv: readonly string[], inherited?: Flags): Line {
  const flags: Flags = inherited ? { ...inherited } : noFlags();
  const words = takeFlags(argv, flags);
  if (words.length === 0) throw wrongWords('No command specified.');
  const command = commandOf(words[0]);
  if (!command) throw wrongWords(`No command specified: unknown argument ${words[0]}`);
  const given = words.slice(1);
  if (given.length < command.least) {
    const which = given.length === 0 ? '' : 'second ';
    throw wrongWords(`Missing ${which}mandatory argument to command ${command.name}`);
  }
  const own = ['create', 'add', 'del', 'test'].includes(command.name);
  if (!own && command.name !== 'version' && given.length > command.operands) {
    throw wrongWords(`Unknown argument ${given[command.operands]}`);
  }
  return {
    command: command.name,
    operands: given.slice(0, command.operands),
    rest: given.slice(command.operands),
    flags,
  };
}

export const noFlags = (): Flags => ({
  exist: false,
  quiet: false,
  sorted: false,
  namesOnly: false,
  terse: false,
  resolve: false,
  output: undefined,
  file: undefined,
});

/** The words that are no flags. `flags` takes the others. */
function takeFlags(argv: readonly string[], flags: Flags): string[] {
  const words: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const name = /^--?(.+)$/.exec(argv[at])?.[1] ?? '';
    if (Object.hasOwn(FLAGS, name)) flags[FLAGS[name]] = true;
    else if (argv[at] === '--json') flags.output = 'json';
    else if (Object.hasOwn(VALUED, name)) {
      const value = argv[++at];
      if (value === undefined) throw wrongWords(`Missing mandatory argument to option -${name}`);
      if (VALUED[name] === 'file') flags.file = value;
      else flags.output = outputMode(value);
    } else words.push(argv[at]);
  }
  return words;
}

function outputMode(word: string): OutputMode {
  // Differs: json is of ipset 7.22.
  if (word === 'plain' || word === 'save' || word === 'xml' || word === 'json') return word;
  throw new SetError(`Syntax error: unknown output mode '${word}'`);
}

function commandOf(word: string) {
  const bare = word.replace(/^--?/, '');
  return (
    COMMANDS.find(({ old, short }) => old === word || short === bare) ??
    COMMANDS.find(({ name }) => bare.length > 1 && name.startsWith(bare))
  );
}

/**
 * Whether a word stands in a line of `save` as it is, and is that word when it is read back. Differs: the real tool takes and saves others
 * too, and what it saved cannot be restored. Here it would be the sets of the next start.
 */
export function isPlain(word: string): boolean {
  const words = word.includes('\n') ? [] : splitLine(`add ${word}`);
  return words?.length === 2 && words[1] === word;
}

/** A line of a file to restore. Undefined: nothing on it. */
export function splitLine(line: string): string[] | undefined {
  const trimmed = line.trim();
  if (trimmed === '' || trimmed.startsWith('#') || trimmed === 'COMMIT') return undefined;
  const words: string[] = [];
  for (const [word, quoted] of trimmed.matchAll(/"([^"]*)"|\S+/g)) {
    if (quoted === undefined && word.startsWith('"')) break; // A quote without its end takes the rest away.
    words.push(quoted ?? word);
  }
  return words;
}
