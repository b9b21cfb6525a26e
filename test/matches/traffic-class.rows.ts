import { dscp } from '../../matches/dscp.ts';
import { ecn } from '../../matches/ecn.ts';
import { tos } from '../../matches/tos.ts';
import { fragment, ip4, ip6, raw, tcp, udp } from '../../packet/build.ts';
import { not, number, sheet, some } from './sheet.ts';

export const sheets = [
  sheet({
    match: dscp,
    rows: {
      rules: [
        ['--dscp 0x0a', '='],
        ['! --dscp 5', '! --dscp 0x05'],
        ['--dscp-class ef', '--dscp 0x2e'],
        ['! --dscp-class AF43', '! --dscp 0x26'],
        ['--dscp-class BE', '--dscp 0x00'],
        ['', { fails: 'DSCP match: Parameter --dscp is required' }],
        ['--dscp <|64|>', { fails: 'dscp: bad value for option "--dscp", or out of range (0-63).' }],
        ['--dscp-class <|LE|>', { fails: "Invalid DSCP value `LE'" }],
        [
          '--dscp-class EF <|--dscp 5|>',
          { fails: 'dscp: option "--dscp" cannot be used together with "--dscp-class".' },
        ],
      ],
      lists: [['! --dscp 5', 'DSCP match !0x05']],
      packets: [
        ['--dscp 46', ip4({ tos: 0xb8 }, udp()), 'match'],
        ['--dscp 46', ip4({ tos: 0xbb }, udp()), 'match'],
        ['--dscp 46', ip4({ tos: 0xb4 }, udp()), 'no match'],
        ['--dscp 46', ip6({ trafficClass: 0xb8, flowLabel: 0xfffff }, udp()), 'match'],
        ['! --dscp 46', ip6({ trafficClass: 0xb8 }, udp()), 'no match'],
      ],
    },
    generate: (dice) =>
      some(
        dice,
        [
          `${not(dice)}--dscp ${number(dice, 63)}`,
          `${not(dice)}--dscp-class ${dice.pick(['CS0', 'CS7', 'cs8', 'AF11', 'af23', 'AF44', 'EF', 'BE', 'VA'])}`,
        ],
        0.55,
      ),
  }),
  sheet({
    match: ecn,
    rows: {
      rules: [
        ['--ecn-ip-ect 3', '='],
        ['-p tcp ; --ecn-ip-ect 2 ! --ecn-tcp-cwr --ecn-tcp-ece', '--ecn-tcp-ece ! --ecn-tcp-cwr --ecn-ip-ect 2'],
        ['', { fails: 'ECN match: some option required' }],
        ['--ecn-ip-ect <|4|>', { fails: 'ecn: bad value for option "--ecn-ip-ect", or out of range (0-3).' }],
      ],
      lists: [['! --ecn-tcp-ece --ecn-tcp-cwr ! --ecn-ip-ect 2', 'ECN match !ECE CWR !ECT=2']],
      packets: [
        ['--ecn-ip-ect 3', ip4({ tos: 0xb3 }, udp()), 'match'],
        ['--ecn-ip-ect 3', ip6({ trafficClass: 0xb2 }, udp()), 'no match'],
        ['! --ecn-ip-ect 3', ip6({ trafficClass: 0xb2 }, udp()), 'match'],
        ['-p tcp ; --ecn-tcp-ece', ip6({}, tcp({ flags: 'SE' })), 'match'],
        ['-p tcp ; --ecn-tcp-ece ! --ecn-tcp-cwr', ip6({}, tcp({ flags: 'SEC' })), 'no match'],
        ['-p tcp ; ! --ecn-tcp-cwr', ip4({}, tcp({ flags: 'S' })), 'match'],
        ['-p tcp ; --ecn-tcp-cwr --ecn-ip-ect 1', ip4({ tos: 1 }, tcp({ flags: 'C' })), 'match'],
        // A later fragment's data are taken for a header, in IPv6 the IP header itself: its 14th octet lies in the source address.
        ['-p tcp ; --ecn-tcp-ece', ip4({ offset: 16 }, raw(6, new Uint8Array(20).fill(0x40))), 'match'],
        [
          '-p tcp ; --ecn-tcp-ece',
          ip6({}, fragment({ offset: 16, nextHeader: 6 }), raw(6, new Uint8Array(20).fill(0x40))),
          'no match',
        ],
        [
          '-p tcp ; --ecn-tcp-ece',
          ip6({ src: 'fd00:1:40::1' }, fragment({ offset: 16, nextHeader: 6 }), raw(6, new Uint8Array(20))),
          'match',
        ],
        // Too short a header is no match here, and not dropped.
        ['-p tcp ; ! --ecn-tcp-cwr', ip4({}, raw(6, new Uint8Array(19))), 'no match'],
      ],
    },
    generate: (dice) =>
      `${dice.chance(0.8) ? '-p tcp' : dice.pick(['', '-p udp', '! -p tcp'])} ; ${some(dice, [
        `${not(dice)}--ecn-tcp-ece`,
        `${not(dice)}--ecn-tcp-cwr`,
        `${not(dice)}--ecn-ip-ect ${number(dice, 3)}`,
      ])}`,
  }),
  sheet({
    match: tos,
    rows: {
      rules: [
        ['--tos 0x10', '--tos 0x10/0xff'],
        ['! --tos 16/0x3f', '! --tos 0x10/0x3f'],
        ['--tos minimize-delay', '--tos 0x10/0x3f'],
        ['--tos Normal-Service', '--tos 0x00/0x3f'],
        ['', { fails: 'tos: option "--tos" must be specified' }],
        ['--tos <|256|>', { fails: 'Symbolic name "256" is unknown' }],
        ['--tos <|1/256|>', { fails: 'Illegal value: "1/256"' }],
      ],
      lists: [
        ['--tos 3', 'tos match0x03/0xff'],
        ['! --tos Minimize-Cost', 'tos match!0x02/0x3f', 'tos match! Minimize-Cost'],
      ],
      packets: [
        // All eight bits, ECN too.
        ['--tos 0x10', ip4({ tos: 0x10 }, udp()), 'match'],
        ['--tos 0x10', ip4({ tos: 0x11 }, udp()), 'no match'],
        ['--tos 0x10/0x3f', ip4({ tos: 0xd0 }, udp()), 'match'],
        ['! --tos 0x10/0x3f', ip6({ trafficClass: 0xd0 }, udp()), 'no match'],
        ['--tos 0xd0', ip6({ trafficClass: 0xd0 }, udp()), 'match'],
        ['--tos 0xff/0', ip6({ trafficClass: 0xd0 }, udp()), 'no match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--tos ${dice.weighted([
        [3, number(dice, 255)],
        [3, `${number(dice, 255)}/${number(dice, 255)}`],
        [
          2,
          dice.pick([
            'Minimize-Delay',
            'maximize-throughput',
            'Maximize-Reliability',
            'Minimize-Cost',
            'Normal-Service',
            'Min',
          ]),
        ],
        [1, dice.pick(['0x10/0x3f', '8/0x3f', '0/63', '1/0x3f'])],
      ])}`,
  }),
];
