// Rule sets that are wrong in one place: what a slip of the hand makes of a rule. Each mutant is a whole rule set that shares all but one
// chain with the one it was made from, so hundreds of them cost little. Changes inside a match or a target are made in the rule's text,
// and read again by the grammar: what that refuses is no mutant.

import type { Lookup } from '../../grammar/lookup.ts';
import type { Names } from '../../grammar/names.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { type Printing, printRule } from '../../grammar/print.ts';
import type { ChainSpec, InterfaceSpec, MaskedAddress, RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { conditionText } from '../condition-text.ts';

export type MutantKind =
  | 'drop a rule'
  | 'flip a verdict'
  | 'flip a policy'
  | 'swap neighbours'
  | 'widen a prefix'
  | 'shift a number'
  | 'shorten a list'
  | 'remove a condition'
  | 'remove a state'
  | 'remove a negation'
  | 'goto becomes jump';

export interface Mutant {
  readonly kind: MutantKind;
  readonly table: TableSpec;
  readonly chain: string;
  /** Index of the rule (of the first, for neighbours); -1 for a policy. */
  readonly index: number;
  /** The rules that it changes, as they were. */
  readonly originals: readonly RuleSpec[];
  /** What stands in their place. */
  readonly replacements: readonly RuleSpec[];
  readonly file: string;
  readonly line: number;
  /** Lines of save text: what it was, what it is. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** The tables with the change in them. */
  tables(all: readonly TableSpec[]): TableSpec[];
}

export interface MutantContext {
  readonly lookup: Lookup;
  readonly names: Names;
}

/** All mutants of the tables, rule by rule. */
export function* mutantsOf(tables: readonly TableSpec[], context: MutantContext): Generator<Mutant> {
  for (const table of tables) {
    for (const chain of table.chains.values()) {
      if (chain.policy !== undefined && chain.rules.length > 0) yield policyMutant(table, chain);
      for (const index of chain.rules.keys()) yield* ruleMutants(table, chain, index, context);
    }
  }
}

function policyMutant(table: TableSpec, chain: ChainSpec): Mutant {
  const policy = chain.policy === 'DROP' ? 'ACCEPT' : 'DROP';
  const changed: ChainSpec = { ...chain, policy };
  return {
    kind: 'flip a policy',
    table,
    chain: chain.name,
    index: -1,
    originals: [],
    replacements: [],
    file: chain.rules[0].origin?.file ?? '',
    line: 0,
    before: [`-P ${chain.name} ${chain.policy}`],
    after: [`-P ${chain.name} ${policy}`],
    tables: (all) => withChain(all, table, changed),
  };
}

function* ruleMutants(table: TableSpec, chain: ChainSpec, index: number, context: MutantContext): Generator<Mutant> {
  const rule = chain.rules[index];
  const printing: Printing = { lookup: context.lookup, names: context.names };
  const text = (one: RuleSpec): string => printRule(chain.name, one, printing);
  const made = (kind: MutantKind, originals: readonly RuleSpec[], replacements: readonly RuleSpec[]): Mutant => {
    const rules = [...chain.rules.slice(0, index), ...replacements, ...chain.rules.slice(index + originals.length)];
    const { file = '', line = 0 } = rule.origin ?? {};
    const [before, after] = [originals.map(text), replacements.map(text)];
    const changed: ChainSpec = { ...chain, rules };
    const tables = (all: readonly TableSpec[]): TableSpec[] => withChain(all, table, changed);
    return { kind, table, chain: chain.name, index, originals, replacements, file, line, before, after, tables };
  };
  yield made('drop a rule', [rule], []);
  const own = text(rule);
  const seen = new Set([own]);
  for (const [kind, changed] of changesOf(rule, chain.name, table, context)) {
    const changedText = text(changed);
    if (seen.has(changedText)) continue;
    seen.add(changedText);
    yield made(kind, [rule], [changed]);
  }
  const next = chain.rules[index + 1];
  if (next && text(next) !== own) yield made('swap neighbours', [rule, next], [next, rule]);
}

const withChain = (all: readonly TableSpec[], table: TableSpec, chain: ChainSpec): TableSpec[] =>
  all.map((one) => (one === table ? { ...one, chains: new Map(one.chains).set(chain.name, chain) } : one));

type Change = readonly [kind: MutantKind, rule: RuleSpec];

function* changesOf(rule: RuleSpec, chain: string, table: TableSpec, context: MutantContext): Generator<Change> {
  yield* targetChanges(rule);
  yield* addressChanges(rule);
  yield* baseChanges(rule);
  for (const index of rule.matches.keys()) {
    if (rule.matches[index].name === 'comment') continue;
    const without = { ...rule, matches: rule.matches.filter((_, at) => at !== index) };
    const asks = conditionText(rule, index, { lookup: context.lookup, names: context.names });
    // A protocol's match with nothing behind it asks for no more than -p does.
    if (/^-m \S+ /.test(`${asks} `) && asks.split(' ').length > 2) {
      yield [/--(ct)?state /.test(asks) ? 'remove a state' : 'remove a condition', without];
    }
  }
  yield* textChanges(rule, chain, table, context);
}

function* targetChanges(rule: RuleSpec): Generator<Change> {
  const { target } = rule;
  const verdict = (name: 'ACCEPT' | 'DROP'): Change => [
    'flip a verdict',
    { ...rule, target: { kind: 'verdict', name } },
  ];
  if (target?.kind === 'verdict' && target.name === 'ACCEPT') yield verdict('DROP');
  if (target?.kind === 'verdict' && target.name === 'DROP') yield verdict('ACCEPT');
  if (target?.kind === 'extension' && target.name === 'REJECT') {
    yield verdict('ACCEPT');
    yield verdict('DROP');
  }
  if (target?.kind === 'goto') yield ['goto becomes jump', { ...rule, target: { kind: 'jump', chain: target.chain } }];
}

function* addressChanges(rule: RuleSpec): Generator<Change> {
  for (const end of ['source', 'destination'] as const) {
    const asked = rule[end];
    if (!asked) continue;
    const wider = widened(asked);
    if (wider) yield ['widen a prefix', { ...rule, [end]: wider }];
    yield asked.inverted
      ? ['remove a negation', { ...rule, [end]: { ...asked, inverted: false } }]
      : ['remove a condition', { ...rule, [end]: undefined }];
  }
}

/** One bit less of a prefix. */
function widened({ address, mask, inverted }: MaskedAddress): MaskedAddress | undefined {
  const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, '0')).join('');
  const length = bits.indexOf('0') < 0 ? 128 : bits.indexOf('0');
  // 96 ones in front are those of a mapped IPv4 address.
  if (bits.includes('01') || length === 0 || (length <= 96 && isMapped(address))) return undefined;
  const shorter = Uint8Array.from(mask);
  shorter[(length - 1) >>> 3] &= ~(0x80 >>> ((length - 1) & 7));
  const kept = Uint8Array.from(address, (octet, at) => octet & shorter[at]);
  return { address: kept, mask: shorter, inverted };
}

const isMapped = (address: Uint8Array): boolean =>
  address.subarray(0, 10).every((octet) => octet === 0) && address[10] === 0xff && address[11] === 0xff;

function* baseChanges(rule: RuleSpec): Generator<Change> {
  for (const end of ['inInterface', 'outInterface'] as const) {
    const asked: InterfaceSpec | undefined = rule[end];
    if (!asked) continue;
    yield asked.inverted
      ? ['remove a negation', { ...rule, [end]: { ...asked, inverted: false } }]
      : ['remove a condition', { ...rule, [end]: undefined }];
  }
  const { protocol, fragment, matches } = rule;
  if (protocol?.inverted) yield ['remove a negation', { ...rule, protocol: { ...protocol, inverted: false } }];
  // With a match of the protocol behind it, the rule would not load.
  else if (protocol && matches.length === 0) yield ['remove a condition', { ...rule, protocol: undefined }];
  if (fragment) yield ['remove a condition', { ...rule, fragment: undefined }];
}

// --- In the text -----------------------------------------------------------------------------------------------------------

/** Every number by one, every list by one element, every `!` taken away. */
function* textChanges(rule: RuleSpec, chain: string, table: TableSpec, context: MutantContext): Generator<Change> {
  const words = wordsOf(printRule(chain, rule, context));
  let open = '';
  for (const [at, word] of words.entries()) {
    if (word === '-m' || word === '-j') open = words[at + 1];
    if (at < 2 || open === '' || UNTOUCHED.has(open)) continue;
    for (const [kind, changed] of wordChanges(words, at)) {
      const read = reread(changed, rule, chain, table, context);
      if (read) yield [kind, read];
    }
  }
}

/** What they say is for readers, or for chance. */
const UNTOUCHED = new Set(['comment', 'LOG', 'NFLOG', 'REJECT']);

function* wordChanges(words: readonly string[], at: number): Generator<[MutantKind, string[]]> {
  const word = words[at];
  const replaced = (by: string): string[] => words.map((one, index) => (index === at ? by : one));
  if (word === '!') {
    yield ['remove a negation', words.filter((_, index) => index !== at)];
    return;
  }
  if (!/^--/.test(words[at - 1] ?? '') || /^-/.test(word)) return;
  const list = word.split(',');
  const isState = /^--(ct)?state$/.test(words[at - 1]);
  if (list.length > 1 && words[at - 1] !== '--tcp-flags') {
    for (const index of list.keys()) {
      const kind = isState ? 'remove a state' : 'shorten a list';
      yield [kind, replaced(list.filter((_, one) => one !== index).join(','))];
    }
  }
  const last = list[list.length - 1];
  for (const shifted of shiftsOf(last)) yield ['shift a number', replaced([...list.slice(0, -1), shifted].join(','))];
}

/** The last number of `8443`, `1024:65535`, `192.0.2.1:80`, `0x1/0x3`: one more, or one less where that is too much. */
function shiftsOf(value: string): string[] {
  const [, hex, mask = ''] = /^0x([0-9a-f]+)(\/0x[0-9a-f]+)?$/i.exec(value) ?? [];
  if (hex !== undefined) return [`0x${(Number(`0x${hex}`) ^ 1).toString(16)}${mask}`];
  const [, before, digits] = /^([^a-z]*?)(\d+)$/i.exec(value) ?? [];
  if (digits === undefined) return [];
  const number = Number(digits);
  return [`${before}${number === 65_535 || number === 255 ? number - 1 : number + 1}`];
}

/** Words of save text; quotes hold together. */
const wordsOf = (text: string): string[] => text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];

function reread(
  words: readonly string[],
  rule: RuleSpec,
  chain: string,
  table: TableSpec,
  { lookup, names }: MutantContext,
): RuleSpec | undefined {
  try {
    const isChain = (_table: string, name: string): boolean => table.chains.has(name);
    const command = parseCommand(words.join(' '), { family: rule.family, lookup, names, table: table.name, isChain });
    if (command.kind !== 'append' || command.chain !== chain || command.rules.length !== 1) return undefined;
    return { ...command.rules[0], origin: rule.origin, counters: undefined };
  } catch {
    return undefined;
  }
}
