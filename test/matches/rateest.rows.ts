import { rateest as match } from '../../matches/rateest.ts';
import { not, number, sheet } from './sheet.ts';

/** Behind these the kernel has the estimators that rows name. */
const estimator = (name: string): string =>
  `iptables-legacy -t raw -A OUTPUT -j RATEEST --rateest-name ${name} --rateest-interval 1s --rateest-ewmalog 2s`;

const LONGEST = 'abcdefghijklmno';

export const sheets = [
  sheet({
    match,
    setup: ['a', 'b', LONGEST].map(estimator),
    // What it says of packets needs an estimator: test/matches/rateest.test.ts.
    rows: {
      rules: [
        ['--rateest a --rateest-lt --rateest-bps 1mbit', '--rateest a --rateest-lt --rateest-bps 1000Kbit'],
        ['--rateest1 a --rateest-pps 0x10 ! --rateest-gt', '--rateest a ! --rateest-gt --rateest-pps 16'],
        ['--rateest a --rateest-lt --rateest-bps', '--rateest a --rateest-lt --rateest-bps 0bit'],
        [
          '--rateest1 a --rateest-lt --rateest2 b --rateest-bps',
          '--rateest1 a --rateest-lt --rateest-bps --rateest2 b',
        ],
        // Not --rateest-bps: that one is for the second of two.
        ['--rateest a --rateest-lt --rateest-bps1 1mbit', '--rateest a --rateest-lt --rateest-bps 0bit'],
        [
          '--rateest-delta --rateest1 a --rateest-bps1 8 --rateest-eq --rateest2 b --rateest-bps2 16',
          '--rateest-delta --rateest1 a --rateest-bps1 8bit --rateest-eq --rateest-bps2 16bit --rateest2 b',
        ],
        // What has both, octets and packets, is printed with its operator twice and not read back: random options show it.
        // The last operator counts, and any inversion.
        ['--rateest a ! --rateest-gt --rateest-lt --rateest-pps 5', '--rateest a ! --rateest-lt --rateest-pps 5'],
        ['--rateest a --rateest-eq --rateest-bps 1.5MIBIT', '--rateest a --rateest-eq --rateest-bps 1573Kbit'],
        ['--rateest a --rateest-eq --rateest-bps 1e3KBPS', '--rateest a --rateest-eq --rateest-bps 8000Kbit'],
        // 32 bits of octets.
        ['--rateest a --rateest-eq --rateest-bps 100gbit', '--rateest a --rateest-eq --rateest-bps 31281Mbit'],
        [`--rateest ${LONGEST}xyz --rateest-eq --rateest-pps 1`, `--rateest ${LONGEST} --rateest-eq --rateest-pps 1`],
        ['--rateest a --rateest-lt --rateest-bps <|1foo|>', { fails: 'rateest: could not parse rate `1foo' }],
        ['--rateest a --rateest-lt --rateest-bps <|""|>', { fails: 'rateest: could not parse rate `' }],
        ['--rateest a --rateest-lt --rateest-pps <|1.5|>', { fails: 'rateest: could not parse pps `1.5' }],
        ['--rateest a --rateest1 <|b|> --rateest-lt', { fails: "rateest: can't specify --rateest1 twice" }],
        ['--rateest a ! --rateest2 <|b|>', { fails: "rateest: rateest can't be inverted" }],
        ['--rateest a <|! --rateest-bps1|>', { fails: "rateest: rateest-bps can't be inverted" }],
        ['--rateest a <|! --rateest-delta|>', { fails: "rateest: rateest-delta can't be inverted" }],
        ['--rateest a --rateest-lt <|--rateest-lt|>', { fails: "rateest: can't specify lt/gt/eq twice" }],
        ['--rateest a --rateest-pps 5 --rateest-pps2 <|6|>', { fails: "rateest: can't specify --rateest-pps2 twice" }],
      ],
      lists: [
        [
          '--rateest a --rateest-lt --rateest-bps 1mbit',
          'rateest match a bps 125000 lt',
          'rateest match a bps 1000Kbit lt',
        ],
        ['--rateest a --rateest-pps 5 ! --rateest-gt', 'rateest match a pps ! gt 5'],
        ['--rateest1 a --rateest-lt --rateest2 b --rateest-bps', 'rateest match a bps lt b bps'],
        [
          '--rateest-delta --rateest1 a --rateest-lt --rateest2 b --rateest-bps2 80 --rateest-pps1 7',
          'rateest match a delta bps 0 pps 7 lt b bps 10 pps 0',
          'rateest match a delta bps 0bit pps 7 lt b bps 80bit pps 0',
        ],
        [
          '--rateest-delta --rateest a ! --rateest-lt --rateest-bps1 8 --rateest-bps 16',
          'rateest match a delta bps 1 2 ! lt',
          'rateest match a delta bps 8bit 16bit ! lt',
        ],
      ],
    },
    generate(dice) {
      const rate = (): string =>
        dice.weighted([
          [3, ''],
          [4, `${number(dice, 0xffff)}${dice.pick(['', 'bit', 'kbit', 'Mbit', 'gbps', 'KiBps', 'mibit', 'TBPS'])}`],
          [1, `${dice.int(0, 99)}.${dice.int(0, 999)}${dice.pick(['kbit', 'mbit', ''])}`],
          [0.3, dice.pick(['x', '1ibit', 'inf', '5kb'])],
        ]);
      const pps = (): string => (dice.chance(0.3) ? '' : number(dice, 0xffff_ffff));
      const operator = (): string => `${not(dice)}--rateest-${dice.pick(['lt', 'gt', 'eq'])}`;
      const parts: readonly (readonly [string, number])[] = [
        [`--rateest${dice.pick(['', '1'])} ${dice.pick(['a', 'b', LONGEST])}`, 0.95],
        [`--rateest2 ${dice.pick(['a', 'b'])}`, 0.4],
        [operator(), 0.95],
        [operator(), 0.1],
        ['--rateest-delta', 0.4],
        [`--rateest-bps${dice.pick(['', '2'])} ${rate()}`, 0.5],
        [`--rateest-bps1 ${rate()}`, 0.3],
        [`--rateest-pps${dice.pick(['', '2'])} ${pps()}`, 0.5],
        [`--rateest-pps1 ${pps()}`, 0.3],
        [`! ${dice.pick(['--rateest-bps', '--rateest-pps1', '--rateest2 b', '--rateest-delta'])}`, 0.03],
      ];
      return dice
        .shuffled(parts)
        .filter(([, share]) => dice.chance(share))
        .map(([text]) => text)
        .join(' ');
    },
  }),
];
