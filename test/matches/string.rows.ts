import { string as match } from '../../matches/string.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { not, number, sheet, some } from './sheet.ts';

const text = (data: string) => ip4({}, udp({ data }));
/** 28 octets of headers. */
const abc = text('xxabcabdyy');

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--algo bm --string foo', '--string "foo" --algo bm'],
        ['--algo kmp ! --string "a\\"b\\\\c\'d"', '! --string "a\\"b\\\\c\'d" --algo kmp'],
        ['--icase --to 0x64 --from 2 --algo bm --string " "', '--string " " --algo bm --from 2 --to 100 --icase'],
        ['--algo bm --string foo --to 65535 --from 0', '--string "foo" --algo bm'],
        // What cannot be printed makes all of it hex, and hex that can be becomes text.
        ['--algo bm --string \u00e9', '--hex-string "|c3a9|" --algo bm'],
        ['--algo bm --hex-string "foo|0d 0A|bar"', '--hex-string "|666f6f0d0a626172|" --algo bm'],
        ['--algo bm --string "a\\\\"', '--hex-string "|615c|" --algo bm'],
        ['--algo bm --hex-string "|6162 20|c"', '--string "ab c" --algo bm'],
        ['--algo bm --hex-string "fo\\\\|o"', '--string "fo|o" --algo bm'],
        // Behind a closing bar the next character is text, a bar too.
        ['--algo bm --hex-string "|61||62|"', '--string "a|62" --algo bm'],
        // What a word of Latin-1 has become when it comes to us: never to be looked for instead of it.
        ['--algo bm --string <|caf\ufffd|>', { fails: 'STRING is no UTF-8' }],
        ['--algo bm --hex-string <|"\ufffd|00|"|>', { fails: 'STRING is no UTF-8' }],
        ['', { fails: "STRING match: You must specify `--string' or `--hex-string'" }],
        ['--string foo', { fails: 'string: option "--algo" must be specified' }],
        [
          '--algo bm --string foo <|--hex-string "|00|"|>',
          { fails: 'string: option "--string" cannot be used together with "--hex-string".' },
        ],
        ['--algo bm --hex-string <|"|0d0|"|>', { fails: 'Invalid hex block' }],
        ['--algo bm --hex-string <|"|0x0d|"|>', { fails: "Invalid hex char 'x'" }],
        ['--algo bm --hex-string <|"||"|>', { fails: 'Odd number of hex digits' }],
        ['--algo bm --hex-string <|""|>', { fails: 'STRING must contain at least one char' }],
        ['--algo bm --hex-string <|"\\\\"|>', { fails: 'Bad literal placement at end of string' }],
        [`--algo bm --string <|${'A'.repeat(129)}|>`, { fails: 'STRING too long' }],
        [
          '--algo bm --string foo --from <|65536|>',
          { fails: 'string: bad value for option "--from", or out of range (0-65535).' },
        ],
      ],
      lists: [
        ['--algo bm --string foo --from 5 --to 10 --icase', 'STRING match  "foo" ALGO name bm FROM 5 TO 10 ICASE'],
        ['--algo kmp ! --hex-string "|00|"', 'STRING match ! "|00|" ALGO name kmp'],
      ],
      packets: [
        ['--algo bm --string abd', abc, 'match'],
        ['--algo kmp --string abd', abc, 'match'],
        ['--algo bm --string abe', abc, 'no match'],
        ['--algo bm ! --string abe', abc, 'match'],
        ['--algo bm --string ABD', abc, 'no match'],
        ['--algo bm --string ABD --icase', abc, 'match'],
        ['--algo kmp --string abd --icase', text('xxABDyy'), 'match'],
        // Case goes beyond ASCII: Latin-1, octet by octet.
        ['--algo bm --hex-string "|e4|" --icase', ip4({}, udp({ data: Uint8Array.of(0xc4) })), 'match'],
        ['--algo bm --hex-string "|f7|" --icase', ip4({}, udp({ data: Uint8Array.of(0xd7) })), 'no match'],
        // 0xdf is the upper case of 0xff, but has one of its own.
        ['--algo bm --hex-string "|ff|" --icase', ip4({}, udp({ data: Uint8Array.of(0xdf) })), 'no match'],
        // Offsets count from the IP header; the match begins at `from` or later and ends before `to`.
        ['--algo bm --string abc --from 30', abc, 'match'],
        ['--algo bm --string abc --from 31', abc, 'no match'],
        ['--algo bm --string abd --from 33', abc, 'match'],
        ['--algo bm --string abc --to 33', abc, 'match'],
        ['--algo bm --string abc --to 32', abc, 'no match'],
        ['--algo kmp --string abc --from 30 --to 33', abc, 'match'],
        ['--algo bm --string yy', abc, 'match'],
        ['--algo bm --string yyy', abc, 'no match'],
        ['--algo bm --string abc --from 60000', abc, 'no match'],
        ['--algo bm --hex-string "|45 00|" --to 2', abc, 'match'],
        ['--algo bm --string abd', ip6({}, udp({ data: 'xxabcabdyy' })), 'match'],
        ['--algo bm --string abc --from 50 --to 53', ip6({}, udp({ data: 'xxabcabdyy' })), 'match'],
        ['--algo bm --string aab', text('aaaab'), 'match'],
      ],
    },
    generate: (dice) => {
      const characters = 'abAB019 |"\\\'\u00e9$,'.split('');
      const word = Array.from({ length: dice.int(0, 6) }, () => dice.pick(characters))
        .join('')
        .replace(/["\\]/g, '\\$&');
      const part = (): string =>
        dice.weighted([
          [4, dice.pick(['a', 'foo', ' ', '\\\\|', '\\\\'])],
          [
            5,
            `|${Array.from({ length: dice.int(0, 3) }, () => dice.pick(['0d', '61', '00', 'ff', '7', 'zz', '0D '])).join('')}|`,
          ],
          [0.3, '|'],
        ]);
      const pattern = dice.chance(0.5)
        ? `--string "${word}"`
        : `--hex-string "${Array.from({ length: dice.int(0, 4) }, part).join('')}"`;
      return some(
        dice,
        [
          `${not(dice)}${pattern}`,
          `--algo ${dice.pick(['bm', 'kmp', 'bm', 'kmp', 'bm', 'BM', 'fastest'])}`,
          dice.chance(0.3) ? `--from ${number(dice, 0xffff)}` : '',
          dice.chance(0.3) ? `--to ${number(dice, 0xffff)}` : '',
          dice.chance(0.3) ? '--icase' : '',
        ],
        0.93,
      );
    },
  }),
];
