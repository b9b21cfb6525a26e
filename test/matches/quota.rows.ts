import { quota as match } from '../../matches/quota.ts';
import { ip4, udp } from '../../packet/build.ts';
import { not, number, sheet } from './sheet.ts';

const forty = ip4({}, udp({ data: 12 }));

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--quota 0x10', '--quota 16'],
        ['! --quota 18446744073709551615', '='],
        ['', { fails: 'quota: option "--quota" must be specified' }],
        [
          '--quota <|18446744073709551616|>',
          { fails: 'quota: bad value for option "--quota", or out of range (0-18446744073709551615).' },
        ],
      ],
      // The inversion does not show.
      lists: [['! --quota 5', 'quota: 5 bytes']],
      packets: [
        ['--quota 40', forty, 'match'],
        ['--quota 39', forty, 'no match'],
        ['! --quota 39', forty, 'match'],
        ['! --quota 40', forty, 'no match'],
        ['--quota 18446744073709551615', forty, 'match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--quota ${dice.chance(0.5) ? number(dice, 0xffff_ffff) : ((BigInt(dice.u32()) << 32n) | BigInt(dice.u32())).toString()}`,
  }),
];
