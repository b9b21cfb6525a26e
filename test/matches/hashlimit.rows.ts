import { hashlimit as match } from '../../matches/hashlimit.ts';
import { esp, icmp6, ip4, ip6, raw, tcp, udp } from '../../packet/build.ts';
import { address, list, not, number, sheet, some } from './sheet.ts';

const BURST = 'bad value for option "--hashlimit-burst", or out of range (1-1000000).';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--hashlimit 5 --hashlimit-name a', '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a'],
        [
          '! --hashlimit-upto 60/m --hashlimit-name a',
          '--hashlimit-above 1/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-htable-expire 60000',
        ],
        [
          '! --hashlimit-above 7/min --hashlimit-name a',
          '--hashlimit-upto 7/min --hashlimit-burst 5 --hashlimit-name a',
        ],
        // An option more is not needed to say that the entry lives for a unit of the rate; but it is for the unit that was written.
        [
          '--hashlimit 24/day --hashlimit-name a',
          '--hashlimit-upto 1/hour --hashlimit-burst 5 --hashlimit-name a --hashlimit-htable-expire 86400000',
        ],
        [
          '--hashlimit 1000000/s --hashlimit-name a',
          '--hashlimit-upto 1000000/sec --hashlimit-burst 5 --hashlimit-name a',
        ],
        ['--hashlimit <|1000001/s|> --hashlimit-name a', { fails: 'Rate too fast "1000001/s"' }],
        ['--hashlimit <|-5/s|> --hashlimit-name a', { fails: 'Rate too fast "-5/s"' }],
        [
          '--hashlimit <|0/s|> --hashlimit-name a',
          { fails: 'hashlimit: Bad value for "--hashlimit-upto" option: "0/s"' },
        ],
        [
          '--hashlimit <|5/week|> --hashlimit-name a',
          { fails: 'hashlimit: Bad value for "--hashlimit-upto" option: "5/week"' },
        ],
        [
          '--hashlimit-above <|kb/s|> --hashlimit-name a',
          { fails: 'hashlimit: Bad value for "--hashlimit-above" option: "kb/s"' },
        ],
        // Octets, in steps that grow with the rate.
        ['--hashlimit 5kb/s --hashlimit-name a', '--hashlimit-upto 5kb/s --hashlimit-name a'],
        ['--hashlimit 1500b/s --hashlimit-name a', '--hashlimit-upto 1488b/s --hashlimit-name a'],
        ['--hashlimit 1000000000b/s --hashlimit-name a', '--hashlimit-upto 963mb/s --hashlimit-name a'],
        ['--hashlimit 100000000b/s --hashlimit-name a', '--hashlimit-upto 97683kb/s --hashlimit-name a'],
        ['--hashlimit 4294967295b/s --hashlimit-name a', '--hashlimit-upto 4581298432b/s --hashlimit-name a'],
        ['--hashlimit 17Kb/s --hashlimit-name a', '--hashlimit-upto 16b/s --hashlimit-name a'],
        ['--hashlimit <|68719476720b/s|> --hashlimit-name a', { fails: 'Rate too fast' }],
        [
          '--hashlimit 5kb/s --hashlimit-burst 6kb --hashlimit-name a',
          '--hashlimit-upto 5kb/s --hashlimit-burst 10kb --hashlimit-name a',
        ],
        [
          '--hashlimit-burst 60m --hashlimit 5kb/s --hashlimit-name a',
          '--hashlimit-upto 5kb/s --hashlimit-burst 60mb --hashlimit-name a',
        ],
        [
          '--hashlimit 5kb/s --hashlimit-burst 4294967296b --hashlimit-name a',
          '--hashlimit-upto 5kb/s --hashlimit-burst 5kb --hashlimit-name a',
        ],
        [
          '--hashlimit 5kb/s --hashlimit-burst 42949672960b --hashlimit-name a',
          '--hashlimit-upto 5kb/s --hashlimit-name a --hashlimit-htable-expire 60000',
        ],
        [
          '--hashlimit 5kb/s <|--hashlimit-burst 5|> --hashlimit-name a',
          { fails: 'burst cannot be smaller than 5120b' },
        ],
        ['--hashlimit 5b/s <|--hashlimit-burst 5|> --hashlimit-name a', { fails: 'burst cannot be smaller than 16b' }],
        [
          '--hashlimit 5/s --hashlimit-burst 5kb --hashlimit-name a',
          '--hashlimit-upto 5/sec --hashlimit-burst 5120 --hashlimit-name a',
        ],
        ['--hashlimit 5/s --hashlimit-burst 1000001 --hashlimit-name a', { fails: BURST }],
        ['--hashlimit 5/s --hashlimit-burst <|0|> --hashlimit-name a', { fails: BURST }],
        [
          '--hashlimit 1/day --hashlimit-burst 3 --hashlimit-name a',
          '--hashlimit-upto 1/day --hashlimit-burst 3 --hashlimit-name a',
        ],
        ['', { fails: 'You have to specify --hashlimit' }],
        ['--hashlimit 5', { fails: 'hashlimit: option "--hashlimit-name" must be specified' }],
        ['--hashlimit 5 --hashlimit-name <|""|>', { fails: 'Argument must have a minimum length of 1 characters' }],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-mode dstport,,srcip,',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-mode srcip,dstport --hashlimit-name a',
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-mode <|src|>',
          { fails: 'hashlimit: Bad value for "--hashlimit-mode" option: "src"' },
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-srcmask 24',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-srcmask 24',
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-srcmask <|129|>',
          { fails: 'neither a valid network mask nor valid CIDR (0-128).' },
          6,
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-htable-size 2000000 --hashlimit-htable-max 7 --hashlimit-htable-expire 99 --hashlimit-htable-gcinterval 77',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-htable-size 1048576 --hashlimit-htable-max 7 --hashlimit-htable-gcinterval 77 --hashlimit-htable-expire 99',
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-rate-match',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-rate-match',
        ],
        // A rate by the minute becomes packets in an interval of a minute.
        [
          '--hashlimit 5/min --hashlimit-name a --hashlimit-rate-match',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-htable-expire 60000 --hashlimit-rate-match --hashlimit-rate-interval 60',
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-rate-interval 7x',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a',
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-rate-interval <|0|>',
          { fails: 'hashlimit: Bad value for "--hashlimit-rate-interval" option: "0"' },
        ],
        // The tool takes these, the kernel does not.
        [
          '--hashlimit 1/day --hashlimit-burst 2 --hashlimit-name a',
          '--hashlimit-upto 1/day --hashlimit-burst 2 --hashlimit-name a',
        ],
        [
          '--hashlimit 5/s --hashlimit-burst 5 --hashlimit-name a/b',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a/b',
        ],
        [
          '--hashlimit 5/s --hashlimit-name a --hashlimit-htable-expire 0',
          '--hashlimit-upto 5/sec --hashlimit-burst 5 --hashlimit-name a --hashlimit-htable-expire 0',
        ],
        ['--hashlimit 34359738368b/s --hashlimit-name a', '--hashlimit-upto 68719476704b/s --hashlimit-name a'],
      ],
      lists: [
        [
          '--hashlimit-above 5kb/s --hashlimit-burst 9kb --hashlimit-mode srcip,dstip --hashlimit-name a',
          'limit: above 5kb/s burst 10kb mode srcip-dstip',
        ],
        [
          '--hashlimit 5 --hashlimit-name a --hashlimit-rate-interval 3 --hashlimit-rate-match',
          'limit: up to 100/min burst 5 htable-expire 1000 rate-match rate-interval 3',
        ],
      ],
      packets: [
        ['--hashlimit-upto 1/s --hashlimit-mode srcip --hashlimit-name a', ip4({}, udp()), 'match'],
        ['--hashlimit-above 1/s --hashlimit-mode srcip --hashlimit-name a', ip6({}, udp()), 'no match'],
        ['--hashlimit-upto 1/s --hashlimit-mode srcport --hashlimit-name a', ip6({}, icmp6()), 'match'],
        ['--hashlimit-upto 1/s --hashlimit-mode srcport --hashlimit-name a', ip4({}, esp()), 'match'],
        // Where ports should stand there is nothing.
        ['--hashlimit-upto 1/s --hashlimit-mode dstport --hashlimit-name a', ip4({}, raw(17, 3)), 'drop'],
        ['--hashlimit-upto 1/s --hashlimit-mode dstport --hashlimit-name a', ip6({}, raw(59)), 'drop'],
        ['--hashlimit-upto 1/s --hashlimit-mode dstip --hashlimit-name a', ip6({}, raw(59)), 'match'],
        // More octets than the second has: a first packet has a second's credit, whatever it costs.
        ['--hashlimit-upto 16b/s --hashlimit-name a', ip4({}, tcp({ data: 1000 })), 'match'],
        ['--hashlimit-above 16b/s --hashlimit-rate-match --hashlimit-name a', ip4({}, tcp({ data: 1000 })), 'match'],
      ],
    },
    generate: (dice, family) => {
      const unit = dice.weighted([
        [8, `/${dice.pick(['second', 'minute', 'hour', 'day', 's', 'm', 'h', 'd', 'sec', 'MIN'])}`],
        [1, ''],
        [0.4, '/week'],
      ]);
      const packets = `${dice.weighted([
        [4, dice.int(1, 100)],
        [2, dice.int(1, 2_000_000)],
        [1, dice.u32()],
      ])}${unit}`;
      // None below 16 octets with a burst, of which the real tool dies.
      const octets = `${dice.int(16, 5_000)}${dice.pick(['b', 'kb', 'mb', 'Kb'])}/s`;
      const inOctets = dice.chance(0.4);
      const burst = inOctets
        ? `${dice.int(1, 6_000)}${dice.pick(['', 'b', 'kb', 'mb', 'm', 'x'])}`
        : dice.pick([number(dice, 1_000_000), number(dice, 40), `${dice.int(1, 900)}k`]);
      const limit = `${not(dice)}${dice.pick(['--hashlimit', '--hashlimit-upto', '--hashlimit-above'])} ${inOctets ? octets : packets}`;
      const name = `--hashlimit-name ${dice.pick(['a', 'x.y', 'long-name_1', '"a b"', 'a/b', '..', 'q'.repeat(255), '""'])}`;
      const mask = dice.pick([number(dice, family === 4 ? 32 : 128), address(dice, family)]);
      return [
        dice.chance(0.95) ? limit : '',
        dice.chance(0.95) ? (dice.chance(0.8) ? '--hashlimit-name foo' : name) : '',
        some(
          dice,
          [
            `--hashlimit-burst ${burst}`,
            `--hashlimit-mode ${list(dice, ['srcip', 'srcport', 'dstip', 'dstport', dice.chance(0.1) ? 'none' : 'srcip'])}`,
            `--hashlimit-${dice.pick(['src', 'dst'])}mask ${mask}`,
            '--hashlimit-rate-match',
            `--hashlimit-rate-interval ${dice.pick([number(dice, 0x7fff_ffff), dice.int(1, 90).toString()])}`,
          ],
          0.35,
        ),
        some(
          dice,
          [
            `--hashlimit-htable-size ${number(dice, 3_000_000)}`,
            `--hashlimit-htable-max ${number(dice, 0xffff_ffff)}`,
            `--hashlimit-htable-expire ${number(dice, 0xffff_ffff)}`,
            `--hashlimit-htable-gcinterval ${number(dice, 0xffff_ffff)}`,
          ],
          0.15,
        ),
      ].join(' ');
    },
  }),
];
