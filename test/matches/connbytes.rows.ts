import { connbytes as match } from '../../matches/connbytes.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { bareServices } from '../../testing/bare-services.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { not, number, sheet, some } from './sheet.ts';

/** Of a connection with so many packets and octets each way. */
function counted(packets: readonly [number, number], octets: readonly [number, number]): PacketSetup {
  const { tracker } = bareServices();
  const accounting = {
    packets: (_id: number, direction: number) => packets[direction],
    octets: (_id: number, direction: number) => octets[direction],
  };
  return {
    packet: ip6({}, udp()),
    services: { tracker: { ...tracker, accounting } },
    set(pkt) {
      pkt.connection = 0;
    },
  };
}

const without = (packet: Uint8Array): PacketSetup => ({ packet });
const some3 = counted([3, 2], [300, 1001]);
const REST = '--connbytes-mode bytes --connbytes-dir both';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        [
          '--connbytes 5 --connbytes-dir original --connbytes-mode packets',
          '--connbytes 5 --connbytes-mode packets --connbytes-dir original',
        ],
        [`--connbytes 5:10 ${REST}`, '='],
        [`! --connbytes 5:10 ${REST}`, '='],
        [`--connbytes :0x10 ${REST}`, `--connbytes 0:16 ${REST}`],
        [`--connbytes 10: ${REST}`, `--connbytes 10 ${REST}`],
        [`! --connbytes : ${REST}`, `! --connbytes 0 ${REST}`],
        [`--connbytes 5:5 ${REST}`, '='],
        // Limits the wrong way round mean "not", and so cannot for one number.
        [`! --connbytes 5:5 ${REST}`, `--connbytes 5:5 ${REST}`],
        [`! --connbytes 18446744073709551615 ${REST}`, `--connbytes 18446744073709551615 ${REST}`],
        [`--connbytes 9007199254740993:9007199254740995 ${REST}`, '='],
        // Another number than was written, but the rule keeps it.
        [`--connbytes 0:0 ${REST}`, `--connbytes 0 ${REST}`],
        [`--connbytes "" ${REST}`, `--connbytes 0 ${REST}`],
        [`--connbytes <|10:5|> ${REST}`, { fails: '10 should be less than 5' }],
        [
          `--connbytes <|1:2:3|> ${REST}`,
          { fails: 'connbytes: Too many components for option "--connbytes" (max: 2)' },
        ],
        [
          `--connbytes <|18446744073709551616|> ${REST}`,
          { fails: 'near "18446744073709551616", or out of range (0-18446744073709551615).' },
        ],
        ['--connbytes 5 --connbytes-dir <|BOTH|> --connbytes-mode bytes', { fails: "Unknown --connbytes-dir `BOTH'" }],
        [
          '--connbytes 5 --connbytes-dir both --connbytes-mode <|octets|>',
          { fails: "Unknown --connbytes-mode `octets'" },
        ],
        ['--connbytes 5', { fails: 'connbytes: option "--connbytes-dir" must be specified' }],
        ['', { fails: 'connbytes: option "--connbytes" must be specified' }],
      ],
      lists: [[`! --connbytes 5:10 ${REST}`, '! connbytes 5:10 connbytes mode bytes connbytes direction both']],
      packets: [
        // No connection.
        ['--connbytes 0 --connbytes-dir both --connbytes-mode packets', without(ip4({}, udp())), 'no match'],
        ['! --connbytes 5 --connbytes-dir both --connbytes-mode packets', without(ip4({}, udp())), 'no match'],
        // One from before the counting began.
        ['--connbytes 0 --connbytes-dir both --connbytes-mode packets', counted([-1, -1], [-1, -1]), 'no match'],
        ['--connbytes 3:3 --connbytes-dir original --connbytes-mode packets', some3, 'match'],
        ['--connbytes 3 --connbytes-dir reply --connbytes-mode packets', some3, 'no match'],
        ['! --connbytes 3 --connbytes-dir reply --connbytes-mode packets', some3, 'match'],
        ['--connbytes 5:5 --connbytes-dir both --connbytes-mode packets', some3, 'match'],
        ['--connbytes 1301 --connbytes-dir both --connbytes-mode bytes', some3, 'match'],
        ['--connbytes 1302 --connbytes-dir both --connbytes-mode bytes', some3, 'no match'],
        ['--connbytes 500:500 --connbytes-dir reply --connbytes-mode avgpkt', some3, 'match'],
        ['--connbytes 260:260 --connbytes-dir both --connbytes-mode avgpkt', some3, 'match'],
        ['--connbytes 0:0 --connbytes-dir reply --connbytes-mode avgpkt', counted([3, 0], [300, 0]), 'match'],
      ],
    },
    generate: (dice) => {
      const wide = (): string =>
        dice.weighted([
          [6, number(dice, 100_000)],
          [1, (BigInt(dice.u32()) << 31n).toString()],
          [1, '18446744073709551615'],
          [0.5, '18446744073709551616'],
        ]);
      const limits = dice.pick([
        wide(),
        `${wide()}:${wide()}`,
        `${dice.int(0, 9)}:${dice.int(9, 1_000)}`,
        `:${wide()}`,
        `${wide()}:`,
        ':',
        '1:2:3',
      ]);
      return some(
        dice,
        [
          `${not(dice)}--connbytes ${limits}`,
          `--connbytes-dir ${dice.pick(['original', 'reply', 'both', dice.chance(0.2) ? 'orig' : 'both'])}`,
          `--connbytes-mode ${dice.pick(['packets', 'bytes', 'avgpkt', dice.chance(0.2) ? 'Bytes' : 'bytes'])}`,
        ],
        0.95,
      );
    },
  }),
];
