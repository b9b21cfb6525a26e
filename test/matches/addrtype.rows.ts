import type { RouteType } from '../../engine/services.ts';
import { addrtype as match } from '../../matches/addrtype.ts';
import { formatAddress } from '../../packet/address.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { bareServices } from '../../testing/bare-services.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { list, not, sheet, some } from './sheet.ts';

const TYPES: Record<string, RouteType> = {
  '10.0.0.1': 'LOCAL',
  '10.0.0.255': 'BROADCAST',
  '224.0.0.1': 'MULTICAST',
  '192.0.2.1': 'BLACKHOLE',
  'fd00::1': 'LOCAL',
  'fd00::': 'ANYCAST',
  '2001:db8::1': 'UNREACHABLE',
};

/** A packet to `dst`; `eth0` has no local address. */
function to(dst: string): PacketSetup {
  const packet = dst.includes(':') ? ip6({ dst }, udp()) : ip4({ dst }, udp());
  const { routes } = bareServices();
  return {
    packet,
    in: 'eth0',
    out: 'eth1',
    services: {
      routes: {
        ...routes,
        type: (address, family, device) =>
          device === 'eth0' ? 'UNICAST' : (TYPES[formatAddress(address, family)] ?? 'UNICAST'),
      },
    },
  };
}

const NAMES = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
];

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--dst-type LOCAL', '='],
        ['--dst-type MULTICAST,loc,UN', '--dst-type UNSPEC,LOCAL,MULTICAST'],
        ['! --dst-type LOCAL --src-type UNICAST', '--src-type UNICAST ! --dst-type LOCAL'],
        [`--src-type ${NAMES.join(',')}`, '=', 4],
        ['--dst-type UNICAST --limit-iface-in', '='],
        ['--limit-iface-out --dst-type UNICAST', '--dst-type UNICAST --limit-iface-out'],
        ['', { fails: 'addrtype: you must specify --src-type or --dst-type' }],
        ['--dst-type <|foo|>', { fails: 'addrtype: bad type "foo"' }],
        ['--dst-type <|foo,LOCAL|>', { fails: "addrtype: bad type `foo,LOCAL'" }],
        [
          '--dst-type LOCAL --limit-iface-in <|--limit-iface-out|>',
          { fails: 'addrtype: option "--limit-iface-in" cannot be used together with "--limit-iface-out".' },
        ],
      ],
      lists: [
        [
          '! --src-type UNICAST --dst-type LOCAL --limit-iface-in',
          'ADDRTYPE match src-type !UNICAST dst-type LOCAL limit-in',
        ],
      ],
      packets: [
        ['--dst-type LOCAL', to('10.0.0.1'), 'match'],
        ['--dst-type LOCAL', to('10.0.0.2'), 'no match'],
        ['! --dst-type LOCAL', to('10.0.0.2'), 'match'],
        ['--dst-type BROADCAST,MULTICAST', to('224.0.0.1'), 'match'],
        ['--dst-type BLACKHOLE', to('192.0.2.1'), 'match'],
        ['--dst-type LOCAL --src-type LOCAL', to('10.0.0.1'), 'no match'],
        ['--dst-type LOCAL --limit-iface-in', to('10.0.0.1'), 'no match'],
        ['--dst-type LOCAL --limit-iface-out', to('10.0.0.1'), 'match'],
        // IPv6: UNSPEC, UNICAST and MULTICAST are told from the address, and all that are named must hold.
        ['--dst-type MULTICAST', to('ff02::1'), 'match'],
        ['--dst-type MULTICAST', to('fd00::1'), 'no match'],
        ['--dst-type UNICAST', to('fd00::1'), 'match'],
        ['--dst-type UNICAST,MULTICAST', to('ff02::1'), 'no match'],
        ['--dst-type UNICAST', to('::ffff:1.2.3.4'), 'no match'],
        ['--dst-type UNICAST', to('::1'), 'match'],
        ['--dst-type LOCAL', to('fd00::1'), 'match'],
        ['--dst-type LOCAL,UNICAST', to('fd00::1'), 'match'],
        ['--dst-type LOCAL,UNICAST', to('fd00::2'), 'no match'],
        ['--dst-type ANYCAST', to('fd00::'), 'match'],
        ['--dst-type UNREACHABLE', to('2001:db8::1'), 'match'],
        ['! --dst-type LOCAL,MULTICAST', to('fd00::1'), 'match'],
      ],
    },
    generate: (dice, family) => {
      const names = family === 6 ? dice.some(NAMES, 0.3) : NAMES;
      return some(
        dice,
        [
          `${not(dice)}--src-type ${list(dice, [...names, 'loc', 'multi'])}`,
          `${not(dice)}--dst-type ${list(dice, [...names, 'uni', 'bad'], 3)}`,
          dice.chance(0.5) ? '--limit-iface-in' : '--limit-iface-out',
        ],
        0.6,
      );
    },
  }),
];
