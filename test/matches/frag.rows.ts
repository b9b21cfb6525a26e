import { frag as match } from '../../matches/frag.ts';
import { destinationOptions, fragment, ip6, raw, udp } from '../../packet/build.ts';
import { not, number, range, sheet, some } from './sheet.ts';

const first = ip6({}, fragment({ id: 7, more: true }), udp({ data: 8 }));
const middle = ip6({}, fragment({ id: 7, offset: 16, more: true, nextHeader: 17 }), raw(17, new Uint8Array(8)));
const last = ip6({}, fragment({ id: 7, offset: 24, nextHeader: 17 }), raw(17, new Uint8Array(5)));

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['', ''],
        ['--fragid 5', '='],
        ['--fragid 6:5', '='],
        ['! --fragid :', ''],
        ['--fragid 5:', '--fragid 5:4294967295'],
        ['! --fraglen 0', '='],
        ['--fraglast --fragfirst', '--fragfirst --fraglast'],
        [
          '--fragfirst --fragmore --fragres --fragid 3 --fraglen 6',
          '--fragid 3 --fraglen 6 --fragres --fragfirst --fragmore',
        ],
        [
          '--fragmore <|--fraglast|>',
          { fails: 'frag: option "--fragmore" cannot be used together with "--fraglast".' },
        ],
        ['<|! --fragmore|>', { fails: 'frag: option "--fragmore" cannot be inverted.' }],
        [
          '--fragid <|4294967296|>',
          { fails: 'frag: bad value for option "--fragid" near "4294967296", or out of range (0-4294967295).' },
        ],
      ],
      lists: [
        ['', 'frag '],
        ['! --fragid 5 --fraglen 5 --fragres', 'frag id:!5 length:5 reserved'],
        ['--fragid 5:6 --fragmore', 'frag ids:5:6 more'],
        ['--fragfirst', 'frag  first'],
      ],
      packets: [
        ['', first, 'match'],
        ['', ip6({}, udp()), 'no match'],
        ['--fragid 7', middle, 'match'],
        ['--fragid 8:', middle, 'no match'],
        ['! --fragid 8:', middle, 'match'],
        ['--fragfirst', first, 'match'],
        ['--fragfirst', middle, 'no match'],
        ['--fragmore', middle, 'match'],
        ['--fragmore', last, 'no match'],
        ['--fraglast', last, 'match'],
        ['--fraglast', middle, 'no match'],
        // The length has no effect.
        ['--fraglen 99', middle, 'match'],
        // The reserved bits must be zero.
        ['--fragres', middle, 'match'],
        ['--fragres', ip6({}, fragment({ id: 7, more: true, reserved: 1 }), udp({ data: 8 })), 'no match'],
        ['--fragres', ip6({}, fragment({ id: 7, more: true, reserved2: 1 }), udp({ data: 8 })), 'no match'],
        ['--fragfirst', ip6({}, fragment({ id: 7, more: true, reserved2: 3 }), udp({ data: 8 })), 'match'],
        ['--fragid 7', ip6({}, destinationOptions(), fragment({ id: 7, more: true }), udp({ data: 8 })), 'match'],
        // Behind a later fragment nothing is looked at; the header itself is.
        ['--fraglast', ip6({}, fragment({ id: 7, offset: 8, nextHeader: 60 }), raw(60, new Uint8Array(8))), 'match'],
        ['', ip6({}, raw(44, new Uint8Array(7))), 'drop'],
        ['', ip6({}, raw(60, Uint8Array.of(44))), 'drop'],
      ],
    },
    generate: (dice) =>
      some(
        dice,
        [
          `${not(dice)}--fragid ${range(dice, 0xffff_ffff)}`,
          `${not(dice)}--fraglen ${number(dice, 0xffff_ffff)}`,
          '--fragres',
          '--fragfirst',
          '--fragmore',
          '--fraglast',
        ],
        0.4,
      ),
  }),
];
