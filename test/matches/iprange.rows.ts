import { iprange as match } from '../../matches/iprange.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { address, not, sheet, some } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--src-range 1.2.3.4-1.2.3.9', '=', 4],
        ['--src-range 1.2.3.4', '--src-range 1.2.3.4-1.2.3.4', 4],
        ['--dst-range 1.2-0x10.010', '--dst-range 1.2.0.0-16.8.0.0', 4],
        [
          '! --dst-range 1.2.3.9-1.2.3.10 --src-range 0-255',
          '--src-range 0.0.0.0-255.0.0.0 ! --dst-range 1.2.3.9-1.2.3.10',
          4,
        ],
        ['--src-range 2001:DB8::1-2001:db8::0:ff', '--src-range 2001:db8::1-2001:db8::ff', 6],
        ['--src-range ::ffff:1.2.3.4-::ffff:1.2.3.5', '=', 6],
        ['', { fails: "iprange match: You must specify `--src-range' or `--dst-range'" }],
        ['--src-range <|1.2.3.4-1.2.3.256|>', { fails: 'iprange: Bad value for "--src-range" option: "1.2.3.256"' }, 4],
        ['--src-range <|localhost-1.2.3.4|>', { fails: 'iprange: Bad value for "--src-range" option: "localhost"' }, 4],
        ['--src-range <|::1-|>', { fails: 'iprange: Bad value for "--src-range" option: ""' }, 6],
        ['--src-range <|::1-::2-::3|>', { fails: 'iprange: Bad value for "--src-range" option: "::2-::3"' }, 6],
      ],
      packets: [
        ['--src-range 10.0.0.1-10.0.0.9', ip4({ src: '10.0.0.1' }, udp()), 'match'],
        ['--src-range 10.0.0.1-10.0.0.9', ip4({ src: '10.0.0.9' }, udp()), 'match'],
        ['--src-range 10.0.0.1-10.0.0.9', ip4({ src: '10.0.0.10' }, udp()), 'no match'],
        ['--src-range 10.0.0.1-10.0.0.9', ip4({ src: '10.0.0.0' }, udp()), 'no match'],
        ['! --src-range 10.0.0.1-10.0.0.9', ip4({ src: '10.0.0.0' }, udp()), 'match'],
        ['--dst-range 10.0.9.0-10.1.2.3', ip4({ dst: '10.1.2.3' }, udp()), 'match'],
        ['--dst-range 10.0.9.0-10.1.2.3', ip4({ dst: '10.1.2.4' }, udp()), 'no match'],
        ['--src-range fd00:1::-fd00:2::', ip6({ src: 'fd00:1:ffff::5' }, udp()), 'match'],
        ['--src-range fd00:1::-fd00:2::', ip6({ src: 'fd00:2::1' }, udp()), 'no match'],
        [
          '! --src-range fd00:1::-fd00:2:: --dst-range ::-ffff::',
          ip6({ src: 'fd00:2::1', dst: 'fd00:b::9' }, udp()),
          'match',
        ],
      ],
    },
    generate: (dice, family) => {
      const span = (): string => `${address(dice, family)}${dice.chance(0.9) ? `-${address(dice, family)}` : ''}`;
      return some(dice, [`${not(dice)}--src-range ${span()}`, `${not(dice)}--dst-range ${span()}`], 0.7);
    },
  }),
];
