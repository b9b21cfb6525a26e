// The words of -save and -restore. A module of its own, without rules in it: a tool that only speaks to the daemon loads no more.

import { type GivenOption, getopt, type OptionForm } from './getopt.ts';

const SAVE_OPTIONS: readonly OptionForm[] = [
  { long: 'binary', letter: 'b', letterOnly: true, argument: 'none' },
  { long: 'counters', letter: 'c', argument: 'none' },
  { long: 'version', letter: 'V', argument: 'none' },
  { long: 'dump', letter: 'd', argument: 'none' },
  { long: 'table', letter: 't', argument: 'required' },
  // There are no kernel modules to load: taken so that scripts run.
  { long: 'modprobe', letter: 'M', argument: 'required' },
  { long: 'file', letter: 'f', argument: 'required' },
];

const RESTORE_OPTIONS: readonly OptionForm[] = [
  { long: 'binary', letter: 'b', letterOnly: true, argument: 'none' },
  { long: 'counters', letter: 'c', argument: 'none' },
  { long: 'verbose', letter: 'v', argument: 'none' },
  { long: 'version', letter: 'V', argument: 'none' },
  { long: 'test', letter: 't', argument: 'none' },
  { long: 'help', letter: 'h', argument: 'none' },
  { long: 'noflush', letter: 'n', argument: 'none' },
  { long: 'wait', letter: 'w', argument: 'peeked' },
  { long: 'wait-interval', letter: 'W', argument: 'peeked' },
  { long: 'modprobe', letter: 'M', argument: 'required' },
  { long: 'table', letter: 'T', argument: 'required' },
];

export interface Words {
  /** In their order. */
  readonly options: readonly GivenOption[];
  has(long: string): boolean;
  /** The last one given. */
  value(long: string): string | undefined;
  readonly operands: readonly string[];
  /** What stopped the reading, in getopt's words. */
  readonly problem: string | undefined;
}

function words(argv: readonly string[], forms: readonly OptionForm[]): Words {
  const { options, operands, problem } = getopt(argv, forms);
  return {
    options,
    has: (long) => options.some((option) => option.long === long),
    value: (long) => options.findLast((option) => option.long === long)?.value,
    operands,
    problem,
  };
}

export const saveWords = (argv: readonly string[]): Words => words(argv, SAVE_OPTIONS);
export const restoreWords = (argv: readonly string[]): Words => words(argv, RESTORE_OPTIONS);

/** The file that a restore reads; undefined: standard input. 'nothing': it ends before it reads. */
export function restoreSource(argv: readonly string[]): { file: string | undefined } | 'nothing' {
  const given = restoreWords(argv);
  const over = given.has('help') || given.has('version') || given.problem !== undefined || given.operands.length > 1;
  return over ? 'nothing' : { file: given.operands[0] };
}
