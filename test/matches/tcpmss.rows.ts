import { tcpmss as match } from '../../matches/tcpmss.ts';
import { fragment, ip4, ip6, raw, tcp } from '../../packet/build.ts';
import { not, range, sheet } from './sheet.ts';

/** Reads as a TCP header of 24 octets. */
const pieceWithMss = Uint8Array.from({ length: 24 }, (_, at) => ({ 12: 0x60, 20: 2, 21: 4, 22: 5 })[at] ?? 0);

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p tcp',
      rules: [
        ['--mss 5:', '--mss 5:65535'],
        ['! --mss 5:5', '! --mss 5'],
        ['--mss :', '--mss 0:65535'],
        ['', { fails: 'tcpmss: option "--mss" must be specified' }],
        ['--mss 6:5', { fails: 'tcpmss: invalid range given' }],
        ['--mss <|65536|>', { fails: 'tcpmss: bad value for option "--mss" near "65536", or out of range (0-65535).' }],
      ],
      lists: [['! --mss 5:6', 'tcpmss match !5:6']],
      packets: [
        ['--mss 1460', ip4({}, tcp({ options: { mss: 1460 } })), 'match'],
        ['--mss 1461:', ip6({}, tcp({ options: { mss: 1460 } })), 'no match'],
        ['! --mss 1461:', ip6({}, tcp({ options: { mss: 1460 } })), 'match'],
        // Without the option there is nothing in the range.
        ['--mss :', ip6({}, tcp()), 'no match'],
        ['! --mss :', ip6({}, tcp()), 'match'],
        ['--mss 1460', ip6({}, tcp({ options: { nop: 1, timestamps: [1, 2], mss: 1460 } })), 'match'],
        // An option of the wrong length is none.
        ['--mss :', ip6({}, tcp({ options: Uint8Array.of(2, 3, 5, 1) })), 'no match'],
        ['--mss :', ip6({}, raw(6, new Uint8Array(19))), 'drop'],
        // A later fragment's data are taken for a header in IPv4.
        ['--mss :', ip4({ offset: 16 }, raw(6, pieceWithMss)), 'match'],
        ['--mss :', ip4({ offset: 16 }, raw(6, new Uint8Array(19))), 'drop'],
        // In IPv6 it is the IP header itself: the octet that should be the header length lies in the source address.
        ['--mss :', ip6({}, fragment({ offset: 16, nextHeader: 6 }), raw(6, pieceWithMss)), 'drop'],
        [
          '! --mss :',
          ip6({ src: 'fd00:1:5000::1' }, fragment({ offset: 16, nextHeader: 6 }), raw(6, pieceWithMss)),
          'match',
        ],
        ['--mss :', ip6({}, fragment({ offset: 16, nextHeader: 6 }), raw(6, new Uint8Array(19))), 'drop'],
        ['--mss :', ip6({}, tcp({ headerLength: 16 })), 'drop'],
        ['--mss :', ip6({}, tcp({ headerLength: 40 })), 'drop'],
      ],
    },
    generate: (dice) => `${not(dice)}--mss ${range(dice, 0xffff)}`,
  }),
];
