import { defineMatch } from '../engine/extension.ts';
import { findSet, queryOf } from '../engine/sets/for-rules.ts';
import type { Comparison } from '../engine/sets/index.ts';
import type { Given, RuleScope, ValueScope } from '../grammar/options.ts';
import { scanNumber } from '../grammar/scan.ts';
import { type SetAndParts, setAndParts } from '../grammar/set-values.ts';
import { flag, own } from '../grammar/values.ts';
import { words } from './shared/text.ts';

const MOST = 0xffff_ffff_ffff_ffffn;

/** 64 bits, as decimal text: checked data is plain. */
const counter = (help: string) =>
  own(
    {
      words: 1 as const,
      metavar: 'value',
      parse([word]: readonly string[], scope: ValueScope): string {
        if (scope.inverted && !scope.option.endsWith('-eq')) scope.fail(`--${scope.option} option cannot be inverted`);
        const scanned = scanNumber(word);
        const value = scanned && scanned.end === word.length ? BigInt(scanned.value) : -1n;
        if (value < 0n || value > MOST) scope.fail(`Cannot parse ${word} as a counter value`, `0 to ${MOST}`);
        return value.toString();
      },
      print: (value: string): string => value,
    },
    { help, invert: true, many: true },
  );

const returnNomatch = {
  words: 0 as const,
  parse: (_words: readonly string[], scope: ValueScope): true =>
    scope.inverted ? scope.fail('--return-nomatch flag cannot be inverted') : true,
  print: (): string => '',
};

interface Compared {
  readonly op: 'eq' | 'ne' | 'lt' | 'gt';
  /** Decimal. */
  readonly value: string;
}

interface Checked extends SetAndParts {
  readonly inverted: boolean;
  readonly returnNomatch: boolean;
  readonly updateCounters: boolean;
  readonly updateSubcounters: boolean;
  readonly packets?: Compared;
  readonly bytes?: Compared;
}

const OPERATORS = ['eq', 'lt', 'gt'] as const;

function compared(
  which: 'packets' | 'bytes',
  options: Readonly<Record<string, Given<unknown> | undefined>>,
  scope: RuleScope,
): Compared | undefined {
  const used = OPERATORS.filter((op) => options[`${which}-${op}`]);
  if (used.length === 0) return undefined;
  const given = options[`${which}-${used[0]}`] as Given<string>;
  if (used.length > 1 || (given.repeated?.length ?? 1) > 1) {
    scope.fail(`only one of the --${which}-[eq|lt|gt] is allowed`, options[`${which}-${used.at(-1)}`]);
  }
  return { op: given.inverted ? 'ne' : used[0], value: given.value };
}

const comparison = (asked: Compared | undefined): Comparison | undefined =>
  asked && {
    op: asked.op,
    high: Number(BigInt(asked.value) >> 32n),
    low: Number(BigInt(asked.value) & 0xffff_ffffn),
  };

const printCompared = (which: string, asked: Compared | undefined, dashes: string): string | undefined =>
  asked && `${asked.op === 'ne' ? '! ' : ''}${dashes}${which}-${asked.op === 'ne' ? 'eq' : asked.op} ${asked.value}`;

const print = (c: Checked, dashes: string): string =>
  words(
    `${c.inverted ? '! ' : ''}${dashes}match-set ${setAndParts.print(c)}`,
    c.returnNomatch && `${dashes}return-nomatch`,
    !c.updateCounters && `! ${dashes}update-counters`,
    !c.updateSubcounters && `! ${dashes}update-subcounters`,
    printCompared('packets', c.packets, dashes),
    printCompared('bytes', c.bytes, dashes),
  );

export const set = defineMatch({
  name: 'set',
  families: [4, 6],
  summary: 'Addresses, ports, networks or devices of the packet are in a set (ipset).',
  kernel: 'net/netfilter/xt_set.c set_match_v4(); net/netfilter/ipset/',
  effect: 'stateful',
  options: {
    'match-set': own(setAndParts, {
      help: 'the set, and for each part of its members whether the source or the destination is looked up',
      invert: true,
      alias: 'set',
      twice: '--match-set can be specified only once',
    }),
    'return-nomatch': own(returnNomatch, { help: 'match what is marked nomatch', invert: true, many: true }),
    'update-counters': flag({ help: 'inverted: do not count in the set', invert: true, many: true }),
    'update-subcounters': flag({ help: 'inverted: do not count in the members of a list', invert: true, many: true }),
    'packets-eq': counter('the member has met so many packets'),
    'packets-lt': counter('fewer packets'),
    'packets-gt': counter('more packets'),
    'bytes-eq': counter('the member has met so many octets'),
    'bytes-lt': counter('fewer octets'),
    'bytes-gt': counter('more octets'),
  },
  check(options, scope): Checked {
    const named = options['match-set'];
    const packets = compared('packets', options, scope);
    const bytes = compared('bytes', options, scope);
    if (!named) return scope.fail("You must specify `--match-set' with proper arguments");
    const counts = (given: Given<true> | undefined): boolean =>
      !(given?.repeated ?? [given]).some((one) => one?.inverted);
    return {
      ...named.value,
      inverted: named.inverted,
      returnNomatch: options['return-nomatch'] !== undefined,
      updateCounters: counts(options['update-counters']),
      updateSubcounters: counts(options['update-subcounters']),
      packets,
      bytes,
    };
  },
  save: (checked) => print(checked, '--'),
  list: (checked) => print(checked, ''),
  sets: ({ set: name }) => [name],
  compile(checked, context) {
    const slot = findSet(checked.set, context);
    const { updateCounters, updateSubcounters, returnNomatch, inverted } = checked;
    const query = queryOf(checked.parts, {
      updateCounters,
      updateSubcounters,
      returnNomatch,
      packets: comparison(checked.packets),
      bytes: comparison(checked.bytes),
    });
    return (pkt) => slot.test(pkt, query) !== inverted;
  },
});
