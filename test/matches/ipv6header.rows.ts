import { ipv6header as match } from '../../matches/ipv6header.ts';
import { ah, destinationOptions, esp, fragment, ip6, raw, routing, udp } from '../../packet/build.ts';
import { list, not, sheet } from './sheet.ts';

const ALL = 'hop-by-hop,ipv6-opts,ipv6-route,ipv6-frag,ah,esp,ipv6-nonxt,protocol';
const NAMES = [
  ...ALL.split(','),
  'hop',
  'dst',
  'route',
  'frag',
  'auth',
  'none',
  'prot',
  'hopopt',
  '0',
  '43',
  '44',
  '50',
  '51',
  '59',
  '60',
  '255',
];

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--header prot,none,esp,auth,frag,route,dst,hop', `--header ${ALL}`],
        ['--header 255,59,50,51,44,43,60,0', `--header ${ALL}`],
        ['! --header ,hopopt, --soft', '! --header hop-by-hop --soft'],
        ['--soft', { fails: 'ipv6header: option "--header" must be specified' }],
        ['--header <|HOP|>', { fails: "unknown header `HOP' specified" }],
        // A protocol is named by its number then.
        ['--header <|tcp|>', { fails: "unknown header `6' specified" }],
        ['--header <|043|>', { fails: "unknown header `043' specified" }],
        ['--header <|,|>', { fails: 'ip6t_ipv6header: cannot parse header names' }],
      ],
      lists: [
        ['! --header hop,dst --soft', 'ipv6header flags:!0xC0 soft', 'ipv6header flags:!hop-by-hop,ipv6-opts soft'],
      ],
      packets: [
        ['--header prot', ip6({}, udp()), 'match'],
        ['--header none', ip6({ nextHeader: 59 }), 'match'],
        ['--header dst,prot', ip6({}, destinationOptions(), udp()), 'match'],
        ['--header dst', ip6({}, destinationOptions(), udp()), 'no match'],
        ['! --header dst', ip6({}, destinationOptions(), udp()), 'match'],
        ['--header dst --soft', ip6({}, destinationOptions(), udp()), 'match'],
        ['--header dst,frag --soft', ip6({}, destinationOptions(), udp()), 'no match'],
        ['! --header dst,frag --soft', ip6({}, destinationOptions(), udp()), 'no match'],
        ['! --header route,frag --soft', ip6({}, destinationOptions(), udp()), 'match'],
        [
          '--header route,auth,prot',
          ip6({}, routing({ segmentsLeft: 0, addresses: ['fd00::1'] }), ah(), udp()),
          'match',
        ],
        ['--header esp', ip6({}, esp()), 'match'],
        ['--header frag,prot', ip6({}, fragment({ more: true }), udp({ data: 8 })), 'match'],
        // It walks on into a later fragment's data.
        [
          '--header frag,dst,prot',
          ip6({}, fragment({ offset: 8, nextHeader: 60 }), raw(60, new Uint8Array(8).fill(17, 0, 1))),
          'match',
        ],
        ['--header esp --soft', ip6({}, raw(50, Uint8Array.of(1))), 'no match'],
        ['--header dst --soft', ip6({}, raw(60, Uint8Array.of(17))), 'no match'],
        // A header that reaches beyond the end still counts, and what it says comes next as well.
        ['--header dst,prot', ip6({}, raw(60, Uint8Array.of(17, 9, 0, 0))), 'match'],
        ['! --header hop --soft', ip6({}, raw(60, Uint8Array.of(17))), 'no match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--header ${list(dice, dice.chance(0.15) ? [...NAMES, 'foo', '6', 'HOP', ''] : NAMES, 5)}${dice.chance(0.4) ? ' --soft' : ''}`,
  }),
];
