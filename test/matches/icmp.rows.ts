import { icmp as match } from '../../matches/icmp.ts';
import { icmp, ip4, raw } from '../../packet/build.ts';
import { not, number, sheet } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p icmp',
      rules: [
        ['--icmp-type any', '='],
        ['--icmp-type 255/3', '--icmp-type any'],
        ['--icmp-type echo-request', '--icmp-type 8'],
        ['--icmp-type ECHO-REQ', '--icmp-type 8'],
        ['--icmp-type host-prohibited', '--icmp-type 3/10'],
        ['! --icmp-type 0x3/0x4', '! --icmp-type 3/4'],
        ['', { fails: 'icmp: option "--icmp-type" must be specified' }],
        ['--icmp-type <|host|>', { fails: "Ambiguous ICMP type `host': `host-unreachable' or `host-unknown'?" }],
        ['--icmp-type <|256|>', { fails: "Unknown ICMP type `256'" }],
        ['--icmp-type <|3/256|>', { fails: "Unknown ICMP code `3/256'" }],
        ['--icmp-type <|3/1-5|>', { fails: 'unknown character -' }],
        ['--icmp-type <|source-quench/0|>', { fails: "Unknown ICMP type `source-quench/0'" }],
      ],
      lists: [
        ['--icmp-type 8', 'icmptype 8', 'icmp echo-request'],
        ['! --icmp-type 8', 'icmp !type 8', 'icmp !echo-request'],
        ['--icmp-type 8/0', 'icmptype 8 code 0'],
        ['--icmp-type 3/4', 'icmptype 3 code 4', 'icmp fragmentation-needed'],
        ['--icmp-type any', 'icmptype 255', 'icmp any'],
      ],
      packets: [
        ['--icmp-type 8', ip4({}, icmp({ type: 8 })), 'match'],
        ['--icmp-type 8', ip4({}, icmp({ type: 8, code: 7 })), 'match'],
        ['--icmp-type 8', ip4({}, icmp({ type: 0 })), 'no match'],
        ['--icmp-type 3/4', ip4({}, icmp({ type: 3, code: 4 })), 'match'],
        ['--icmp-type 3/4', ip4({}, icmp({ type: 3, code: 3 })), 'no match'],
        ['! --icmp-type 3/4', ip4({}, icmp({ type: 3, code: 3 })), 'match'],
        ['--icmp-type any', ip4({}, icmp({ type: 9, code: 3 })), 'match'],
        ['! --icmp-type any', ip4({}, icmp({ type: 9, code: 3 })), 'no match'],
        ['--icmp-type any', ip4({}, raw(1, new Uint8Array(7))), 'drop'],
        ['--icmp-type any', ip4({ offset: 8 }, raw(1, new Uint8Array(16))), 'no match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--icmp-type ${dice.weighted([
        [
          3,
          dice.pick([
            'any',
            'echo-reply',
            'redirect',
            'host-redirect',
            'TOS-host-redirect',
            'ttl-exceeded',
            'time',
            'p',
            'HOST-UNK',
          ]),
        ],
        [3, number(dice, 255)],
        [3, `${number(dice, 255)}/${number(dice, 255)}`],
        [1, `3/${dice.int(0, 16)}`],
        [0.3, '/1'],
        [0.3, '1/'],
      ])}`,
  }),
];
