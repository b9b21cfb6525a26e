import { associations, type IpsecTransform } from '../../engine/host/facts.ts';
import { policy as match } from '../../matches/policy.ts';
import { ip6, udp } from '../../packet/build.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { address, not, number, sheet } from './sheet.ts';

const packet = ip6({}, udp());
const had = (...transforms: readonly IpsecTransform[]): PacketSetup => ({
  packet,
  set(pkt) {
    pkt.ipsec = associations(transforms);
  },
});
const willHave = (...transforms: readonly IpsecTransform[]): PacketSetup => ({
  packet,
  hook: 'POSTROUTING',
  services: { ipsec: (_pkt, direction) => (direction === 'out' ? associations(transforms) : undefined) },
});

const esp: IpsecTransform = {
  proto: 'esp',
  mode: 'tunnel',
  spi: 0x100,
  reqid: 5,
  source: '2001:db8::1',
  destination: '2001:db8:1::1',
};
const ah: IpsecTransform = { proto: 'ah', mode: 'transport', spi: 0x200, reqid: 6 };

const EMPTY =
  '--strict is in effect, but at least one of reqid, spi, tunnel-src, tunnel-dst, proto or mode is required.';
const NOT_TUNNEL = 'policy match: --tunnel-src/--tunnel-dst is only valid in tunnel mode';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--dir in', '--dir in --pol ipsec'],
        ['--pol none --dir out', '--dir out --pol none'],
        // What else is said of no policy is forgotten.
        ['--dir out --pol none --reqid 5', '--dir out --pol none'],
        ['--dir in --pol ipsec --proto 51 --mode transport', '--dir in --pol ipsec --proto ah --mode transport'],
        [
          '--dir in --pol ipsec --strict --reqid 5 --next ! --spi 6 --mode tunnel --tunnel-src fe80::1/64 ! --tunnel-dst ::1',
          '--dir in --pol ipsec --strict --reqid 5 --next ! --spi 0x6 --mode tunnel ! --tunnel-dst ::1 --tunnel-src fe80::1/64',
          6,
        ],
        [
          '--dir out --pol ipsec --mode tunnel --tunnel-src 10.2.3.4/8 --tunnel-dst 10.1.2.3',
          '--dir out --pol ipsec --mode tunnel --tunnel-dst 10.1.2.3 --tunnel-src 10.2.3.4/8',
          4,
        ],
        ['--dir in --pol ipsec ! --mode transport --tunnel-src ::1', '=', 6],
        ['--pol ipsec', { fails: 'policy match: neither --dir in nor --dir out specified' }],
        ['--dir <|In|>', { fails: 'policy_match: invalid dir "In"' }],
        ['--dir in --pol <|foo|>', { fails: 'policy match: invalid policy "foo"' }],
        ['--dir out --pol none <|--strict|>', { fails: 'policy match: policy none but --strict given' }],
        ['--dir out --pol none <|--next|>', { fails: 'policy match: policy none but policy given' }],
        ['--dir in --strict', { fails: `policy match: empty policy element 0. ${EMPTY}` }],
        ['--dir in --strict --reqid 5 --next', { fails: `policy match: empty policy element 1. ${EMPTY}` }],
        ['--dir in --reqid 5 <|--next|> --spi 6', { fails: 'policy: option "--next" also requires "--strict".' }],
        ['--dir in --proto <|tcp|>', { fails: 'policy match: protocol must be ah/esp/ipcomp' }],
        ['--dir in --mode <|foo|>', { fails: 'policy match: invalid mode "foo"' }],
        ['--dir in --reqid 5 ! --reqid <|6|>', { fails: 'policy match: double --reqid option' }],
        ['--dir in --mode transport --tunnel-src ::1', { fails: NOT_TUNNEL }, 6],
        ['--dir in --tunnel-dst 10.0.0.1', { fails: NOT_TUNNEL }, 4],
        [
          '--dir in --strict --spi 1 --next --spi 1 --next --spi 1 --next --spi 1 <|--next|> --spi 1',
          { fails: 'policy match: maximum policy depth reached' },
        ],
        ['<|! --dir in|>', { fails: 'policy: option "--dir" cannot be inverted.' }],
      ],
      lists: [
        ['--dir in --pol none', 'policy match dir in pol none'],
        [
          '--dir in --strict --reqid 5 --next ! --proto esp',
          'policy match dir in pol ipsec strict [0] reqid 5 [1] ! proto 50',
          'policy match dir in pol ipsec strict [0] reqid 5 [1] ! proto esp',
        ],
      ],
      packets: [
        ['--dir in --pol none', packet, 'match'],
        ['--dir in', packet, 'no match'],
        ['--dir in --pol none', had(esp), 'no match'],
        ['--dir in', had(esp), 'match'],
        ['--dir in --proto esp --mode tunnel --spi 0x100 --reqid 5', had(esp), 'match'],
        ['--dir in ! --reqid 5', had(esp), 'no match'],
        ['--dir in --reqid 6', had(esp), 'no match'],
        // One of them is enough, unless strict.
        ['--dir in --reqid 6', had(esp, ah), 'match'],
        ['--dir in --strict --reqid 6', had(esp, ah), 'no match'],
        ['--dir in --strict --reqid 5 --next --reqid 6', had(esp, ah), 'match'],
        ['--dir in --strict --reqid 6 --next --reqid 5', had(esp, ah), 'no match'],
        ['--dir in --strict --reqid 5', had(esp, ah), 'no match'],
        ['--dir in --mode tunnel --tunnel-src 2001:db8::/64', had(esp), 'match'],
        ['--dir in --mode tunnel --tunnel-src 2001:db8::/64 --tunnel-dst 2001:db8::1', had(esp), 'no match'],
        ['--dir in --mode tunnel --tunnel-src 2001:db8::/64 ! --tunnel-dst 2001:db8::1', had(esp), 'match'],
        ['--dir out', had(esp), 'no match'],
        ['--dir out', willHave(esp), 'match'],
        ['--dir out --pol none', willHave(esp), 'no match'],
        ['--dir out --strict --proto esp', willHave(esp), 'match'],
      ],
    },
    generate(dice, family) {
      const element = (): string =>
        dice
          .some(
            [
              () => `${not(dice)}--reqid ${number(dice, 0xffff_ffff)}`,
              () => `${not(dice)}--spi ${number(dice, 0xffff_ffff)}`,
              () => `${not(dice)}--proto ${dice.pick(['esp', 'ah', 'ipcomp', '50', '51', '6'])}`,
              () =>
                `${not(dice)}--mode ${dice.weighted([
                  [5, 'tunnel'],
                  [2, 'transport'],
                  [0.3, 'x'],
                ])}`,
              () => `${not(dice)}--tunnel-src ${address(dice, family)}${dice.pick(['', '/20'])}`,
              () => `${not(dice)}--tunnel-dst ${address(dice, family)}${dice.pick(['', '/0'])}`,
            ],
            0.35,
          )
          .map((write) => write())
          .join(' ');
      const count = dice.weighted([
        [5, 1],
        [3, 2],
        [1, dice.int(3, 5)],
      ]);
      const elements = Array.from({ length: count }, element).join(' --next ');
      const head = dice.some([`--dir ${dice.pick(['in', 'out', 'out', 'in', 'up'])}`], 0.95);
      const pol = dice.weighted([
        [4, ''],
        [3, '--pol ipsec'],
        [1, '--pol none'],
      ]);
      return [...head, pol, count > 1 || dice.chance(0.2) ? '--strict' : '', elements].filter(Boolean).join(' ');
    },
  }),
];
