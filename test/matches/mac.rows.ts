import { mac as match } from '../../matches/mac.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { not, sheet } from './sheet.ts';

const frame = Uint8Array.of(2, 0, 0, 0, 0, 1, 0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc, 0x08, 0x00);

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--mac-source 00:11:22:aa:BB:cc', '--mac-source 00:11:22:aa:bb:cc'],
        ['! --mac 0:1:2:a:B:c', '! --mac-source 00:01:02:0a:0b:0c'],
        ['', { fails: 'mac: option "--mac-source" must be specified' }],
        ['--mac-source <|00:11:22:33:44|>', { fails: 'Invalid MAC address specified.' }],
        ['--mac-source <|00-11-22-33-44-55|>', { fails: 'Invalid MAC address specified.' }],
        ['--mac-source <|00:11:22:33:44:100|>', { fails: 'Invalid MAC address specified.' }],
      ],
      lists: [['! --mac-source 00:11:22:aa:bb:cc', 'MAC ! 00:11:22:aa:bb:cc']],
      packets: [
        ['--mac-source 00:11:22:aa:bb:cc', { packet: ip4({}, udp()), linkHeader: frame }, 'match'],
        ['--mac-source 00:11:22:aa:bb:cd', { packet: ip6({}, udp()), linkHeader: frame }, 'no match'],
        ['! --mac-source 00:11:22:aa:bb:cd', { packet: ip6({}, udp()), linkHeader: frame }, 'match'],
        // A TUN device has no Ethernet header: nothing matches, inverted or not.
        ['--mac-source 00:11:22:aa:bb:cc', ip4({}, udp()), 'no match'],
        ['! --mac-source 00:11:22:aa:bb:cc', ip4({}, udp()), 'no match'],
      ],
    },
    generate: (dice) => {
      const octet = (): string =>
        dice.weighted([
          [9, dice.int(0, 255).toString(16)],
          [2, dice.int(0, 255).toString(16).toUpperCase()],
          [2, dice.int(0, 15).toString(16).padStart(2, '0')],
          [0.1, 'g'],
          [0.1, '100'],
          [0.1, ''],
        ]);
      return `${not(dice)}--mac-source ${Array.from({ length: dice.chance(0.05) ? 5 : 6 }, octet).join(':')}`;
    },
  }),
];
