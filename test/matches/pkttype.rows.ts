import { pkttype as match } from '../../matches/pkttype.ts';
import { ip6, udp } from '../../packet/build.ts';
import { not, sheet } from './sheet.ts';

const six = ip6({}, udp());

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--pkt-type HOST', '--pkt-type unicast'],
        ['! --pkt-type mcast', '! --pkt-type multicast'],
        ['--pkt-type otherhost', '='],
        ['', { fails: 'pkttype: option "--pkt-type" must be specified' }],
        ['--pkt-type <|uni|>', { fails: "Bad packet type 'uni'" }],
      ],
      lists: [
        ['--pkt-type bcast', 'PKTTYPE = broadcast'],
        ['! --pkt-type host', 'PKTTYPE != unicast'],
      ],
      packets: [
        ['--pkt-type unicast', six, 'match'],
        ['--pkt-type multicast', { packet: six, packetType: 2 }, 'match'],
        ['! --pkt-type multicast', { packet: six, packetType: 2 }, 'no match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--pkt-type ${dice.pick(['unicast', 'host', 'broadcast', 'bcast', 'multicast', 'mcast', 'otherhost', 'Host', 'loopback', ''])}`,
  }),
];
