import { statistic as match } from '../../matches/statistic.ts';
import { ip6, udp } from '../../packet/build.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { not, number, sheet, some } from './sheet.ts';

/** A packet that meets this random number. */
const drawn = (number: number): PacketSetup => ({ packet: ip6({}, udp()), services: { random: () => number } });

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--mode random --probability 0.5', '--mode random --probability 0.50000000000'],
        // A part of 2^31, rounded.
        ['--mode random ! --probability 0.1', '--mode random ! --probability 0.10000000009'],
        ['--mode random --probability 1e-3', '--mode random --probability 0.00100000016'],
        ['--mode random --probability 0.00000000024', '--mode random --probability 0.00000000047'],
        ['--mode nth --every 5 --packet 3', '='],
        ['--mode nth ! --every 3 --packet 0', '='],
        ['', { fails: '--probability must be specified when using random mode' }],
        ['--mode nth', { fails: '--every and --packet must be specified when using nth mode' }],
        ['--probability 0.5', { fails: 'statistic: option "--mode" must be specified' }],
        ['--mode nth --every 5', { fails: 'statistic: option "--every" also requires "--packet".' }],
        ['--mode nth --every 5 --packet 5', { fails: 'the --packet p must be 0 <= p <= n-1' }],
        [
          '--mode nth --every 5 --probability 0.5',
          { fails: 'statistic: option "--probability" cannot be used together with "--every".' },
        ],
        ['--mode <|RANDOM|>', { fails: 'Bad mode "RANDOM"' }],
        [
          '--mode random --probability <|1.1|>',
          { fails: 'statistic: bad value for option "--probability", or out of range (0-1).' },
        ],
        [
          '--mode nth --every <|0|>',
          { fails: 'statistic: bad value for option "--every", or out of range (1-4294967295).' },
        ],
      ],
      lists: [
        ['--mode random ! --probability 0.5', 'statistic mode random ! probability 0.50000000000'],
        ['--mode nth --every 3 --packet 0', 'statistic mode nth every 3'],
        ['--mode nth --every 3 --packet 1', 'statistic mode nth every 3 packet 1'],
      ],
      packets: [
        ['--mode random --probability 0.5', drawn(0x3fff_ffff), 'match'],
        ['--mode random --probability 0.5', drawn(0x4000_0000), 'no match'],
        // The highest bit is not looked at.
        ['--mode random --probability 0.5', drawn(0xbfff_ffff), 'match'],
        ['--mode random ! --probability 0.5', drawn(0x4000_0000), 'match'],
        ['--mode random --probability 1', drawn(0xffff_ffff), 'match'],
        ['--mode random --probability 0', drawn(0), 'no match'],
        ['--mode nth --every 1 --packet 0', ip6({}, udp()), 'match'],
        ['--mode nth --every 3 --packet 0', ip6({}, udp()), 'match'],
        ['--mode nth --every 3 --packet 1', ip6({}, udp()), 'no match'],
        ['--mode nth ! --every 3 --packet 1', ip6({}, udp()), 'match'],
      ],
    },
    generate: (dice) => {
      const chance = dice.weighted([
        [6, (dice.u32() / 2 ** 32).toFixed(dice.int(1, 11))],
        [1, dice.pick(['0', '1', '.5', '1e-5', '1.00001', '-0.1', 'x', '0.5x', '5e-1', '2.5E-1'])],
      ]);
      if (dice.chance(0.5)) return `--mode random ${not(dice)}--probability ${chance}`;
      if (dice.chance(0.7))
        return `--mode nth ${not(dice)}--every ${number(dice, 0xffff_ffff)} --packet ${dice.int(0, 5)}`;
      const mode = dice.pick(['random', 'nth', 'nth', 'none']);
      return `--mode ${mode} ${some(dice, [`--probability ${chance}`, `--every ${number(dice, 9)}`, `--packet ${number(dice, 9)}`])}`;
    },
  }),
];
