import { icmp6 as match } from '../../matches/icmp6.ts';
import { fragment, icmp6, ip6, raw } from '../../packet/build.ts';
import { not, number, sheet } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p ipv6-icmp',
      rules: [
        ['--icmpv6-type echo-request', '--icmpv6-type 128'],
        ['--icmpv6-type neighbor-solicitation', '--icmpv6-type 135'],
        ['--icmpv6-type neighbour-a', '--icmpv6-type 136'],
        ['--icmpv6-type 255/3', '='],
        ['! --icmpv6-type no-route', '! --icmpv6-type 1/0'],
        ['', { fails: 'icmp6: option "--icmpv6-type" must be specified' }],
        ['--icmpv6-type <|any|>', { fails: "Unknown ICMPv6 type `any'" }],
        [
          '--icmpv6-type <|ttl|>',
          { fails: "Ambiguous ICMPv6 type `ttl': `ttl-exceeded' or `ttl-zero-during-transit'?" },
        ],
        ['--icmpv6-type <|5/256|>', { fails: "Unknown ICMPv6 code `5/256'" }],
        ['--icmpv6-type <|128/0x|>', { fails: 'unknown character x' }],
        ['--icmpv6-type 1 <|--icmpv6-type 2|>', { fails: 'icmp6: option "--icmpv6-type" can only be used once.' }],
      ],
      lists: [
        ['--icmpv6-type 128', 'ipv6-icmptype 128', 'ipv6-icmp echo-request'],
        ['! --icmpv6-type 1/0', 'ipv6-icmp !type 1 code 0', 'ipv6-icmp !no-route'],
      ],
      packets: [
        ['--icmpv6-type 128', ip6({}, icmp6({ type: 128 })), 'match'],
        ['--icmpv6-type 128', ip6({}, icmp6({ type: 129 })), 'no match'],
        ['--icmpv6-type 1/4', ip6({}, icmp6({ type: 1, code: 4 })), 'match'],
        ['--icmpv6-type 1/4', ip6({}, icmp6({ type: 1, code: 3 })), 'no match'],
        // 255 is a type like any other here.
        ['--icmpv6-type 255', ip6({}, icmp6({ type: 128 })), 'no match'],
        ['! --icmpv6-type 255', ip6({}, icmp6({ type: 128 })), 'match'],
        ['--icmpv6-type 0', ip6({}, raw(58, new Uint8Array(7))), 'drop'],
        ['--icmpv6-type 0', ip6({}, fragment({ offset: 8, nextHeader: 58 }), raw(58, new Uint8Array(8))), 'no match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--icmpv6-type ${dice.weighted([
        [
          3,
          dice.pick([
            'ping',
            'pong',
            'redirect',
            'bad-header',
            'NEIGH',
            'router-s',
            'time',
            'p',
            'reject-route',
            'any',
          ]),
        ],
        [3, number(dice, 255)],
        [3, `${number(dice, 255)}/${number(dice, 255)}`],
        [1, `1/${dice.int(0, 7)}`],
        [0.3, '/1'],
        [0.3, '1/'],
      ])}`,
  }),
];
