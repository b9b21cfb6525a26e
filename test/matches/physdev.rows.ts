import { physdev as match } from '../../matches/physdev.ts';
import { ip6, udp } from '../../packet/build.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { not, sheet, some } from './sheet.ts';

const bridged = (physIn: string, physOut: string): PacketSetup => ({ packet: ip6({}, udp()), physIn, physOut });

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--physdev-in eth0', '='],
        ['--physdev-out eth+ ! --physdev-in +', '! --physdev-in + --physdev-out eth+'],
        [
          '--physdev-in eth0 --physdev-is-bridged ! --physdev-is-in',
          '! --physdev-is-in --physdev-in eth0 --physdev-is-bridged',
        ],
        ['--physdev-out eth1 --physdev-is-out', '--physdev-is-out --physdev-out eth1'],
        ['', { fails: 'PHYSDEV: no physdev option specified' }],
        [
          '--physdev-in <|aaaaaaaaaaaaaaaa|>',
          { fails: "interface name `aaaaaaaaaaaaaaaa' must be shorter than IFNAMSIZ (15)" },
        ],
        ['--physdev-in a <|--physdev-in b|>', { fails: 'physdev: option "--physdev-in" can only be used once.' }],
      ],
      lists: [['! --physdev-in eth0 --physdev-is-bridged', 'PHYSDEV match ! --physdev-in eth0 --physdev-is-bridged']],
      packets: [
        ['--physdev-in eth0', bridged('eth0', 'eth1'), 'match'],
        ['--physdev-in eth1', bridged('eth0', 'eth1'), 'no match'],
        ['! --physdev-in eth1', bridged('eth0', 'eth1'), 'match'],
        ['--physdev-in eth+', bridged('eth0', 'eth1'), 'match'],
        ['--physdev-out eth1', bridged('eth0', 'eth1'), 'match'],
        ['--physdev-is-bridged', bridged('eth0', 'eth1'), 'match'],
        ['--physdev-is-bridged', bridged('eth0', ''), 'no match'],
        ['--physdev-is-in --physdev-is-out', bridged('eth0', 'eth1'), 'match'],
        ['! --physdev-is-out', bridged('eth0', ''), 'match'],
        // An unknown input port does not stand in the way, an unknown output port does.
        ['--physdev-in eth0', bridged('', 'eth1'), 'match'],
        ['--physdev-out eth1', bridged('eth0', ''), 'no match'],
        ['! --physdev-out eth1', bridged('eth0', ''), 'no match'],
        // Outside a bridge only rules of nothing but negations match.
        ['--physdev-in eth0', bridged('', ''), 'no match'],
        ['! --physdev-in eth0', bridged('', ''), 'match'],
        ['! --physdev-in eth0 --physdev-is-in', bridged('', ''), 'no match'],
        ['! --physdev-is-bridged', bridged('', ''), 'match'],
      ],
    },
    generate: (dice) =>
      some(dice, [
        `${not(dice)}--physdev-in ${dice.pick(['eth0', 'eth+', '+', 'br-lan.7', 'aaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaa'])}`,
        `${not(dice)}--physdev-out ${dice.pick(['eth0', 'tap+', 'x'])}`,
        `${not(dice)}--physdev-is-in`,
        `${not(dice)}--physdev-is-out`,
        `${not(dice)}--physdev-is-bridged`,
      ]),
  }),
];
