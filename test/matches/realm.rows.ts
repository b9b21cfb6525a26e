import { realm as match } from '../../matches/realm.ts';
import { ip4, udp } from '../../packet/build.ts';
import { not, number, sheet } from './sheet.ts';

const packet = ip4({}, udp());
const routed = { packet, services: { realm: () => 0x50007 } };

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--realm 5', '--realm 0x5'],
        ['! --realm 0', '! --realm cosmos'],
        ['--realm cosmos', '='],
        ['--realm 5/0xff', '--realm 0x5/0xff'],
        ['', { fails: 'realm: option "--realm" must be specified' }],
        ['--realm <|foo|>', { fails: 'realm: could not map name foo to an integer value for option "--realm".' }],
        ['--realm <|5/foo|>', { fails: 'realm: bad integer value for option "--realm", or out of range.' }],
      ],
      lists: [['! --realm 0', '! realm 0x0', '! realm cosmos']],
      packets: [
        ['--realm 0x50007', routed, 'match'],
        ['--realm 7', routed, 'no match'],
        ['! --realm 7', routed, 'match'],
        ['--realm 7/0xffff', routed, 'match'],
        // Bits outside of the mask can never be there.
        ['--realm 0x17/0xf', routed, 'no match'],
        ['--realm cosmos', { packet }, 'match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--realm ${dice.weighted([
        [5, number(dice, 0xffff_ffff)],
        [3, `${number(dice, 255)}/${number(dice, 0xffff_ffff)}`],
        [1, dice.pick(['cosmos', 'nosuch', '""', 'cosmos/1'])],
      ])}`,
  }),
];
