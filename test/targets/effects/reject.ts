import {
  ah,
  destinationOptions,
  esp,
  fragment,
  gre,
  icmp,
  icmp6,
  ip4,
  ip6,
  raw,
  sctp,
  tcp,
  udp,
  udplite,
} from '../../../packet/build.ts';
import { REJECT } from '../../../targets/REJECT.ts';
import { A4, A6, B4, B6, type EffectRow, type Effects, ID, RA4, RA6, RB4 } from './effect.ts';

/** Port unreachable about `packet`, or another destination unreachable. */
const answer4 = (packet: Uint8Array, fields: { code?: number; tos?: number; src?: string } = {}): Uint8Array =>
  ip4(
    { src: fields.src ?? RA4, dst: A4, tos: fields.tos ?? 0xc0, id: ID },
    icmp({ type: 3, code: fields.code ?? 3, data: packet.subarray(0, 548) }),
  );
const answer6 = (packet: Uint8Array, fields: { code?: number; src?: string } = {}): Uint8Array =>
  ip6({ src: fields.src ?? RA6, dst: A6 }, icmp6({ type: 1, code: fields.code ?? 4, data: packet.subarray(0, 1232) }));

const answered = (shows: string, packet: Uint8Array, sent: Uint8Array, options = ''): EffectRow => ({
  shows,
  options,
  packet,
  answer: { verdict: 'DROP', sent: [sent] },
});
const unanswered = (shows: string, packet: Uint8Array, options = ''): EffectRow => ({
  shows,
  options,
  packet,
  answer: { verdict: 'DROP', sent: [] },
});

const plain4 = ip4({ id: 0x1234 }, udp({ data: 'x' }));
const plain6 = ip6({}, udp({ data: 'x' }));

const CODES4: Readonly<Record<string, number>> = {
  'icmp-net-unreachable': 0,
  'icmp-host-unreachable': 1,
  'icmp-proto-unreachable': 2,
  'icmp-port-unreachable': 3,
  'icmp-net-prohibited': 9,
  'icmp-host-prohibited': 10,
  'icmp-admin-prohibited': 13,
};
const CODES6: Readonly<Record<string, number>> = {
  'icmp6-no-route': 0,
  'icmp6-adm-prohibited': 1,
  'icmp6-addr-unreachable': 3,
  'icmp6-port-unreachable': 4,
  'icmp6-policy-fail': 5,
  'icmp6-reject-route': 6,
};

const types: readonly EffectRow[] = [
  ...Object.entries(CODES4).map(([type, code]) =>
    answered(`code ${code}`, plain4, answer4(plain4, { code }), `--reject-with ${type}`),
  ),
  ...Object.entries(CODES6).map(([type, code]) =>
    answered(`code ${code}`, plain6, answer6(plain6, { code }), `--reject-with ${type}`),
  ),
];

const quotes: readonly EffectRow[] = (
  [
    ['548 octets are quoted, the error is 576 long', ip4({}, udp({ data: 600 }))],
    ['a packet of 548 octets is quoted whole', ip4({}, udp({ data: 520 }))],
    ['without fragmentation', ip4({ df: true }, udp({ data: 'x' }))],
  ] as const
)
  .map(([shows, packet]) => answered(shows, packet, answer4(packet)))
  .concat(
    answered(
      'the TOS bits stay, the precedence is 6',
      ip4({ tos: 0xff }, udp()),
      answer4(ip4({ tos: 0xff }, udp()), { tos: 0xde }),
    ),
    answered(
      '1232 octets are quoted, the error is 1280 long',
      ip6({}, udp({ data: 1300 })),
      answer6(ip6({}, udp({ data: 1300 }))),
    ),
    answered(
      'the traffic class is not taken over',
      ip6({ trafficClass: 0xff, flowLabel: 7 }, udp()),
      answer6(ip6({ trafficClass: 0xff, flowLabel: 7 }, udp())),
    ),
  );

/** Whether a packet is answered goes by its checksum, and by whether it has one. */
const checksums: readonly EffectRow[] = [
  unanswered('UDP with a wrong checksum', ip4({}, udp({ badChecksum: true }))),
  unanswered('UDP with a wrong checksum', ip6({}, udp({ badChecksum: true }))),
  unanswered('TCP with a wrong checksum', ip4({}, tcp({ badChecksum: true }))),
  unanswered('ICMP with a wrong checksum', ip4({}, icmp({ badChecksum: true }))),
  unanswered('ICMPv6 with a wrong checksum', ip6({}, icmp6({ badChecksum: true }))),
  ...[
    ip4({}, udp({ noChecksum: true, data: 'x' })),
    ip4({}, sctp({ badChecksum: true })),
    ip4({}, gre({}), raw(4, 'abcd')),
    ip4({}, esp({})),
    ip4({}, ah({}), raw(99, 'odd')),
    ip4({}, udplite({ badChecksum: true })),
    // An unknown protocol is summed up as if it had an Internet checksum; nothing at all sums up.
    ip4({}, raw(99, Uint8Array.of(0xff, 0xff))),
    ip4({}, raw(99, 0)),
  ].map((packet) => answered('no checksum, another kind, or a sum that happens to fit', packet, answer4(packet))),
  unanswered('an unknown protocol whose payload does not sum up', ip4({}, raw(99, Uint8Array.of(1, 2)))),
  unanswered('an unknown protocol whose payload does not sum up', ip6({}, raw(99, Uint8Array.of(0xff, 0xff)))),
  ...[
    ip6({}, udp({ noChecksum: true, data: 'x' })),
    ip6({}, sctp({ badChecksum: true })),
    ip6({}, esp({})),
    ip6({}, destinationOptions(), udp()),
  ].map((packet) => answered('no checksum, another kind, or behind extension headers', packet, answer6(packet))),
  unanswered('a TCP header cut short', ip4({}, raw(6, 10))),
  unanswered('a UDP header cut short', ip4({}, raw(17, 4))),
  unanswered('no next header', ip6({}, raw(59, 4))),
];

const neverAnswered: readonly EffectRow[] = [
  unanswered('ICMP errors', ip4({}, icmp({ type: 3, code: 3, data: plain4 }))),
  unanswered('ICMP types that are not known', ip4({}, icmp({ type: 40, data: 8 }))),
  unanswered('ICMP without a type', ip4({}, raw(1, 0))),
  answered('echo requests are', ip4({}, icmp({ data: 8 })), answer4(ip4({}, icmp({ data: 8 })))),
  answered(
    'timestamp requests are',
    ip4({}, icmp({ type: 13, data: 12 })),
    answer4(ip4({}, icmp({ type: 13, data: 12 }))),
  ),
  unanswered('ICMPv6 errors', ip6({}, icmp6({ type: 1, code: 4, data: plain6 }))),
  unanswered('ICMPv6 types below 128 that are not known', ip6({}, icmp6({ type: 100, data: 8 }))),
  answered(
    'ICMPv6 types above that are not known',
    ip6({}, icmp6({ type: 200, data: 8 })),
    answer6(ip6({}, icmp6({ type: 200, data: 8 }))),
  ),
  unanswered('later fragments', ip4({ offset: 8, mf: true }, raw(17, 16))),
  unanswered('first fragments, whose sum is not complete', firstFragment()),
  answered(
    'but those without checksum',
    ip4({ mf: true }, udp({ data: 16, noChecksum: true })),
    answer4(ip4({ mf: true }, udp({ data: 16, noChecksum: true }))),
  ),
  unanswered('later fragments', ip6({}, fragment({ offset: 8, more: true, nextHeader: 17 }), raw(17, 16))),
  answered(
    'a fragment that is the whole packet',
    ip6({}, fragment({ id: 5 }), udp({ data: 'x' })),
    answer6(ip6({}, fragment({ id: 5 }), udp({ data: 'x' }))),
  ),
];

/** A piece whose checksum is that of the whole. */
function firstFragment(): Uint8Array {
  const whole = ip4({ mf: true }, udp({ data: 100 }));
  const piece = whole.slice(0, 60);
  return ip4({ mf: true }, raw(17, piece.subarray(20)));
}

const rst = '-p tcp ; --reject-with tcp-reset';
const reset4 = (fields: Parameters<typeof tcp>[0]): Uint8Array =>
  ip4({ src: B4, dst: A4, df: true }, tcp({ sport: 80, dport: 1024, window: 0, ...fields }));
const reset6 = (fields: Parameters<typeof tcp>[0]): Uint8Array =>
  ip6({ src: B6, dst: A6 }, tcp({ sport: 80, dport: 1024, window: 0, ...fields }));

const resets: readonly EffectRow[] = [
  answered(
    'a SYN is one octet long',
    ip4({ tos: 0x10, df: true }, tcp({ seq: 1000 })),
    reset4({ flags: 'RA', ack: 1001 }),
    rst,
  ),
  answered(
    'a SYN is one octet long',
    ip6({ trafficClass: 9, flowLabel: 9 }, tcp({ seq: 1000 })),
    reset6({ flags: 'RA', ack: 1001 }),
    rst,
  ),
  answered(
    'FIN and data count',
    ip4({}, tcp({ flags: 'FP', seq: 1000, data: 10 })),
    reset4({ flags: 'RA', ack: 1011 }),
    rst,
  ),
  answered('numbers wrap', ip6({}, tcp({ flags: 'S', seq: 0xffffffff })), reset6({ flags: 'RA', ack: 0 }), rst),
  answered(
    'with an ACK its number is taken',
    ip4({}, tcp({ flags: 'A', seq: 5, ack: 777 })),
    reset4({ flags: 'R', seq: 777 }),
    rst,
  ),
  answered(
    'with an ACK its number is taken',
    ip6({}, tcp({ flags: 'SA', ack: 0xfffffff0 })),
    reset6({ flags: 'R', seq: 0xfffffff0 }),
    rst,
  ),
  answered(
    'options are no data',
    ip4({}, tcp({ seq: 1, options: { mss: 1460 }, data: 4 })),
    reset4({ flags: 'RA', ack: 6 }),
    rst,
  ),
  answered(
    'a header length below 20 makes data of the header',
    ip4({}, tcp({ seq: 1, headerLength: 8 })),
    reset4({ flags: 'RA', ack: 14 }),
    rst,
  ),
  answered(
    'behind extension headers',
    ip6({}, destinationOptions(), tcp({ seq: 1 })),
    reset6({ flags: 'RA', ack: 2 }),
    rst,
  ),
  unanswered('another reset', ip4({}, tcp({ flags: 'RA' })), rst),
  unanswered('another reset', ip6({}, tcp({ flags: 'R' })), rst),
  unanswered('a wrong checksum', ip4({}, tcp({ badChecksum: true })), rst),
  unanswered('a wrong checksum', ip6({}, tcp({ badChecksum: true })), rst),
  unanswered('a later fragment', ip4({ offset: 24 }, raw(6, 24)), rst),
];

const ours: readonly EffectRow[] = [
  {
    shows: 'in bridge mode the error comes from whom the packet was for',
    options: '',
    packet: plain4,
    answer: { verdict: 'DROP', sent: [answer4(plain4, { src: B4 })] },
    set: (pkt) => {
      pkt.physIn = pkt.inDevice = 'tunA';
    },
    oursOnly: 'a bridge',
  },
  {
    shows: 'in bridge mode the error comes from whom the packet was for',
    options: '',
    packet: plain6,
    answer: { verdict: 'DROP', sent: [answer6(plain6, { src: B6 })] },
    set: (pkt) => {
      pkt.physIn = pkt.inDevice = 'tunA';
    },
    oursOnly: 'a bridge',
  },
  {
    shows: 'a checksum that the device left to be finished counts as right',
    options: '',
    packet: ip4({}, udp({ checksum: 'partial', data: 'x' })),
    answer: { verdict: 'DROP', sent: [answer4(ip4({}, udp({ checksum: 'partial', data: 'x' })))] },
    set: (pkt) => {
      pkt.checksumPartial = true;
    },
    oursOnly: 'a virtio-net header',
  },
  {
    shows: 'a packet of the link layer that was not for us alone is not answered',
    options: '',
    packet: plain4,
    answer: { verdict: 'DROP', sent: [] },
    set: (pkt) => {
      pkt.packetType = 1;
    },
    oursOnly: 'a link-layer broadcast',
  },
  {
    shows: 'a packet to one of our addresses is answered from it',
    options: '',
    packet: ip4({ dst: RB4 }, udp({ data: 'x' })),
    answer: { verdict: 'DROP', sent: [answer4(ip4({ dst: RB4 }, udp({ data: 'x' })), { src: RB4 })] },
    oursOnly: 'INPUT',
  },
  {
    shows: 'a packet to a multicast group is not answered',
    options: '',
    packet: ip6({ dst: 'ff02::1' }, udp()),
    answer: { verdict: 'DROP', sent: [] },
    oursOnly: 'INPUT',
  },
];

export const reject: Effects = {
  target: REJECT,
  table: 'filter',
  rows: [...types, ...quotes, ...checksums, ...neverAnswered, ...resets, ...ours],
};
