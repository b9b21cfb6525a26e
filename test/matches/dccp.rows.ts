import { dccp as match } from '../../matches/dccp.ts';
import { dccp, ip4, ip6, raw } from '../../packet/build.ts';
import { fewNames, list, not, number, ports, sheet, some } from './sheet.ts';

const TYPES = [
  'REQUEST',
  'RESPONSE',
  'DATA',
  'ACK',
  'DATAACK',
  'CLOSEREQ',
  'CLOSE',
  'RESET',
  'SYNC',
  'SYNCACK',
  'INVALID',
];
/** Mandatory, then NDP count of three octets. */
const options = Uint8Array.of(1, 37, 3, 9);

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p dccp',
      names: fewNames,
      rules: [
        ['', ''],
        ['--sport : ! --dport 6:5', '--sport 0:65535 ! --dport 6:5'],
        ['--dccp-types syncack,REQUEST,', '--dccp-types REQUEST,SYNCACK'],
        ['! --dccp-types INVALID --dccp-option 0x25', '! --dccp-types INVALID --dccp-option 37'],
        ['--dport http', '--dport 80'],
        ['--dccp-types <|REQ|>', { fails: "Unknown DCCP type `REQ'" }],
        ['--dccp-option <|0|>', { fails: 'dccp: bad value for option "--dccp-option", or out of range (1-255).' }],
      ],
      lists: [
        ['! --dccp-types REQUEST,INVALID', 'dccp ! 0,10,11,12,13,14,15', 'dccp ! REQUEST,INVALID'],
        ['--dccp-option 5 --sport 5:6', 'dccp spts:5:6 option=5'],
      ],
      packets: [
        ['--dport 80', ip6({}, dccp({ dport: 80 })), 'match'],
        ['--dport 80', ip4({}, dccp({ dport: 81 })), 'no match'],
        ['--dccp-types REQUEST', ip6({}, dccp({ type: 0 })), 'match'],
        ['--dccp-types REQUEST', ip6({}, dccp({ type: 2 })), 'no match'],
        ['! --dccp-types REQUEST', ip6({}, dccp({ type: 2 })), 'match'],
        ['--dccp-types INVALID', ip6({}, dccp({ type: 12 })), 'match'],
        ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(
          (type) => ['--dccp-option 37', ip6({}, dccp({ type, options })), 'match'] as const,
        ),
        ['--dccp-option 3', ip6({}, dccp({ type: 0, options })), 'no match'],
        ['! --dccp-option 3', ip6({}, dccp({ type: 0, options })), 'match'],
        ['--dccp-option 37', ip6({}, dccp({ type: 0 })), 'no match'],
        ['--dccp-option 37', ip4({}, dccp({ type: 0, headerLength: 12 })), 'drop'],
        ['--dccp-option 37', ip4({}, dccp({ type: 0, headerLength: 60 })), 'drop'],
        ['', ip4({}, raw(33, new Uint8Array(11))), 'drop'],
        ['', ip4({ offset: 8 }, raw(33, new Uint8Array(16))), 'no match'],
      ],
    },
    generate: (dice) =>
      some(dice, [
        `${not(dice)}--sport ${ports(dice)}`,
        `${not(dice)}--dport ${ports(dice)}`,
        `${not(dice)}--dccp-types ${list(dice, [...TYPES, 'data', 'X'], 5)}`,
        `${not(dice)}--dccp-option ${number(dice, 255)}`,
      ]),
  }),
];
