import { esp } from '../../matches/esp.ts';
import { ipcomp } from '../../matches/ipcomp.ts';
import * as build from '../../packet/build.ts';
import { not, range, sheet, some } from './sheet.ts';

const { ip4, ip6, raw, fragment } = build;
const comp = (cpi: number) => raw(108, Uint8Array.of(17, 0, cpi >> 8, cpi & 0xff, 1, 2, 3, 4));

export const sheets = [
  sheet({
    match: esp,
    rows: {
      frame: '-p esp',
      rules: [
        ['', ''],
        ['! --espspi 5:6', '='],
        ['! --espspi :', ''],
        ['--espspi 5 <|--espspi 6|>', { fails: 'esp: option "--espspi" can only be used once.' }],
      ],
      lists: [
        ['', 'esp'],
        ['! --espspi 5:6', 'esp spis:!5:6'],
      ],
      packets: [
        ['--espspi 256', ip4({}, build.esp({ spi: 256 })), 'match'],
        ['--espspi 256', ip6({}, build.esp({ spi: 257 })), 'no match'],
        ['! --espspi 256', ip6({}, build.esp({ spi: 257 })), 'match'],
        ['', ip6({}, raw(50, new Uint8Array(7))), 'drop'],
        ['', ip6({}, fragment({ offset: 8, nextHeader: 50 }), raw(50, new Uint8Array(16))), 'no match'],
      ],
    },
    generate: (dice) => some(dice, [`${not(dice)}--espspi ${range(dice, 0xffff_ffff)}`], 0.9),
  }),
  sheet({
    match: ipcomp,
    rows: {
      frame: '-p ipcomp',
      rules: [
        // Userspace leaves its structure zeroed where nothing was said.
        ['', '--ipcompspi 0'],
        ['--compres', '--ipcompspi 0 --compres'],
        ['! --ipcompspi 5:6 --compres', '='],
        ['--ipcompspi 65536', '='],
      ],
      lists: [
        ['', 'comp spi:0'],
        ['--ipcompspi :', 'comp '],
        ['! --ipcompspi 5:6 --compres', 'comp spis:!5:6 reserved'],
      ],
      packets: [
        ['--ipcompspi 5', ip4({}, comp(5)), 'match'],
        ['--ipcompspi 5', ip6({}, comp(6)), 'no match'],
        ['', ip6({}, comp(0)), 'match'],
        ['--ipcompspi 65541', ip6({}, comp(5)), 'no match'],
        ['--ipcompspi :', ip6({}, raw(108, new Uint8Array(3))), 'drop'],
        ['--ipcompspi :', ip4({ offset: 8 }, raw(108, new Uint8Array(8))), 'no match'],
      ],
    },
    generate: (dice) => some(dice, [`${not(dice)}--ipcompspi ${range(dice, 0xffff_ffff)}`, '--compres'], 0.6),
  }),
];
