// What may stand next in a line of iptables or ip6tables: read from the base options and from the extensions that are attached.

import type { Registry } from '../../engine/registry.ts';
import { BASE_OPTIONS, type BaseOption, BY_LETTER, BY_LONG } from '../../grammar/base-options.ts';
import type { AnySyntax } from '../../grammar/lookup.ts';
import type { Option, OptionTable } from '../../grammar/options.ts';
import { isTableName, TABLES } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Candidate } from './candidate.ts';

/** What the line is completed from. */
export interface Around {
  readonly registry: Registry;
  readonly family: Family;
  /** Names of the chains of a table, built-in ones too. */
  chains(table: string): Promise<readonly string[]>;
  /** Names of the devices of this machine. */
  devices(): readonly string[];
  /** Names of the sets. */
  sets(): Promise<readonly string[]>;
}

const PROTOCOLS = ['tcp', 'udp', 'udplite', 'icmp', 'icmpv6', 'ipv6-icmp', 'esp', 'ah', 'sctp', 'dccp', 'gre', 'all'];
/** Matches that `-p` loads without a word. */
const LOADED_BY_PROTOCOL: Readonly<Record<string, string>> = { icmpv6: 'icmp6', 'ipv6-icmp': 'icmp6' };

const HELP: Readonly<Record<BaseOption['letter'], string>> = {
  A: 'add a rule at the end of a chain',
  C: 'ask whether a chain holds such a rule',
  D: 'delete a rule',
  I: 'insert a rule',
  R: 'replace a rule',
  L: 'list rules',
  S: 'print rules as commands',
  F: 'delete all rules of a chain or of all',
  Z: 'set counters to zero',
  N: 'make a chain',
  X: 'delete a chain',
  E: 'rename a chain',
  P: 'set the policy of a built-in chain',
  p: 'protocol',
  s: 'source address',
  d: 'destination address',
  i: 'input device',
  o: 'output device',
  j: 'target, or a chain to go through',
  g: 'chain to go to without coming back',
  m: 'load a match',
  t: 'table',
  n: 'addresses and ports as numbers',
  v: 'say more',
  x: 'counters in full',
  w: 'wait for another program that changes the rules',
  W: 'taken for compatibility',
  M: 'taken for compatibility',
  c: 'counters that the rule starts with',
  f: 'second and further fragments only',
  h: 'help, with that of the matches in front of it',
  V: 'version',
  0: 'number the rules',
  4: 'only in ip(4)tables: passed over elsewhere',
  6: 'only in ip6tables: passed over elsewhere',
};

/** What the words so far say. */
interface Line {
  table: string;
  /** Protocol's word; its match, and those of every -m, in order. */
  readonly loaded: string[];
  target: string | undefined;
  /** The option that waits for a value, where one does. */
  waiting: BaseOption | Option<unknown> | undefined;
  /** Words of it that are there. */
  position: number;
}

/** Candidates for the word that begins with `partial` behind `words` (the program's name is not among them). */
export async function completeClassic(
  words: readonly string[],
  partial: string,
  around: Around,
): Promise<readonly Candidate[]> {
  const line = read(words, around);
  const { waiting } = line;
  if (waiting === undefined) return options(line, partial, around);
  return 'letter' in waiting
    ? baseValues(waiting.letter, line, around)
    : values(waiting, line.position, partial, around);
}

function read(words: readonly string[], around: Around): Line {
  const line: Line = { table: 'filter', loaded: [], target: undefined, waiting: undefined, position: 0 };
  for (let at = 0; at < words.length; at++) {
    const option = optionOf(words[at], line, around);
    const takes = option === undefined ? 0 : 'letter' in option ? Number(option.argument !== 0) : option.words;
    if (option === undefined || takes === 0) continue;
    const value = words[at + takes];
    if (value === undefined) {
      line.waiting = option;
      line.position = words.length - at - 1;
      break;
    }
    if ('letter' in option) note(option.letter, value, line);
    // The argument of -L and its like may be left out.
    at += 'letter' in option && option.argument === 'glued' && value.startsWith('-') ? 0 : takes;
  }
  return line;
}

function note(letter: BaseOption['letter'], value: string, line: Line): void {
  if (letter === 't') line.table = value;
  else if (letter === 'm') line.loaded.push(value);
  else if (letter === 'p') line.loaded.push(LOADED_BY_PROTOCOL[value] ?? value);
  else if (letter === 'j' || letter === 'g') line.target = value;
}

function optionOf(word: string, line: Line, around: Around): BaseOption | Option<unknown> | undefined {
  if (!word.startsWith('--')) return word.startsWith('-') ? BY_LETTER.get(word.slice(1)) : undefined;
  const name = word.slice(2);
  for (const { options } of extensions(line, around)) {
    const found = Object.entries(options as OptionTable).find(
      ([own, { alias = [] }]) => own === name || [alias].flat().includes(name),
    );
    if (found) return found[1];
  }
  return BY_LONG.get(name);
}

function extensions(line: Line, { registry, family }: Around): AnySyntax[] {
  const matches = line.loaded.map((name) => registry.match(name, family));
  const target = line.target === undefined ? undefined : registry.target(line.target, family);
  return [...matches.toReversed(), target].filter((one) => one !== undefined);
}

function options(line: Line, partial: string, around: Around): Candidate[] {
  const own = extensions(line, around).flatMap(({ options: table }) =>
    Object.entries(table as OptionTable).flatMap(([name, { help, alias = [] }]) =>
      [name, ...[alias].flat()].map((spelling) => ({ word: `--${spelling}`, help })),
    ),
  );
  const long = partial.startsWith('--');
  const base = BASE_OPTIONS.flatMap(({ letter, long: names }) => {
    const word = long || letter === '0' ? `--${names[0]}` : `-${letter}`;
    return [{ word, help: HELP[letter] }];
  });
  return [...own, ...base];
}

async function baseValues(letter: BaseOption['letter'], line: Line, around: Around): Promise<Candidate[]> {
  const { registry, family } = around;
  const named = (names: readonly string[], help = ''): Candidate[] => names.map((word) => ({ word, help }));
  const described = (kind: 'match' | 'target'): Candidate[] =>
    registry.names(kind, family).map((word) => ({ word, help: registry[kind](word, family)?.summary ?? '' }));
  switch (letter) {
    case 't':
      return named(Object.keys(TABLES), 'table');
    case 'm':
      return described('match');
    case 'j':
      return [
        ...named(['ACCEPT', 'DROP', 'RETURN']),
        ...named(await own(line, around), 'chain'),
        ...described('target'),
      ];
    case 'g':
      return named(await own(line, around), 'chain');
    case 'p':
      return named(PROTOCOLS, 'protocol');
    case 'i':
    case 'o':
      return named(around.devices(), 'device');
    case 'X':
    case 'E':
      return named(await own(line, around), 'chain');
    case 'P':
      return named(isTableName(line.table) ? TABLES[line.table] : [], 'chain');
    default:
      return 'ACDIRLSFZ'.includes(letter) ? named(await around.chains(line.table), 'chain') : [];
  }
}

/** Chains that a person made. */
async function own(line: Line, around: Around): Promise<readonly string[]> {
  const builtin: readonly string[] = isTableName(line.table) ? TABLES[line.table] : [];
  return (await around.chains(line.table)).filter((name) => !builtin.includes(name));
}

/** The words that an option takes by name; of a list, the part behind the last comma is completed. */
async function values(
  option: Option<unknown>,
  position: number,
  partial: string,
  around: Around,
): Promise<Candidate[]> {
  const { choices } = option;
  if (!choices) return [];
  const before = choices.list ? partial.slice(0, partial.lastIndexOf(',') + 1) : '';
  const taken = new Set(before.split(','));
  return choices
    .words({ family: around.family, sets: await around.sets(), position })
    .filter((word) => !taken.has(word))
    .map((word) => ({ word: before + word, help: '' }));
}
