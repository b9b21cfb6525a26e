import { connmark } from '../../matches/connmark.ts';
import { mark } from '../../matches/mark.ts';
import { ip6, udp } from '../../packet/build.ts';
import { CT_INVALID, CT_NEW } from '../../packet/packet.ts';
import type { MatchPacketRow, RuleRow } from '../../testing/ext-cases.ts';
import type { Dice } from '../kernel/dice.ts';
import { inConnection } from './connections.ts';
import { not, number, sheet } from './sheet.ts';

const six = ip6({}, udp());

const rules = (name: string): RuleRow[] => [
  ['--mark 1', '--mark 0x1'],
  ['! --mark 010/0xff', '! --mark 0x8/0xff'],
  ['--mark 1/4294967295', '--mark 0x1'],
  ['--mark 0/0', '--mark 0x0/0x0'],
  ['--mark 0x100/0xff', '='],
  ['', { fails: `${name}: option "--mark" must be specified` }],
  ['--mark <|4294967296|>', { fails: `${name}: bad integer value for option "--mark", or out of range.` }],
  ['--mark <|1/|>', { fails: `${name}: bad integer value for option "--mark", or out of range.` }],
  ['--mark <|1/2/3|>', { fails: `${name}: trailing garbage after value for option "--mark".` }],
];

const generate = (dice: Dice): string =>
  `${not(dice)}--mark ${number(dice, 0xffff_ffff)}${dice.chance(0.5) ? `/${number(dice, 0xffff_ffff)}` : ''}`;

/** Rows for packets with that mark, wherever it stands. */
const packets = (marked: (mark: number) => MatchPacketRow[1]): MatchPacketRow[] => [
  ['--mark 1', marked(1), 'match'],
  ['--mark 1', marked(3), 'no match'],
  ['! --mark 1', marked(3), 'match'],
  ['--mark 1/1', marked(3), 'match'],
  ['--mark 0x80000000/0x80000000', marked(0x8000_0001), 'match'],
  ['--mark 0xffffffff', marked(0xffff_ffff), 'match'],
  // A value outside the mask is never there.
  ['--mark 0x100/0xff', marked(0x100), 'no match'],
  ['! --mark 0x100/0xff', marked(0x100), 'match'],
];

export const sheets = [
  sheet({
    match: mark,
    rows: {
      rules: rules('mark'),
      lists: [
        ['--mark 1/2', 'mark match 0x1/0x2'],
        ['! --mark 1', 'mark match ! 0x1'],
      ],
      packets: packets((value) => ({ packet: six, mark: value })),
    },
    generate,
  }),
  sheet({
    match: connmark,
    rows: {
      rules: rules('connmark'),
      lists: [
        ['--mark 1/2', 'connmark match  0x1/0x2'],
        ['! --mark 1', 'connmark match ! 0x1'],
      ],
      packets: [
        ...packets((value) => inConnection(six, CT_NEW, { mark: value })),
        // Without a connection there is nothing that could differ.
        ['! --mark 1', { packet: six, ctState: CT_INVALID }, 'no match'],
      ],
    },
    generate,
  }),
];
