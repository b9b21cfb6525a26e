import { IPS_SRC_NAT_DONE } from '../../conntrack/status.ts';
import { Sockets } from '../../engine/host/sockets.ts';
import { socket as match } from '../../matches/socket.ts';
import { icmp, icmp6, ip4, ip6, type Layer, raw, tcp, udp } from '../../packet/build.ts';
import { CT_ESTABLISHED } from '../../packet/packet.ts';
import type { PacketSetup } from '../../testing/ext-cases.ts';
import { inConnection } from './connections.ts';
import { sheet, some } from './sheet.ts';

const sockets = new Sockets([
  { protocol: 'tcp', local: '192.0.2.1:80' },
  { protocol: 'tcp', local: '*:22', mark: 7 },
  { protocol: 'tcp', local: '0.0.0.0:8080', transparent: true },
  { protocol: 'tcp', local: '192.0.2.1:80', remote: '198.51.100.9:1024', transparent: true, mark: 9 },
  { protocol: 'udp', local: '[2001:db8::1]:53', device: 'lan' },
  { protocol: 'tcp', local: '10.0.0.5:4000', remote: '203.0.113.1:443' },
]);

const seen = (packet: Uint8Array): PacketSetup => ({ packet, in: 'lan', hook: 'PREROUTING', services: { sockets } });
const from4 = (layer: Layer, src = '198.51.100.1', dst = '192.0.2.1') => seen(ip4({ src, dst }, layer));
const to = (dport: number) => tcp({ sport: 1024, dport, flags: 'S' });
const dns = ip6({ src: '2001:db8::9', dst: '2001:db8::1' }, udp({ sport: 1024, dport: 53 }));
/** What the socket at 192.0.2.1:80 sent, in an error about it. */
const sent = ip4({ src: '192.0.2.1', dst: '198.51.100.7' }, tcp({ sport: 80, dport: 3000, flags: 'A' }));

/** An answer to a connection that SNAT gave another source: the socket is at the first one. */
const answer = inConnection(
  ip4({ src: '203.0.113.1', dst: '192.0.2.1' }, tcp({ sport: 443, dport: 61024, flags: 'A' })),
  CT_ESTABLISHED,
  {
    status: IPS_SRC_NAT_DONE,
    addresses: ['10.0.0.5', '203.0.113.1', '203.0.113.1', '192.0.2.1'],
    keys: [4000, 443, 443, 61024],
  },
  (pkt) => {
    pkt.direction = 1;
  },
);

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['', '='],
        ['--restore-skmark --nowildcard --transparent', '--transparent --nowildcard --restore-skmark'],
        ['--nowildcard', '='],
        ['<|! --transparent|>', { fails: 'socket: option "--transparent" cannot be inverted.' }],
        ['--transparent <|--transparent|>', { fails: 'socket: option "--transparent" can only be used once.' }],
      ],
      lists: [
        ['', 'socket'],
        ['--restore-skmark --transparent', 'socket --transparent --restore-skmark'],
      ],
      packets: [
        ['', from4(to(80)), 'match'],
        ['', from4(to(81)), 'no match'],
        ['', from4(udp({ sport: 1024, dport: 80 })), 'no match'],
        ['', from4(to(80), '198.51.100.1', '192.0.2.2'), 'no match'],
        ['--transparent', from4(to(80)), 'no match'],
        // The connected socket comes before the listening one.
        ['--transparent', from4(to(80), '198.51.100.9'), 'match'],
        // Bound to any address: it would take what is only to be forwarded.
        ['', from4(to(22)), 'no match'],
        ['--nowildcard', from4(to(22)), 'match'],
        ['--transparent', from4(to(8080)), 'no match'],
        ['--transparent --nowildcard', from4(to(8080)), 'match'],
        ['--nowildcard', seen(ip6({}, to(22))), 'match'],
        ['--nowildcard', seen(ip6({}, to(8080))), 'no match'],
        ['', seen(dns), 'match'],
        ['', { ...seen(dns), in: 'wan' }, 'no match'],
        // An error is for the socket whose packet it quotes.
        ['', from4(icmp({ type: 3, code: 1, data: sent }), '198.51.100.7'), 'match'],
        ['', from4(icmp({ type: 8, code: 0, data: sent }), '198.51.100.7'), 'no match'],
        [
          '',
          seen(ip6({}, icmp6({ type: 1, code: 0, data: ip6({ src: '2001:db8::1' }, udp({ sport: 53 })) }))),
          'match',
        ],
        [
          '',
          seen(ip6({}, icmp6({ type: 128, code: 0, data: ip6({ src: '2001:db8::1' }, udp({ sport: 53 })) }))),
          'no match',
        ],
        // Headers cut short, later fragments and other protocols have no socket.
        ['', from4(raw(6, 12)), 'no match'],
        ['', seen(ip4({ dst: '192.0.2.1', offset: 64 }, raw(6, 40))), 'no match'],
        ['', from4(raw(47, 40)), 'no match'],
        ['', { ...answer, services: { ...answer.services, sockets } }, 'match'],
        // Nobody tells of sockets.
        ['--nowildcard', ip4({}, to(22)), 'no match'],
      ],
    },
    generate: (dice) =>
      some(dice, ['--transparent', '--nowildcard', '--restore-skmark', dice.chance(0.1) ? '--transparent' : ''], 0.5),
  }),
];
