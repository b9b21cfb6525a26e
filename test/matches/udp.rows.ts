import { udp as match } from '../../matches/udp.ts';
import { fragment, ip4, ip6, raw, udp } from '../../packet/build.ts';
import { fewNames, not, ports, sheet, some } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p udp',
      names: fewNames,
      rules: [
        ['', ''],
        ['--dport domain', '--dport 53'],
        ['--sport 5: --dport :5', '--sport 5:65535 --dport 0:5'],
        ['! --dport :', ''],
        // Unlike tcp: decimal only, cut to 16 bits, the ends in any order, services of any protocol.
        ['--dport 010', '--dport 10'],
        ['--dport 99999', '--dport 34463'],
        ['--dport 9:8', '='],
        ['--dport http', '--dport 80'],
        ['--dport ""', '--dport 0'],
        ['--dport <|0x50|>', { fails: 'Port "0x50" does not resolve to anything.' }],
        ['--dport <|1:2:3|>', { fails: 'udp: Too many components for option "--destination-port" (max: 2)' }],
        ['--dport 8 <|--dport 9|>', { fails: 'udp: option "--destination-port" can only be used once.' }],
      ],
      lists: [
        ['! --sport 53 --dport 5:8', 'udp spt:!53 dpts:5:8', 'udp spt:!domain dpts:5:8'],
        ['! --dport :', 'udp dpts:!0:65535'],
      ],
      packets: [
        ['--dport 53', ip6({}, udp({ dport: 53 })), 'match'],
        ['--dport 53', ip4({}, udp({ dport: 54 })), 'no match'],
        ['! --dport 53', ip4({}, udp({ dport: 54 })), 'match'],
        ['--sport 0', ip4({}, udp({ sport: 0 })), 'match'],
        ['--dport 9:8', ip4({}, udp({ dport: 8 })), 'no match'],
        ['! --dport 9:8', ip4({}, udp({ dport: 8 })), 'match'],
        ['', ip4({}, raw(17, new Uint8Array(7))), 'drop'],
        ['', ip6({}, raw(17, new Uint8Array(7))), 'drop'],
        ['', ip4({ offset: 8 }, raw(17, new Uint8Array(16))), 'no match'],
        ['', ip6({}, fragment({ offset: 8, nextHeader: 17 }), raw(17, new Uint8Array(16))), 'no match'],
      ],
    },
    generate: (dice) =>
      some(
        dice,
        [
          `${not(dice)}--${dice.pick(['sport', 'source-port'])} ${ports(dice)}`,
          `${not(dice)}--${dice.pick(['dport', 'destination-port'])} ${ports(dice)}`,
        ],
        0.8,
      ),
  }),
];
