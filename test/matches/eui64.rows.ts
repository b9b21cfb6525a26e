import { eui64 as match } from '../../matches/eui64.ts';
import { fragment, ip6, raw, udp } from '../../packet/build.ts';
import { sheet } from './sheet.ts';

const frame = Uint8Array.of(2, 0, 0, 0, 0, 1, 0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc, 0x86, 0xdd);

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [['', '']],
      lists: [['', 'eui64 ']],
      packets: [
        ['', { packet: ip6({ src: 'fd00::211:22ff:feaa:bbcc' }, udp()), linkHeader: frame }, 'match'],
        ['', { packet: ip6({ src: 'fd00::211:22ff:feaa:bbcd' }, udp()), linkHeader: frame }, 'no match'],
        // The universal/local bit as in the frame.
        ['', { packet: ip6({ src: 'fd00::11:22ff:feaa:bbcc' }, udp()), linkHeader: frame }, 'no match'],
        // A TUN device has no Ethernet header.
        ['', ip6({ src: 'fd00::211:22ff:feaa:bbcc' }, udp()), 'no match'],
        ['', ip6({}, fragment({ offset: 8, nextHeader: 17 }), raw(17, new Uint8Array(8))), 'no match'],
      ],
    },
  }),
];
