// -m ttl (IPv4) and -m hl (IPv6): the same match over another octet of the header.

import { defineMatch, type Predicate } from '../../engine/extension.ts';
import { exactlyOne, type Option } from '../../grammar/options.ts';
import { u8 } from '../../grammar/values.ts';
import type { Family } from '../../packet/numbers.ts';
import { within } from './ranges.ts';

type Operator = 'eq' | 'ne' | 'lt' | 'gt';

export interface Checked {
  readonly op: Operator;
  readonly limit: number;
}

interface Dialect {
  readonly name: 'ttl' | 'hl';
  readonly family: Family;
  /** Offset of the octet in the IP header. */
  readonly at: number;
  readonly summary: string;
  readonly kernel: string;
  /** What is said when no option was given. */
  readonly none: string;
}

// One closure per comparison: the operator is chosen when the rule is loaded, not per packet.
const COMPARE: Record<Operator, (at: number, limit: number) => Predicate> = {
  eq: (at, limit) => (pkt) => pkt.bytes[pkt.l3 + at] === limit,
  ne: (at, limit) => (pkt) => pkt.bytes[pkt.l3 + at] !== limit,
  lt: (at, limit) => (pkt) => pkt.bytes[pkt.l3 + at] < limit,
  gt: (at, limit) => (pkt) => pkt.bytes[pkt.l3 + at] > limit,
};
const SIGN: Record<Operator, string> = { eq: '==', ne: '!=', lt: '<', gt: '>' };

export function defineHopLimit({ name, family, at, summary, kernel, none }: Dialect) {
  const title = name.toUpperCase();
  // In the tool's order, which shows in what it says of two of them.
  const options: Record<string, Option<number>> = {
    [`${name}-lt`]: u8({ help: 'less than VALUE', excludes: [`${name}-eq`, `${name}-gt`] }),
    [`${name}-gt`]: u8({ help: 'greater than VALUE', excludes: [`${name}-lt`, `${name}-eq`] }),
    [`${name}-eq`]: u8({ help: 'equal to VALUE', invert: true, alias: name, excludes: [`${name}-lt`, `${name}-gt`] }),
  };
  return defineMatch({
    name,
    families: [family],
    summary,
    kernel,
    effect: 'pure',
    options,
    check(given, scope): Checked {
      const used = exactlyOne(given, scope, none);
      const op = used.inverted ? 'ne' : (used.name.slice(name.length + 1) as Operator);
      return { op, limit: used.value };
    },
    save: ({ op, limit }) => (op === 'ne' ? `! --${name}-eq ${limit}` : `--${name}-${op} ${limit}`),
    list: ({ op, limit }) => `${title} match ${title} ${SIGN[op]} ${limit}`,
    compile: ({ op, limit }) => COMPARE[op](at, limit),
    constrain({ op, limit }) {
      if (op === 'lt') return { hopLimit: within([0, limit - 1], false, 255) };
      if (op === 'gt') return { hopLimit: within([limit + 1, 255], false, 255) };
      return { hopLimit: within([limit, limit], op === 'ne', 255) };
    },
    saw: (_checked, pkt) => `${title} ${pkt.bytes[pkt.l3 + at]}`,
  });
}
