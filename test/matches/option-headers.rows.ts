import { dst } from '../../matches/dst.ts';
import { hbh } from '../../matches/hbh.ts';
import { destinationOptions, fragment, hopByHop, ip6, type Layer, raw, udp } from '../../packet/build.ts';
import type { MatchPacketRow, RuleRow } from '../../testing/ext-cases.ts';
import type { Dice } from '../kernel/dice.ts';
import { list, not, number, sheet, some } from './sheet.ts';

const rules = (name: string, pad: string): RuleRow[] => [
  ['', ''],
  [`! --${name}-len 0`, '='],
  [`--${name}-opts 0x5:6,7 --${name}-len 5`, `--${name}-len 5 --${name}-opts 5:6,7`],
  // Eight bits are kept, and 255 stands for any length.
  [`--${name}-opts 256,-1,5:255`, `--${name}-opts 0,255,5`],
  [`<|! --${name}-opts 5|>`, { fails: `${name}: option "--${name}-opts" cannot be inverted.` }],
  [`--${name}-opts <|foo|>`, { fails: `${name}: no valid digits in opt \`foo'` }],
  [`--${name}-opts <|5:|>`, { fails: `${name}: no valid digits in length \`'` }],
  [`--${name}-opts <|5x|>`, { fails: `${name}: error parsing opt \`5x'` }],
  [`--${name}-opts <|5:6:7|>`, { fails: `${name}: error parsing length \`6:7'` }],
  [`--${name}-opts <|0:0|>`, { fails: pad }],
  [`--${name}-opts <|1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17|>`, { fails: 'too many addresses specified' }],
];

const packets = (name: string, number: number, header: typeof hopByHop): MatchPacketRow[] => {
  const of = (...options: { type: number; data?: number }[]): Layer => header({ options });
  const behind = (octets: number[]): Uint8Array => ip6({}, raw(number, Uint8Array.from(octets)));
  return [
    ['', ip6({}, of({ type: 30, data: 4 }), udp()), 'match'],
    ['', ip6({}, udp()), 'no match'],
    [`--${name}-len 8`, ip6({}, of({ type: 30, data: 4 }), udp()), 'match'],
    [`! --${name}-len 8`, ip6({}, of({ type: 30, data: 12 }), udp()), 'match'],
    [`--${name}-opts 5`, ip6({}, of({ type: 5, data: 2 }), udp()), 'match'],
    [`--${name}-opts 5:2`, ip6({}, of({ type: 5, data: 2 }), udp()), 'match'],
    [`--${name}-opts 5:3`, ip6({}, of({ type: 5, data: 2 }), udp()), 'no match'],
    // The padding is an option too.
    [`--${name}-opts 5,1:0`, ip6({}, of({ type: 5, data: 2 }), udp()), 'match'],
    [`--${name}-opts 5,2`, ip6({}, of({ type: 5, data: 2 }), udp()), 'no match'],
    [`--${name}-opts 5:2,0`, ip6({}, of({ type: 5, data: 2 }, { type: 0 }, { type: 0 }), udp()), 'match'],
    [`--${name}-opts 5:2,0,0`, ip6({}, of({ type: 5, data: 2 }, { type: 0 }, { type: 0 }), udp()), 'match'],
    [`--${name}-opts 5:2,0,0,0`, ip6({}, of({ type: 5, data: 2 }, { type: 0 }, { type: 0 }), udp()), 'no match'],
    // Begins with: what comes after does not matter.
    [`--${name}-opts 30`, ip6({}, of({ type: 30, data: 2 }, { type: 5, data: 2 }), udp()), 'match'],
    [`--${name}-opts 30,5`, ip6({}, of({ type: 30, data: 2 }, { type: 5, data: 2 }), udp()), 'match'],
    [`--${name}-opts 5`, ip6({}, of({ type: 30, data: 2 }, { type: 5, data: 2 }), udp()), 'no match'],
    // The last option may reach beyond the header, one before it may not.
    [`--${name}-opts 31`, behind([17, 0, 31, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 'match'],
    [`--${name}-opts 31,0`, behind([17, 0, 31, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 'no match'],
    // A header that claims more than is there.
    ['', behind([17, 1, 1, 4, 0, 0, 0, 0]), 'drop'],
    [`--${name}-len 5`, behind([17, 1, 1, 4, 0, 0, 0, 0]), 'drop'],
    ['', behind([17]), 'drop'],
  ];
};

const generate =
  (name: string) =>
  (dice: Dice): string => {
    const option = (): string => `${number(dice, 255)}${dice.chance(0.4) ? `:${number(dice, 255)}` : ''}`;
    return some(
      dice,
      [
        `${not(dice)}--${name}-len ${number(dice, 0xffff_ffff)}`,
        `--${name}-opts ${list(dice, Array.from({ length: 6 }, option), dice.chance(0.1) ? 18 : 5)}`,
      ],
      0.7,
    );
  };

export const sheets = [
  sheet({
    match: hbh,
    rows: {
      rules: rules('hbh', 'PAD0 has not got length'),
      lists: [['! --hbh-len 5 --hbh-opts 5:6', 'hbh length:!5 opts 5:6']],
      packets: packets('hbh', 0, hopByHop),
    },
    generate: generate('hbh'),
  }),
  sheet({
    match: dst,
    rows: {
      rules: rules('dst', "PAD0 hasn't got length"),
      lists: [
        ['--dst-opts 5', 'dst opts 5'],
        ['', 'dst'],
      ],
      packets: [
        ...packets('dst', 60, destinationOptions),
        ['', ip6({}, fragment({ offset: 8, nextHeader: 60 }), raw(60, new Uint8Array(16))), 'no match'],
        // The first of two.
        [
          '--dst-opts 5',
          ip6({}, destinationOptions({ options: [{ type: 5, data: 2 }] }), destinationOptions(), udp()),
          'match',
        ],
        [
          '--dst-opts 5',
          ip6({}, destinationOptions(), destinationOptions({ options: [{ type: 5, data: 2 }] }), udp()),
          'no match',
        ],
      ],
    },
    generate: generate('dst'),
  }),
];
