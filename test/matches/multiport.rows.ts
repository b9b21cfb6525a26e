import { multiport as match } from '../../matches/multiport.ts';
import { dccp, ip4, ip6, raw, sctp, tcp, udp, udplite } from '../../packet/build.ts';
import { fewNames, list, not, number, range, sheet } from './sheet.ts';

const FIFTEEN = '1,2,3,4,5,6,7,8,9,10,11,12,13,14,15';

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p tcp',
      names: fewNames,
      rules: [
        ['--dports http,443:450,1', '--dports 80,443:450,1'],
        ['-p udp ; --sports 53,domain', '--sports 53,53'],
        ['! --port 0x50,010', '! --ports 80,8'],
        ['--dport 5', '--dports 5'],
        ['--source-port 5', '--sports 5'],
        [`--dports ${FIFTEEN}`, '='],
        ['--dports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15', '='],
        [`--dports <|${FIFTEEN},16|>`, { fails: 'too many ports specified' }],
        ['--dports <|1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16|>', { fails: 'too many ports specified' }],
        ['--dports <|5:5|>', { fails: 'invalid portrange specified' }],
        ['--dports <|5:|>', { fails: "invalid port/service `' specified" }],
        ['-p udp ; --dports <|http|>', { fails: "invalid port/service `http' specified" }],
        ['', { fails: 'multiport expection an option' }],
        [
          '--sports 5 <|--dports 6|>',
          { fails: 'multiport: option "--source-ports" cannot be used together with "--destination-ports".' },
        ],
        ['-p icmp ; --ports <|5|>', { fails: 'multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP' }],
        ['! -p tcp ; --ports <|5|>', { fails: 'multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP' }],
        [
          '-p all ; --ports <|5|>',
          { fails: "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'" },
        ],
      ],
      lists: [
        ['--dports 80,443:450', 'multiport dports 80,443:450', 'multiport dports http,https:450'],
        ['! --ports 80', 'multiport ports  !80', 'multiport ports  !http'],
      ],
      packets: [
        ['--dports 80,90:95', ip6({}, tcp({ dport: 80 })), 'match'],
        ['--dports 80,90:95', ip6({}, tcp({ dport: 95 })), 'match'],
        ['--dports 80,90:95', ip6({}, tcp({ dport: 96 })), 'no match'],
        ['! --dports 80,90:95', ip6({}, tcp({ dport: 96 })), 'match'],
        ['-p udp ; --sports 5', ip4({}, udp({ sport: 5, dport: 6 })), 'match'],
        ['-p udp ; --dports 5', ip4({}, udp({ sport: 5, dport: 6 })), 'no match'],
        ['-p udp ; --ports 5', ip4({}, udp({ sport: 5, dport: 6 })), 'match'],
        ['-p udp ; --ports 6', ip4({}, udp({ sport: 5, dport: 6 })), 'match'],
        ['-p udp ; ! --ports 6', ip4({}, udp({ sport: 5, dport: 6 })), 'no match'],
        ['-p udplite ; --dports 6', ip4({}, udplite({ sport: 5, dport: 6 })), 'match'],
        ['-p sctp ; --dports 6', ip4({}, sctp({ sport: 5, dport: 6 })), 'match'],
        ['-p dccp ; --dports 6', ip6({}, dccp({ sport: 5, dport: 6 })), 'match'],
        // Four octets of ports are enough here, whatever the protocol's header needs.
        ['-p tcp ; --dports 0', ip4({}, raw(6, new Uint8Array(4))), 'match'],
        ['-p tcp ; --dports 0', ip4({}, raw(6, new Uint8Array(3))), 'drop'],
        ['-p tcp ; --dports 0', ip4({ offset: 16 }, raw(6, new Uint8Array(8))), 'no match'],
      ],
    },
    generate(dice) {
      const frame = dice.weighted([
        [8, `-p ${dice.pick(['tcp', 'udp', 'udplite', 'sctp', 'dccp', '6'])}`],
        [0.5, '-p icmp'],
        [0.5, '! -p tcp'],
        [0.5, ''],
      ]);
      const name = dice.pick([
        'dports',
        'sports',
        'ports',
        'dport',
        'sport',
        'port',
        'source-ports',
        'destination-port',
      ]);
      const items = Array.from({ length: 4 }, () =>
        dice.weighted([
          [5, number(dice, 0xffff)],
          [3, range(dice, 0xffff)],
          [1, dice.pick(['http', 'domain', 'ssh'])],
        ]),
      );
      return `${frame} ; ${not(dice)}--${name} ${list(dice, items, dice.chance(0.1) ? 17 : 6)}`;
    },
  }),
];
