import {
  ah,
  destinationOptions,
  esp,
  fragment,
  gre,
  hopByHop,
  icmp,
  icmp6,
  ip4,
  ip6,
  mobility,
  raw,
  routing,
  sctp,
  tcp,
  udp,
  udplite,
} from '../../../packet/build.ts';
import { concat } from '../../../packet/bytes.ts';
import { LOG } from '../../../targets/LOG.ts';
import type { EffectRow, Effects } from './effect.ts';

const FROM4 = 'IN=tunA OUT=tunB MAC= SRC=10.0.1.2 DST=10.0.2.2 ';
const FROM6 =
  'IN=tunA OUT=tunB MAC= SRC=fd00:000a:0000:0000:0000:0000:0000:0002 DST=fd00:000b:0000:0000:0000:0000:0000:0002 ';

/** The lines are the kernel's own, copied from its log. */
const line = (shows: string, packet: Uint8Array, options: string, text: string): EffectRow => ({
  shows,
  options,
  packet,
  answer: { verdict: 'CONTINUE', logged: [text] },
});

const ALL = '--log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode';
const quoted4 = ip4({ ttl: 63, id: 7 }, udp({ data: 12 }));
const quoted6 = ip6({ hopLimit: 63 }, tcp({ flags: 'SA', options: { mss: 1440 } }));

const ipv4: readonly EffectRow[] = [
  line(
    'the plain form',
    ip4({ id: 1 }, tcp()),
    '',
    `${FROM4}LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=TCP SPT=1024 DPT=80 WINDOW=65535 RES=0x00 SYN URGP=0 `,
  ),
  line(
    'a prefix goes right before it',
    ip4({ id: 1 }, udp({ data: 'x' })),
    '--log-prefix "in: "',
    `in: ${FROM4}LEN=29 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT=1024 DPT=53 LEN=9 `,
  ),
  line(
    'everything on',
    ip4({ id: 65535, tos: 0xff }, tcp({ flags: 0xff, seq: 4294967295, ack: 2, window: 3, urgent: 4, reserved: 15 })),
    ALL,
    `${FROM4}LEN=40 TOS=0x1E PREC=0xE0 TTL=64 ID=65535 PROTO=TCP SPT=1024 DPT=80 SEQ=4294967295 ACK=2 WINDOW=3 RES=0x38 AE CWR ECE URG ACK PSH RST SYN FIN URGP=4 `,
  ),
  line(
    'flags of the IP header',
    ip4({ reserved: true, df: true, mf: true }, udp({ data: 24 })),
    '',
    `${FROM4}LEN=52 TOS=0x00 PREC=0x00 TTL=64 ID=0 CE DF MF PROTO=UDP SPT=1024 DPT=53 LEN=32 `,
  ),
  line(
    'the type of service and the precedence',
    ip4({ tos: 0xb8 }, udp()),
    '',
    `${FROM4}LEN=28 TOS=0x18 PREC=0xA0 TTL=64 ID=0 PROTO=UDP SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'a later fragment, in units of 8 octets',
    ip4({ offset: 1480, mf: true }, raw(17, 16)),
    '',
    `${FROM4}LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=0 MF FRAG:185 PROTO=UDP `,
  ),
  line(
    'a later fragment of TCP',
    ip4({ offset: 24 }, raw(6, 16)),
    ALL,
    `${FROM4}LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=0 FRAG:3 PROTO=TCP `,
  ),
  line(
    'IP options',
    ip4({ options: Uint8Array.of(1, 1, 1, 0) }, udp()),
    '--log-ip-options',
    `${FROM4}LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=0 OPT (01010100) PROTO=UDP SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'IP options that were not asked for',
    ip4({ options: Uint8Array.of(1, 1, 1, 0) }, udp()),
    '',
    `${FROM4}LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=UDP SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'TCP options',
    ip4({}, tcp({ options: { mss: 1460, sackPermitted: true } })),
    '--log-tcp-options',
    `${FROM4}LEN=48 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP SPT=1024 DPT=80 WINDOW=65535 RES=0x00 SYN URGP=0 OPT (020405B404020000) `,
  ),
  line(
    'TCP options that reach beyond the packet',
    ip4({}, tcp({ headerLength: 40 })),
    `${ALL} --log-prefix x`,
    `x${FROM4}LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP SPT=1024 DPT=80 SEQ=0 ACK=0 WINDOW=65535 RES=0x00 SYN URGP=0 OPT (TRUNCATED)`,
  ),
  line(
    'sequence numbers',
    ip4({}, tcp({ flags: 'FA', seq: 1, ack: 2 })),
    '--log-tcp-sequence',
    `${FROM4}LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP SPT=1024 DPT=80 SEQ=1 ACK=2 WINDOW=65535 RES=0x00 ACK FIN URGP=0 `,
  ),
  line(
    'a TCP header cut short',
    ip4({}, raw(6, 19)),
    '',
    `${FROM4}LEN=39 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP INCOMPLETE [19 bytes] `,
  ),
  line(
    'UDP',
    ip4({}, udp({ sport: 1, dport: 65535, data: 100, length: 9 })),
    '',
    `${FROM4}LEN=128 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=UDP SPT=1 DPT=65535 LEN=9 `,
  ),
  line(
    'a UDP header cut short',
    ip4({}, raw(17, 7)),
    '',
    `${FROM4}LEN=27 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=UDP INCOMPLETE [7 bytes] `,
  ),
  line(
    'UDP-Lite',
    ip4({}, udplite({ coverage: 8, data: 10 })),
    '',
    `${FROM4}LEN=38 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=UDPLITE SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'an echo request',
    ip4({}, icmp({ id: 7, seq: 65535, data: 8 })),
    '',
    `${FROM4}LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=8 CODE=0 ID=7 SEQ=65535 `,
  ),
  line(
    'an echo reply',
    ip4({}, icmp({ type: 0, id: 7, seq: 1 })),
    '',
    `${FROM4}LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=0 CODE=0 ID=7 SEQ=1 `,
  ),
  line(
    'port unreachable',
    ip4({}, icmp({ type: 3, code: 3, data: quoted4 })),
    '',
    `${FROM4}LEN=68 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=3 CODE=3 [SRC=10.0.1.2 DST=10.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=UDP SPT=1024 DPT=53 LEN=20 ] `,
  ),
  line(
    'fragmentation needed',
    ip4({}, icmp({ type: 3, code: 4, mtu: 1400, data: quoted4 })),
    '',
    `${FROM4}LEN=68 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=3 CODE=4 [SRC=10.0.1.2 DST=10.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=UDP SPT=1024 DPT=53 LEN=20 ] MTU=1400 `,
  ),
  line(
    'source quench',
    ip4({}, icmp({ type: 4, data: quoted4 })),
    '',
    `${FROM4}LEN=68 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=4 CODE=0 [SRC=10.0.1.2 DST=10.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=UDP SPT=1024 DPT=53 LEN=20 ] `,
  ),
  line(
    'a redirect',
    ip4({}, icmp({ type: 5, code: 1, gateway: '10.0.2.9', data: quoted4 })),
    '',
    `${FROM4}LEN=68 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=5 CODE=1 GATEWAY=10.0.2.9 [SRC=10.0.1.2 DST=10.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=UDP SPT=1024 DPT=53 LEN=20 ] `,
  ),
  line(
    'time exceeded about TCP, cut in its ports',
    ip4({}, icmp({ type: 11, data: ip4({}, tcp()).subarray(0, 28) })),
    ALL,
    `${FROM4}LEN=56 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=11 CODE=0 [SRC=10.0.1.2 DST=10.0.2.2 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=TCP INCOMPLETE [8 bytes] ] `,
  ),
  line(
    'a parameter problem',
    ip4({}, icmp({ type: 12, pointer: 20, data: quoted4 })),
    '',
    `${FROM4}LEN=68 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=12 CODE=0 PARAMETER=20 `,
  ),
  line(
    'an error in an error',
    ip4({}, icmp({ type: 3, code: 1, data: ip4({}, icmp({ type: 11, data: quoted4 })) })),
    '',
    `${FROM4}LEN=96 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=3 CODE=1 [SRC=10.0.1.2 DST=10.0.2.2 LEN=68 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=11 CODE=0 ] `,
  ),
  line(
    'an error without a whole quote',
    ip4({}, icmp({ type: 3, code: 1, data: 19 })),
    '',
    `${FROM4}LEN=47 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=3 CODE=1 INCOMPLETE [27 bytes] `,
  ),
  line(
    'an error with a quoted header longer than it',
    ip4({}, icmp({ type: 3, data: ip4({ headerLength: 60 }, raw(1, 4)) })),
    ALL,
    `${FROM4}LEN=52 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=3 CODE=0 [SRC=10.0.1.2 DST=10.0.2.2 LEN=24 TOS=0x00 PREC=0x00 TTL=64 ID=0 TRUNCATED] `,
  ),
  line(
    'a timestamp request',
    ip4({}, icmp({ type: 13, data: 12 })),
    '',
    `${FROM4}LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=13 CODE=0 `,
  ),
  line(
    'a timestamp request cut short',
    ip4({}, icmp({ type: 13, data: 11 })),
    '',
    `${FROM4}LEN=39 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=13 CODE=0 INCOMPLETE [19 bytes] `,
  ),
  line(
    'a mask request',
    ip4({}, icmp({ type: 17, data: 4 })),
    '',
    `${FROM4}LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=17 CODE=0 `,
  ),
  line(
    'a mask request cut short',
    ip4({}, icmp({ type: 17, data: 3 })),
    '',
    `${FROM4}LEN=31 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=17 CODE=0 INCOMPLETE [11 bytes] `,
  ),
  line(
    'an ICMP type that is not known',
    ip4({}, icmp({ type: 42, code: 5 })),
    '',
    `${FROM4}LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP TYPE=42 CODE=5 `,
  ),
  line(
    'an ICMP header cut short',
    ip4({}, raw(1, 7)),
    '',
    `${FROM4}LEN=27 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ICMP INCOMPLETE [7 bytes] `,
  ),
  line(
    'AH',
    ip4({}, ah({ spi: 0xdeadbeef }), udp()),
    '',
    `${FROM4}LEN=52 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=AH SPI=0xdeadbeef `,
  ),
  line(
    'AH cut short',
    ip4({}, raw(51, 11)),
    '',
    `${FROM4}LEN=31 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=AH INCOMPLETE [11 bytes] `,
  ),
  line('ESP', ip4({}, esp({ spi: 0x100 })), '', `${FROM4}LEN=44 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ESP SPI=0x100 `),
  line(
    'ESP cut short',
    ip4({}, raw(50, 7)),
    '',
    `${FROM4}LEN=27 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=ESP INCOMPLETE [7 bytes] `,
  ),
  line('a protocol by number', ip4({}, sctp()), '', `${FROM4}LEN=52 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=132 `),
  line(
    'a protocol by number',
    ip4({}, gre(), raw(4, 4)),
    ALL,
    `${FROM4}LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=47 `,
  ),
];

const ipv6: readonly EffectRow[] = [
  line(
    'the plain form, addresses with all their digits',
    ip6({}, tcp()),
    '',
    `${FROM6}LEN=60 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=TCP SPT=1024 DPT=80 WINDOW=65535 RES=0x00 SYN URGP=0 `,
  ),
  line(
    'traffic class and flow label',
    ip6({ trafficClass: 0xb9, flowLabel: 0xfffff, hopLimit: 1 }, udp({ data: 'x' })),
    '--log-prefix "six "',
    `six ${FROM6}LEN=49 TC=185 HOPLIMIT=1 FLOWLBL=1048575 PROTO=UDP SPT=1024 DPT=53 LEN=9 `,
  ),
  line(
    'everything on',
    ip6({}, tcp({ flags: 'SE', seq: 1, options: { mss: 1440, nop: 1, windowScale: 7 } })),
    ALL,
    `${FROM6}LEN=68 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=TCP SPT=1024 DPT=80 SEQ=1 ACK=0 WINDOW=65535 RES=0x00 ECE SYN URGP=0 OPT (020405A001030307) `,
  ),
  line(
    'a first fragment',
    ip6({}, fragment({ id: 0xabc, more: true }), udp({ data: 16 })),
    '',
    `${FROM6}LEN=72 TC=0 HOPLIMIT=64 FLOWLBL=0 FRAG:0 INCOMPLETE ID:00000abc PROTO=UDP SPT=1024 DPT=53 LEN=24 `,
  ),
  line(
    'a later fragment',
    ip6({}, fragment({ id: 0xabc, offset: 1448, nextHeader: 17 }), raw(17, 16)),
    '',
    `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 FRAG:1448 ID:00000abc PROTO=UDP `,
  ),
  line(
    'a later fragment with options asked for',
    ip6({}, fragment({ id: 1, offset: 8, nextHeader: 6 }), raw(6, 16)),
    ALL,
    `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( FRAG:8 ID:00000001 ) PROTO=TCP `,
  ),
  line(
    'destination options in a later fragment end the line',
    ip6({}, fragment({ id: 1, offset: 8, nextHeader: 60 }), raw(60, 16)),
    '',
    `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 FRAG:8 ID:00000001 `,
  ),
  line(
    'destination options in a later fragment end the line',
    ip6({}, fragment({ id: 1, offset: 8, nextHeader: 60 }), raw(60, 16)),
    ALL,
    `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( FRAG:8 ID:00000001 ) OPT ( )`,
  ),
  line(
    'a fragment header cut short',
    ip6({ nextHeader: 44 }, raw(44, Uint8Array.of(17, 0, 0, 0))),
    ALL,
    `${FROM6}LEN=44 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( FRAG:TRUNCATED `,
  ),
  line(
    'extension headers do not show',
    ip6({}, hopByHop(), destinationOptions(), udp()),
    '',
    `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=UDP SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'unless they are asked for',
    ip6({}, hopByHop(), destinationOptions(), routing({ type: 4 }), udp()),
    '--log-ip-options',
    `${FROM6}LEN=72 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( ) OPT ( ) OPT ( ) PROTO=UDP SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'an extension header that is not there',
    ip6({ nextHeader: 60 }, raw(60, 0)),
    '',
    `${FROM6}LEN=40 TC=0 HOPLIMIT=64 FLOWLBL=0 TRUNCATED`,
  ),
  line(
    'AH',
    ip6({}, ah({ spi: 0x1234 }), udp()),
    '',
    `${FROM6}LEN=72 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=UDP SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'AH',
    ip6({}, ah({ spi: 0x1234 }), udp()),
    '--log-ip-options',
    `${FROM6}LEN=72 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( AH SPI=0x1234 ) PROTO=UDP SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'AH cut short',
    ip6({ nextHeader: 51 }, raw(51, Uint8Array.of(17, 4, 0, 0, 0, 0, 0, 1))),
    '--log-ip-options',
    `${FROM6}LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( AH INCOMPLETE [8 bytes] )`,
  ),
  line('ESP ends the line', ip6({}, esp({ spi: 0x1234 })), '', `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 `),
  line(
    'ESP ends the line',
    ip6({}, esp({ spi: 0x1234 })),
    ALL,
    `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( ESP SPI=0x1234 )`,
  ),
  line(
    'ESP cut short',
    ip6({ nextHeader: 50 }, raw(50, 7)),
    ALL,
    `${FROM6}LEN=47 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( ESP INCOMPLETE [7 bytes] )`,
  ),
  line(
    'UDP-Lite',
    ip6({}, udplite({ coverage: 8, data: 10 })),
    '',
    `${FROM6}LEN=58 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=UDPLITE SPT=1024 DPT=53 LEN=8 `,
  ),
  line(
    'an echo request',
    ip6({}, icmp6({ id: 1, seq: 2, data: 4 })),
    '',
    `${FROM6}LEN=52 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=1 SEQ=2 `,
  ),
  line(
    'an echo reply',
    ip6({}, icmp6({ type: 129, id: 1, seq: 2 })),
    '',
    `${FROM6}LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=129 CODE=0 ID=1 SEQ=2 `,
  ),
  line(
    'port unreachable',
    ip6({}, icmp6({ type: 1, code: 4, data: quoted6 })),
    ALL,
    `${FROM6}LEN=112 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=1 CODE=4 [SRC=fd00:000a:0000:0000:0000:0000:0000:0002 DST=fd00:000b:0000:0000:0000:0000:0000:0002 LEN=64 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=TCP SPT=1024 DPT=80 SEQ=0 ACK=0 WINDOW=65535 RES=0x00 ACK SYN URGP=0 OPT (020405A0) ] `,
  ),
  line(
    'packet too big',
    ip6({}, icmp6({ type: 2, mtu: 1280, data: quoted6 })),
    '',
    `${FROM6}LEN=112 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=2 CODE=0 [SRC=fd00:000a:0000:0000:0000:0000:0000:0002 DST=fd00:000b:0000:0000:0000:0000:0000:0002 LEN=64 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=TCP SPT=1024 DPT=80 WINDOW=65535 RES=0x00 ACK SYN URGP=0 ] MTU=1280 `,
  ),
  line(
    'time exceeded',
    ip6({}, icmp6({ type: 3, data: ip6({}, udp()) })),
    '',
    `${FROM6}LEN=96 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=3 CODE=0 [SRC=fd00:000a:0000:0000:0000:0000:0000:0002 DST=fd00:000b:0000:0000:0000:0000:0000:0002 LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=UDP SPT=1024 DPT=53 LEN=8 ] `,
  ),
  line(
    'a parameter problem',
    ip6({}, icmp6({ type: 4, code: 1, pointer: 40, data: quoted6 })),
    '',
    `${FROM6}LEN=112 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=4 CODE=1 POINTER=00000028 [SRC=fd00:000a:0000:0000:0000:0000:0000:0002 DST=fd00:000b:0000:0000:0000:0000:0000:0002 LEN=64 TC=0 HOPLIMIT=63 FLOWLBL=0 PROTO=TCP SPT=1024 DPT=80 WINDOW=65535 RES=0x00 ACK SYN URGP=0 ] `,
  ),
  line(
    'an error in an error',
    ip6({}, icmp6({ type: 1, data: ip6({}, icmp6({ type: 3, data: quoted6 })) })),
    '',
    `${FROM6}LEN=160 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=1 CODE=0 [SRC=fd00:000a:0000:0000:0000:0000:0000:0002 DST=fd00:000b:0000:0000:0000:0000:0000:0002 LEN=112 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=3 CODE=0 ] `,
  ),
  line(
    'an error without a whole quote',
    ip6({}, icmp6({ type: 1, data: 39 })),
    '',
    `${FROM6}LEN=87 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=1 CODE=0 [TRUNCATED] `,
  ),
  line(
    'neighbour solicitation',
    ip6({}, icmp6({ type: 135, data: 16 })),
    '',
    `${FROM6}LEN=64 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 TYPE=135 CODE=0 `,
  ),
  line(
    'an ICMPv6 header cut short',
    ip6({}, raw(58, 7)),
    '',
    `${FROM6}LEN=47 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=ICMPv6 INCOMPLETE [7 bytes] `,
  ),
  line(
    'a mobility header is a protocol',
    ip6({}, mobility({ type: 1 })),
    '',
    `${FROM6}LEN=48 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=135 `,
  ),
  line('no next header is a protocol', ip6({}, raw(59, 4)), '', `${FROM6}LEN=44 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=59 `),
  line(
    'a TCP header cut short',
    ip6({}, raw(6, 19)),
    '',
    `${FROM6}LEN=59 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=TCP INCOMPLETE [19 bytes] `,
  ),
  line(
    'a UDP header cut short',
    ip6({}, destinationOptions(), raw(17, 7)),
    ALL,
    `${FROM6}LEN=55 TC=0 HOPLIMIT=64 FLOWLBL=0 OPT ( ) PROTO=UDP INCOMPLETE [7 bytes] `,
  ),
];

/** So many headers that the line does not fit into the kernel's buffer. */
const long: readonly EffectRow[] = [
  line(
    'a line that is too long is cut',
    ip6({}, ...Array.from({ length: 150 }, () => destinationOptions()), udp({ data: concat(Uint8Array.of(1)) })),
    '--log-ip-options --log-prefix long',
    `long${FROM6}LEN=1249 TC=0 HOPLIMIT=64 FLOWLBL=0 ${'OPT ( ) '.repeat(108)}OP`,
  ),
];

const ours: readonly EffectRow[] = [
  {
    shows: 'the link header, octet by octet',
    options: '',
    packet: ip4({}, raw(99, 0)),
    answer: {
      logged: [
        'IN=tunA OUT=tunB MAC=02:00:00:00:00:01:02:00:00:00:00:02:08:00 SRC=10.0.1.2 DST=10.0.2.2 LEN=20 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=99 ',
      ],
    },
    set: (pkt) => {
      pkt.linkHeader = Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0);
    },
    oursOnly: 'an Ethernet header',
  },
  {
    shows: 'the link header, field by field; who sent it; the mark',
    options: '--log-macdecode --log-uid',
    packet: ip6({}, raw(99, 0)),
    answer: {
      logged: [
        'IN=tunA OUT=tunB MACSRC=02:00:00:00:00:02 MACDST=02:00:00:00:00:01 MACPROTO=86dd SRC=fd00:000a:0000:0000:0000:0000:0000:0002 DST=fd00:000b:0000:0000:0000:0000:0000:0002 LEN=40 TC=0 HOPLIMIT=64 FLOWLBL=0 PROTO=99 UID=1000 GID=100 MARK=0xff ',
      ],
    },
    set: (pkt) => {
      pkt.linkHeader = Uint8Array.of(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd);
      pkt.owner = { uid: 1000, gid: 100 };
      pkt.mark = 255;
    },
    oursOnly: 'an Ethernet header',
  },
  {
    shows: 'a packet of our own has no link header to show',
    options: '',
    packet: ip4({}, raw(99, 0)),
    answer: {
      logged: ['IN= OUT=tunB SRC=10.0.1.2 DST=10.0.2.2 LEN=20 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=99 '],
    },
    set: (pkt) => {
      pkt.inDevice = '';
    },
    oursOnly: 'OUTPUT',
  },
  {
    shows: 'the ports of a bridge, where they are not the devices themselves',
    options: '',
    packet: ip4({}, raw(99, 0)),
    answer: {
      logged: [
        'IN=br0 OUT=br0 PHYSIN=eth0 PHYSOUT=eth1 MAC= SRC=10.0.1.2 DST=10.0.2.2 LEN=20 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=99 ',
      ],
    },
    set: (pkt) => {
      pkt.inDevice = pkt.outDevice = 'br0';
      pkt.physIn = 'eth0';
      pkt.physOut = 'eth1';
    },
    oursOnly: 'a bridge',
  },
];

export const log: Effects = { target: LOG, table: 'filter', rows: [...ipv4, ...ipv6, ...long, ...ours] };
