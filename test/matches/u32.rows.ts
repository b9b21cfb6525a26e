import { u32 as match } from '../../matches/u32.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { not, number, sheet } from './sheet.ts';

const four = ip4({ ttl: 7, id: 0x1234 }, udp({ sport: 0x1111, dport: 0x2222, data: 4 }));

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--u32 "0=0"', '--u32 "0x0=0x0"'],
        ['! --u32 " 6 & 0xFF = 1 : 5, 7 && 4 & 0x3FFF = 010"', '! --u32 "0x6&0xff=0x1:0x5,0x7&&0x4&0x3fff=0x8"'],
        ['--u32 "0 >> 22 & 0x3C @ 0 >> 24 = 0"', '--u32 "0x0>>0x16&0x3c@0x0>>0x18=0x0"'],
        ['--u32 "0<<2=5:5"', '--u32 "0x0<<0x2=0x5"'],
        ['--u32 "0=5:3"', '--u32 "0x0=0x5:0x3"'],
        ['', { fails: 'u32: option "--u32" must be specified' }],
        ['--u32 <|""|>', { fails: 'u32: abrupt end of input after location specifier' }],
        ['--u32 <|"0="|>', { fails: 'u32: test ended with no value specified' }],
        ['--u32 <|"0=5x"|>', { fails: 'u32: at char 3: expected "," or "&&"' }],
        ['--u32 <|"=5"|>', { fails: 'u32: at char 0: location spec missing' }],
        ['--u32 <|"0=&&0=1"|>', { fails: 'u32: at char 3: value spec missing' }],
        ['--u32 <|"0^5=5"|>', { fails: 'u32: at char 1: operator expected' }],
        ['--u32 <|"0>2=1"|>', { fails: "u32: at char 2: a second '>' was expected" }],
        ['--u32 <|"0=1&0=1"|>', { fails: "u32: at char 4: a second '&' was expected" }],
        ['--u32 <|"0=4294967296"|>', { fails: 'u32: at char 2: not a number or out of range' }],
        ['--u32 <|"0&1&2&3&4&5&6&7&8&9&10=1"|>', { fails: 'u32: at char 22: too many operators' }],
        ['--u32 <|"0=1,2,3,4,5,6,7,8,9,10,11"|>', { fails: 'u32: at char 25: too many ","s' }],
        [`--u32 <|"${Array(11).fill('0=1').join('&&')}"|>`, { fails: 'u32: at char 53: too many "&&"s' }],
      ],
      lists: [['! --u32 "0=1"', 'u32 ! "0x0=0x1"']],
      packets: [
        ['--u32 "6&0xff=17"', four, 'match'],
        ['--u32 "6&0xff=6"', four, 'no match'],
        ['! --u32 "6&0xff=6"', four, 'match'],
        ['--u32 "5&0xff=0:6,8"', four, 'no match'],
        ['--u32 "5&0xff=7,9"', four, 'match'],
        ['--u32 "4>>16=0x1234 && 6&0xff=17"', four, 'match'],
        ['--u32 "4>>16=0x1234 && 6&0xff=18"', four, 'no match'],
        ['--u32 "4<<16=0"', four, 'match'],
        // The header's length in octets, then the ports behind it.
        ['--u32 "0>>22&0x3c@0=0x11112222"', four, 'match'],
        [
          '--u32 "0>>22&0x3c@0=0x11112222"',
          ip4({ options: new Uint8Array(8) }, udp({ sport: 0x1111, dport: 0x2222 })),
          'match',
        ],
        ['--u32 "0>>22&0x3c@4&0xffff=0"', four, 'no match'],
        ['--u32 "28=0:0xffffffff"', four, 'match'],
        // Beyond the end is no match, and so an inverted one is.
        ['--u32 "29=0:0xffffffff"', four, 'no match'],
        ['! --u32 "29=0:0xffffffff"', four, 'match'],
        ['--u32 "0xffffffff=0:0xffffffff"', four, 'no match'],
        ['--u32 "0>>22&0x3c@8=0:0xffffffff"', four, 'match'],
        ['--u32 "0>>22&0x3c@9=0:0xffffffff"', four, 'no match'],
        ['--u32 "0@0=1"', four, 'no match'],
        ['--u32 "0=1:0"', four, 'no match'],
        ['--u32 "4&0xff=64"', ip6({ hopLimit: 63 }, udp()), 'no match'],
        ['--u32 "4&0xff=64"', ip6({ hopLimit: 64 }, udp()), 'match'],
        ['--u32 "0>>28=6"', ip6({}, udp()), 'match'],
      ],
    },
    generate: (dice) => {
      const operand = (): string => number(dice, dice.chance(0.3) ? 31 : 0xffff_ffff);
      const location = (): string => {
        let text = number(dice, 0xffff_ffff);
        for (let count = dice.int(0, dice.chance(0.05) ? 11 : 4); count > 0; count--) {
          text += dice.pick(['&', '>>', '<<', '@', ' & ', ' @']) + operand();
        }
        return text;
      };
      const value = (): string => (dice.chance(0.4) ? `${operand()}${dice.pick([':', ' : '])}${operand()}` : operand());
      const values = (): string => Array.from({ length: dice.chance(0.05) ? 11 : dice.int(1, 3) }, value).join(',');
      const tests = Array.from({ length: dice.chance(0.05) ? 12 : dice.int(1, 3) }, () => `${location()}=${values()}`);
      let text = tests.join(dice.pick(['&&', ' && ']));
      // Now and then a character too few or too many.
      if (dice.chance(0.2)) {
        const at = dice.int(0, text.length - 1);
        text = text.slice(0, at) + dice.pick(['', '', '&', '=', ',', ' ', 'x', '<']) + text.slice(at + dice.int(0, 1));
      }
      return `${not(dice)}--u32 "${text}"`;
    },
  }),
];
