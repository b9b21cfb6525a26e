import { mh as match } from '../../matches/mh.ts';
import { destinationOptions, fragment, ip6, mobility, raw } from '../../packet/build.ts';
import { not, range, sheet, some } from './sheet.ts';

const NAMES = [
  'binding-refresh-request',
  'brr',
  'hoti',
  'coti',
  'home-test',
  'cot',
  'bu',
  'BA',
  'be',
  'binding-e',
  'care',
  'h',
  'nope',
];

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p mh',
      rules: [
        ['', ''],
        ['--mh-type bu', '--mh-type 5'],
        ['--mh-type home-test', '--mh-type 3'],
        // Cut short: the first name that begins so.
        ['--mh-type home', '--mh-type 1'],
        ['--mh-type cot:be', '--mh-type 4:7'],
        ['! --mh-type 3:', '! --mh-type 3:255'],
        ['! --mh-type :', ''],
        ['--mh-type ""', '--mh-type 0'],
        ['--mh-type <|2:1|>', { fails: 'Invalid MH type range (min > max)' }],
        ['--mh-type <|256|>', { fails: "Invalid MH type `256'" }],
        ['--mh-type <|1:2:3|>', { fails: "Invalid MH type `2:3'" }],
      ],
      lists: [
        ['! --mh-type 1:20', 'mh !1:20', 'mh !home-test-init:20'],
        ['! --mh-type :', 'mh !0:255', 'mh !binding-refresh-request:255'],
      ],
      packets: [
        ['--mh-type bu', ip6({}, mobility({ type: 5 })), 'match'],
        ['--mh-type bu', ip6({}, mobility({ type: 6 })), 'no match'],
        ['! --mh-type 0:5', ip6({}, mobility({ type: 6 })), 'match'],
        ['--mh-type bu', ip6({}, destinationOptions(), mobility({ type: 5 })), 'match'],
        ['', ip6({}, mobility({ nextHeader: 17 })), 'drop'],
        ['', ip6({}, mobility({ length: 9 })), 'match'],
        ['', ip6({}, raw(135, Uint8Array.of(59, 0, 1, 0, 0))), 'drop'],
        ['', ip6({}, fragment({ offset: 8, nextHeader: 135 }), raw(135, new Uint8Array(8))), 'no match'],
      ],
    },
    generate: (dice) =>
      some(
        dice,
        [
          `${not(dice)}--mh-type ${dice.weighted([
            [3, range(dice, 255)],
            [2, dice.pick(NAMES)],
            [2, `${dice.pick(NAMES)}:${dice.pick(NAMES)}`],
          ])}`,
        ],
        0.95,
      ),
  }),
];
