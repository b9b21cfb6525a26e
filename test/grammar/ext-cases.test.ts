// The row kit itself, on an extension of its own: the literal of docs/extensions.md.

import { defineMatch, type Predicate } from '../../engine/extension.ts';
import { exactlyOne } from '../../grammar/options.ts';
import { u8 } from '../../grammar/values.ts';
import { ip6 } from '../../packet/build.ts';
import { matchCases } from '../../testing/ext-cases.ts';

const OP = { 'hl-eq': 'eq', 'hl-lt': 'lt', 'hl-gt': 'gt' } as const;
const COMPARE: Record<'eq' | 'ne' | 'lt' | 'gt', (limit: number) => Predicate> = {
  eq: (limit) => (pkt) => pkt.bytes[pkt.l3 + 7] === limit,
  ne: (limit) => (pkt) => pkt.bytes[pkt.l3 + 7] !== limit,
  lt: (limit) => (pkt) => pkt.bytes[pkt.l3 + 7] < limit,
  gt: (limit) => (pkt) => pkt.bytes[pkt.l3 + 7] > limit,
};

const hops = defineMatch({
  name: 'hops',
  families: [6],
  summary: 'Hop limit, as a sample.',
  kernel: 'net/netfilter/xt_hl.c hl_mt6()',
  effect: 'pure',
  options: {
    'hl-lt': u8({ help: 'less than VALUE', excludes: ['hl-eq', 'hl-gt'] }),
    'hl-gt': u8({ help: 'greater than VALUE', excludes: ['hl-eq', 'hl-lt'] }),
    'hl-eq': u8({ help: 'equal to VALUE', invert: true, alias: 'hl', excludes: ['hl-gt', 'hl-lt'] }),
  },
  check(options, scope) {
    const used = exactlyOne(options, scope, "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'");
    const op = used.inverted ? ('ne' as const) : OP[used.name as keyof typeof OP];
    return { op, limit: used.value };
  },
  save: ({ op, limit }) => (op === 'ne' ? `! --hl-eq ${limit}` : `--hl-${op} ${limit}`),
  list: ({ op, limit }) => `HL match HL ${{ eq: '==', ne: '!=', lt: '<', gt: '>' }[op]} ${limit}`,
  compile: ({ op, limit }) => COMPARE[op](limit),
});

matchCases(hops, {
  rules: [
    ['! --hl-eq 42', '='],
    ['--hl 42', '--hl-eq 42'],
    ['--hl-eq=0x10', '--hl-eq 16'],
    ['--hl-e 42', '--hl-eq 42'],
    ['-p udp ; --hl-gt 42', '='],
    ['--hl-gt 42 <|--hl-lt 9|>', { fails: 'hops: option "--hl-lt" cannot be used together with "--hl-gt".' }],
    ['--hl-gt <|256|>', { fails: 'hops: bad value for option "--hl-gt", or out of range (0-255).' }],
    ['--hl-gt 1 <|--hl-gt 2|>', { fails: 'hops: option "--hl-gt" can only be used once.' }],
    ['<|! --hl-gt 1|>', { fails: 'hops: option "--hl-gt" cannot be inverted.' }],
    ['<|--hl-gt|>', { fails: 'option "--hl-gt" requires an argument' }],
    ['<|--hl-get|> 5', { fails: 'unknown option "--hl-get"', hint: 'did you mean "--hl-gt"?' }],
    ['', { fails: 'You must specify one of' }],
  ],
  lists: [['! --hl-eq 5', 'HL match HL != 5']],
  packets: [
    ['--hl-gt 42', ip6({ hopLimit: 43 }), 'match'],
    ['--hl-gt 42', ip6({ hopLimit: 42 }), 'no match'],
  ],
});
