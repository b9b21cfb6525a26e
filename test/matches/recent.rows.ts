import { recent as match } from '../../matches/recent.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { address, not, number, sheet, some } from './sheet.ts';

const ONES = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--set', `--set --name DEFAULT --mask ${ONES} --rsource`, 6],
        ['--set', '--set --name DEFAULT --mask 255.255.255.255 --rsource', 4],
        ['! --rcheck --rdest', `! --rcheck --name DEFAULT --mask ${ONES} --rdest`, 6],
        [
          '--update --name foo --rttl --mask ffff:: --rdest --seconds 5 --hitcount 0x4 --reap',
          '--update --seconds 5 --reap --hitcount 4 --rttl --name foo --mask ffff:: --rdest',
          6,
        ],
        ['--remove --mask 255.0.255.0', '--remove --name DEFAULT --mask 255.0.255.0 --rsource', 4],
        // A mask is read as an address is.
        ['--remove --mask 16', '--remove --name DEFAULT --mask 0.0.0.16 --rsource', 4],
        ['--rcheck --hitcount 0', `--rcheck --name DEFAULT --mask ${ONES} --rsource`, 6],
        ['--set --rdest --rsource', `--set --name DEFAULT --mask ${ONES} --rsource`, 6],
        ['', { fails: "recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'" }],
        ['--set <|--rcheck|>', { fails: 'recent: option "--set" cannot be used together with "--rcheck".' }],
        ['--set <|--rttl|>', { fails: 'recent: option "--rttl" cannot be used together with "--set".' }],
        ['--rcheck <|--reap|>', { fails: 'recent: option "--reap" also requires "--seconds".' }],
        [
          '--rcheck --seconds <|0|>',
          { fails: 'recent: bad value for option "--seconds", or out of range (1-4294967295).' },
        ],
        ['--rcheck <|! --seconds 5|>', { fails: 'recent: option "--seconds" cannot be inverted.' }],
      ],
      lists: [],
      packets: [
        ['--set', ip6({}, udp()), 'match'],
        ['! --set', ip6({}, udp()), 'no match'],
        // An empty list.
        ['--rcheck', ip4({}, udp()), 'no match'],
        ['! --rcheck', ip4({}, udp()), 'match'],
        ['! --update --seconds 5', ip6({}, udp()), 'match'],
        ['--remove', ip6({}, udp()), 'no match'],
        ['! --remove', ip6({}, udp()), 'match'],
      ],
    },
    generate: (dice, family) => {
      const operation = dice.pick(['--set', '--rcheck', '--update', '--remove']);
      const mask = dice.chance(0.5) ? address(dice, family) : family === 4 ? '255.255.255.0' : 'ffff:ffff::';
      const seconds = `--seconds ${number(dice, 0xffff_ffff)}`;
      return `${not(dice)}${operation} ${some(
        dice,
        [
          dice.chance(0.3) ? `${seconds} --reap` : seconds,
          `--hitcount ${number(dice, dice.chance(0.1) ? 0xffff_ffff : 300)}`,
          '--rttl',
          `--name ${dice.pick(['foo', 'DEFAULT', 'a-b_c', 'x.y', '..', 'a/b', '"a b"', 'q'.repeat(230)])}`,
          '--rsource',
          '--rdest',
          `--mask ${mask}`,
          dice.chance(0.1) ? '--update' : '',
        ],
        operation === '--rcheck' || operation === '--update' ? 0.4 : 0.15,
      )}`;
    },
  }),
];
