import { connlimit as match } from '../../matches/connlimit.ts';
import { ip4, ip6, raw } from '../../packet/build.ts';
import { address, not, number, sheet, some } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--connlimit-above 5', '--connlimit-above 5 --connlimit-mask 128 --connlimit-saddr', 6],
        ['--connlimit-upto 0x5', '--connlimit-upto 5 --connlimit-mask 32 --connlimit-saddr', 4],
        ['! --connlimit-upto 5 --connlimit-daddr', '--connlimit-above 5 --connlimit-mask 128 --connlimit-daddr', 6],
        ['! --connlimit-above 5', '--connlimit-upto 5 --connlimit-mask 32 --connlimit-saddr', 4],
        ['--connlimit-above 1 --connlimit-mask ffff::', '--connlimit-above 1 --connlimit-mask 16 --connlimit-saddr', 6],
        [
          '--connlimit-above 1 --connlimit-mask 255.255.255.0',
          '--connlimit-above 1 --connlimit-mask 24 --connlimit-saddr',
          4,
        ],
        ['--connlimit-mask 5', { fails: 'You must specify "--connlimit-above" or "--connlimit-upto".' }],
        [
          '--connlimit-above 5 <|--connlimit-upto 6|>',
          { fails: 'connlimit: option "--connlimit-upto" cannot be used together with "--connlimit-above".' },
        ],
        [
          '--connlimit-above 5 --connlimit-mask <|129|>',
          {
            fails:
              'connlimit: bad value for option "--connlimit-mask", neither a valid network mask nor valid CIDR (0-128).',
          },
          6,
        ],
      ],
      lists: [],
      packets: [
        // Nothing that could be a flow.
        // The kernel's tracker would wait for the rest of it.
        ['--connlimit-above 0', { packet: ip4({ offset: 64 }, raw(17, 16)) }, 'drop'],
        ['--connlimit-upto 9', ip6({}, raw(17, 3)), 'drop'],
      ],
    },
    generate: (dice, family) =>
      some(
        dice,
        [
          `${not(dice)}--connlimit-${dice.pick(['above', 'upto'])} ${number(dice, 0xffff_ffff)}`,
          dice.chance(0.1) ? '--connlimit-above 5' : '',
          `--connlimit-mask ${dice.chance(0.3) ? address(dice, family) : number(dice, family === 4 ? 32 : 128)}`,
          dice.pick(['--connlimit-saddr', '--connlimit-daddr']),
        ],
        0.85,
      ),
  }),
];
