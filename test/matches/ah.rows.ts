import { ah4, ah6 } from '../../matches/ah.ts';
import { ah, hopByHop, ip4, ip6, raw, udp } from '../../packet/build.ts';
import { not, number, range, sheet, some } from './sheet.ts';

export const sheets = [
  sheet({
    match: ah4,
    rows: {
      frame: '-p ah',
      rules: [
        ['', ''],
        ['--ahspi 5:6', '='],
        ['--ahspi 6:5', '='],
        ['! --ahspi :', ''],
        ['! --ahspi 0x5:5', '! --ahspi 5'],
        [
          '--ahspi <|4294967296|>',
          { fails: 'ah: bad value for option "--ahspi" near "4294967296", or out of range (0-4294967295).' },
        ],
        ['<|--ahlen|> 5', { fails: 'unknown option "--ahlen"' }],
      ],
      lists: [
        ['', 'ah '],
        ['! --ahspi 5', 'ah spi:!5'],
      ],
      packets: [
        ['--ahspi 5', ip4({}, ah({ spi: 5 }), udp()), 'match'],
        ['--ahspi 5', ip4({}, ah({ spi: 6 }), udp()), 'no match'],
        ['! --ahspi 6:9', ip4({}, ah({ spi: 5 }), udp()), 'match'],
        ['--ahspi 0xffffffff', ip4({}, ah({ spi: 0xffff_ffff }), udp()), 'match'],
        ['', ip4({}, raw(51, new Uint8Array(11))), 'drop'],
        ['', ip4({ offset: 8 }, raw(51, new Uint8Array(16))), 'no match'],
      ],
    },
    generate: (dice) => some(dice, [`${not(dice)}--ahspi ${range(dice, 0xffff_ffff)}`], 0.9),
  }),
  sheet({
    match: ah6,
    rows: {
      rules: [
        ['', ''],
        ['--ahres --ahlen 6 --ahspi 5', '--ahspi 5 --ahlen 6 --ahres'],
        // A length of 0 is not asked for, but an inverted one is kept.
        ['--ahlen 0', ''],
        ['! --ahlen 0', '='],
        ['<|! --ahres|>', { fails: 'ah: option "--ahres" cannot be inverted.' }],
        ['--ahlen <|5:6|>', { fails: 'ah: bad value for option "--ahlen", or out of range (0-4294967295).' }],
      ],
      lists: [
        ['', 'ah '],
        ['--ahspi 5 --ahlen 6 --ahres', 'ah spi:5length:6 reserved'],
        ['--ahres', 'ah  reserved'],
      ],
      packets: [
        ['--ahspi 5', ip6({}, ah({ spi: 5 }), udp()), 'match'],
        ['! --ahspi 5', ip6({}, ah({ spi: 5 }), udp()), 'no match'],
        ['--ahspi 5', ip6({}, hopByHop(), ah({ spi: 5 }), udp()), 'match'],
        ['', ip6({}, udp()), 'no match'],
        ['--ahlen 24', ip6({}, ah({}), udp()), 'match'],
        ['--ahlen 23', ip6({}, ah({}), udp()), 'no match'],
        ['! --ahlen 23', ip6({}, ah({}), udp()), 'match'],
        ['! --ahlen 0', ip6({}, ah({}), udp()), 'match'],
        ['--ahres', ip6({}, ah({}), udp()), 'match'],
        ['--ahres', ip6({}, ah({ reserved: 1 }), udp()), 'no match'],
        ['', ip6({}, raw(51, new Uint8Array(11))), 'drop'],
        ['--ahspi 6', ip6({}, raw(51, Uint8Array.of(17, 2, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1))), 'drop'],
        ['--ahspi 5', ip6({}, raw(51, Uint8Array.of(17, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1))), 'match'],
        ['', ip6({}, raw(0, Uint8Array.of(51, 0, 1, 4, 0, 0, 0, 0))), 'drop'],
      ],
    },
    generate: (dice) =>
      some(dice, [
        `${not(dice)}--ahspi ${range(dice, 0xffff_ffff)}`,
        `${not(dice)}--ahlen ${number(dice, 0xffff_ffff)}`,
        '--ahres',
      ]),
  }),
];
