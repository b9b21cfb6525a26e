// The options that every rule and command has, before any extension: names, letters, and what follows them.
// Source: iptables(8); which abbreviations work was asked of iptables 1.8.9.

export type Letter =
  | 'A'
  | 'C'
  | 'D'
  | 'I'
  | 'R'
  | 'L'
  | 'S'
  | 'F'
  | 'Z'
  | 'N'
  | 'X'
  | 'E'
  | 'P'
  | 's'
  | 'd'
  | 'p'
  | 'i'
  | 'o'
  | 'j'
  | 'g'
  | 't'
  | 'm'
  | 'n'
  | 'v'
  | 'w'
  | 'W'
  | 'x'
  | 'f'
  | 'V'
  | 'h'
  | '0'
  | 'M'
  | 'c'
  | '4'
  | '6';

export interface BaseOption {
  readonly letter: Letter;
  /** Long spellings; the first is the one in messages of ours. */
  readonly long: readonly string[];
  /** 0: none follows. 1: one must. 'glued': only `-Lchain` or `--list=chain` (a word after it is an operand). */
  readonly argument: 0 | 1 | 'glued';
}

const option = (letter: Letter, argument: BaseOption['argument'], ...long: string[]): BaseOption => ({
  letter,
  argument,
  long,
});

export const BASE_OPTIONS: readonly BaseOption[] = [
  option('A', 1, 'append'),
  option('D', 1, 'delete'),
  option('C', 1, 'check'),
  option('I', 1, 'insert'),
  option('R', 1, 'replace'),
  option('L', 'glued', 'list'),
  option('S', 'glued', 'list-rules'),
  option('F', 'glued', 'flush'),
  option('Z', 'glued', 'zero'),
  option('N', 1, 'new-chain'),
  option('X', 'glued', 'delete-chain'),
  option('E', 1, 'rename-chain'),
  option('P', 1, 'policy'),
  option('s', 1, 'source', 'src'),
  option('d', 1, 'destination', 'dst'),
  option('p', 1, 'protocol'),
  option('i', 1, 'in-interface'),
  option('j', 1, 'jump'),
  option('t', 1, 'table'),
  option('m', 1, 'match'),
  option('n', 0, 'numeric'),
  option('o', 1, 'out-interface'),
  option('v', 0, 'verbose'),
  option('w', 'glued', 'wait'),
  option('W', 'glued', 'wait-interval'),
  option('x', 0, 'exact'),
  option('f', 0, 'fragments'),
  option('V', 0, 'version'),
  option('h', 'glued', 'help'),
  option('0', 0, 'line-numbers'),
  option('M', 1, 'modprobe'),
  option('c', 1, 'set-counters'),
  option('g', 1, 'goto'),
  option('4', 0, 'ipv4'),
  option('6', 0, 'ipv6'),
];

/** Letters after a single dash. `-0` is none: line numbers have only the long name. */
export const BY_LETTER: ReadonlyMap<string, BaseOption> = new Map(
  BASE_OPTIONS.filter((base) => base.letter !== '0').map((base) => [base.letter, base]),
);

export const BY_LONG: ReadonlyMap<string, BaseOption> = new Map(
  BASE_OPTIONS.flatMap((base) => base.long.map((long) => [long, base] as const)),
);
