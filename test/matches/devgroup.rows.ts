import { devgroup as match } from '../../matches/devgroup.ts';
import { ip6, udp } from '../../packet/build.ts';
import { not, number, sheet, some } from './sheet.ts';

const packet = ip6({}, udp());
const through = {
  packet,
  in: 'lan',
  out: 'wan',
  hook: 'FORWARD' as const,
  services: { deviceGroup: (device: string) => (device === 'lan' ? 0x105 : 2) },
};

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--src-group 5', '--src-group 0x5'],
        ['--src-group 0', '--src-group default'],
        ['! --dst-group 0x2 --src-group 1/0xff', '--src-group 0x1/0xff ! --dst-group 0x2'],
        ['--src-group 1/0xffffffff', '--src-group 0x1'],
        ['', { fails: "devgroup match: You must specify either '--src-group' or '--dst-group'" }],
        [
          '--src-group <|foo|>',
          { fails: 'devgroup: could not map name foo to an integer value for option "--src-group".' },
        ],
        ['--src-group <|1/foo|>', { fails: 'devgroup: bad integer value for option "--src-group", or out of range.' }],
      ],
      lists: [['! --src-group 0 --dst-group 5', '! src-group 0x0 dst-group 0x5', '! src-group default dst-group 0x5']],
      packets: [
        ['--src-group 0x105', through, 'match'],
        ['--src-group 5', through, 'no match'],
        ['--src-group 5/0xff', through, 'match'],
        ['! --src-group 5/0xff', through, 'no match'],
        ['--src-group 0x105 --dst-group 2', through, 'match'],
        ['--src-group 0x105 ! --dst-group 2', through, 'no match'],
        // Nobody says: all devices are in the default group.
        ['--src-group default', packet, 'match'],
        ['! --src-group 0', packet, 'no match'],
      ],
    },
    generate: (dice) => {
      const group = (): string =>
        dice.weighted([
          [5, number(dice, 0xffff_ffff)],
          [3, `${number(dice, 255)}/${number(dice, 0xffff_ffff)}`],
          [1, dice.pick(['default', 'nosuch', '""', 'default/1'])],
        ]);
      return some(dice, [`${not(dice)}--src-group ${group()}`, `${not(dice)}--dst-group ${group()}`], 0.7);
    },
  }),
];
