import { tcp as match } from '../../matches/tcp.ts';
import { fragment, ip4, ip6, raw, tcp } from '../../packet/build.ts';
import { fewNames, not, number, ports, sheet, some } from './sheet.ts';

const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ALL', 'NONE', 'syn'];
/** SACK permitted, then end of list, then a time stamp that no end host would read. */
const behindEol = Uint8Array.of(4, 2, 0, 0, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0);

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p tcp',
      names: fewNames,
      rules: [
        ['', ''],
        ['--dport 80', '='],
        ['--sport http:https --dport :', '--sport 80:443'],
        ['! --sport : --dport 010', '--dport 8'],
        ['! --sport 5:10 ! --dport 0x50:', '! --sport 5:10 ! --dport 80:65535'],
        ['--source-port 1 --destination-port 2', '--sport 1 --dport 2'],
        ['--dport 5:5', '--dport 5'],
        ['--syn', '--tcp-flags FIN,SYN,RST,ACK SYN'],
        ['! --syn', '! --tcp-flags FIN,SYN,RST,ACK SYN'],
        ['--tcp-flags ALL NONE', '--tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE'],
        ['--tcp-flags ack,syn,, SYN', '--tcp-flags SYN,ACK SYN'],
        // No flag to look at is no condition, and vanishes, unless it is inverted.
        ['--tcp-flags NONE SYN', ''],
        ['! --tcp-flags NONE NONE', '='],
        ['--tcp-flags SYN ""', '--tcp-flags SYN NONE'],
        ['! --tcp-option 0x8', '! --tcp-option 8'],
        [
          '! --dport 80 --syn --tcp-option 7 --sport 1:65535',
          '--sport 1:65535 ! --dport 80 --tcp-option 7 --tcp-flags FIN,SYN,RST,ACK SYN',
        ],
        ['--dport <|10:5|>', { fails: 'invalid portrange (min > max)' }],
        ['--dport <|65536|>', { fails: "invalid port/service `65536' specified" }],
        ['--dport <|nosuch|>', { fails: "invalid port/service `nosuch' specified" }],
        ['--dport <|1:2:3|>', { fails: "invalid port/service `2:3' specified" }],
        ['--dport <|1,2|>', { fails: "invalid port/service `1,2' specified", hint: '-m multiport: --dports 1,2' }],
        ['--dport 1 <|--dport 2|>', { fails: "Only one `--destination-port' allowed" }],
        ['--syn <|--tcp-flags SYN SYN|>', { fails: "Only one of `--syn' or `--tcp-flags'  allowed" }],
        ['<|--tcp-flags SYN|> --dport 80', { fails: '--tcp-flags requires two args.' }],
        ['--tcp-flags <|SYN,FOO SYN|>', { fails: "Unknown TCP flag `FOO'" }],
        ['--tcp-option <|0|>', { fails: 'Bad TCP option "0"' }],
        ['--tcp-option <|256|>', { fails: 'Bad TCP option "256"' }],
      ],
      lists: [
        ['--sport 80:443 ! --dport 80', 'tcp spts:80:443 dpt:!80', 'tcp spts:http:https dpt:!http'],
        ['! --sport :', 'tcp spts:!0:65535'],
        ['! --syn --tcp-option 8', 'tcp option=8 flags:!0x17/0x02', 'tcp option=8 flags:!FIN,SYN,RST,ACK/SYN'],
      ],
      packets: [
        ['--dport 80', ip6({}, tcp({ dport: 80 })), 'match'],
        ['--dport 80', ip4({}, tcp({ dport: 81 })), 'no match'],
        ['--sport 5:9', ip6({}, tcp({ sport: 9 })), 'match'],
        ['--sport 5:9', ip6({}, tcp({ sport: 10 })), 'no match'],
        ['! --sport 5:9', ip6({}, tcp({ sport: 4 })), 'match'],
        ['! --sport :', ip6({}, tcp({ sport: 4 })), 'no match'],
        ['--syn', ip6({}, tcp({ flags: 'S' })), 'match'],
        ['--syn', ip6({}, tcp({ flags: 'SEC' })), 'match'],
        ['--syn', ip6({}, tcp({ flags: 'SA' })), 'no match'],
        ['! --syn', ip6({}, tcp({ flags: 'SA' })), 'match'],
        ['--tcp-flags ALL NONE', ip4({}, tcp({ flags: '' })), 'match'],
        // A flag that is wanted set but not looked at can never be.
        ['--tcp-flags SYN SYN,ACK', ip4({}, tcp({ flags: 'SA' })), 'no match'],
        ['--tcp-option 8', ip4({}, tcp({ options: { timestamps: [1, 0] } })), 'match'],
        ['--tcp-option 8', ip4({}, tcp({ options: behindEol })), 'match'],
        ['--tcp-option 8', ip4({}, tcp({})), 'no match'],
        ['! --tcp-option 8', ip4({}, tcp({})), 'match'],
        ['--tcp-option 8', ip4({}, tcp({ headerLength: 16 })), 'drop'],
        ['--tcp-option 8', ip4({}, tcp({ headerLength: 40 })), 'drop'],
        // The ports are looked at first: no drop where they say no.
        ['--dport 9 --tcp-option 8', ip4({}, tcp({ dport: 80, headerLength: 16 })), 'no match'],
        ['--dport 80', ip4({ protocol: 6 }, raw(6, new Uint8Array(19))), 'drop'],
        ['--dport 80', ip6({}, raw(6, new Uint8Array(19))), 'drop'],
        ['', ip6({}, raw(6, new Uint8Array(20))), 'match'],
        ['', ip4({ protocol: 6, offset: 16 }, raw(6, new Uint8Array(40))), 'no match'],
        // RFC 3128: an IPv4 fragment at offset 8 would overwrite the flags.
        ['', ip4({ protocol: 6, offset: 8 }, raw(6, new Uint8Array(40))), 'drop'],
        ['', ip6({}, fragment({ offset: 8, nextHeader: 6 }), raw(6, new Uint8Array(40))), 'no match'],
        ['--dport 80', ip6({}, fragment({ more: true }), tcp({ dport: 80, data: 12 })), 'match'],
      ],
    },
    generate: (dice) =>
      some(dice, [
        `${not(dice)}--${dice.pick(['sport', 'source-port'])} ${ports(dice)}`,
        `${not(dice)}--${dice.pick(['dport', 'destination-port'])} ${ports(dice)}`,
        dice.chance(0.3)
          ? `${not(dice)}--syn`
          : `${not(dice)}--tcp-flags ${dice.some(FLAGS, 0.3).join(',')} ${dice.some(FLAGS, 0.3).join(',')}`,
        `${not(dice)}--tcp-option ${number(dice, 255)}`,
      ]),
  }),
];
