// TCP as the tracker sees it. All rows were confirmed by a 6.18 kernel (test/kernel/conntrack.test.ts asks again).

import * as build from '../../packet/build.ts';
import { type Made, ORIGINATOR, RESPONDER, type Row, type Trace } from './player.ts';

const handshake: readonly Row[] = [
  [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
  [1, '<', 'SA 500 ack 101', 'ESTABLISHED', 'SYN_RECV 60'],
  [2, '>', 'A 101 ack 501', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
];

/** Both sides can do SACK and scale by 2^7. */
const modern: readonly Row[] = [
  [0, '>', 'S 100 <wscale 7,sackOK>', 'NEW', 'SYN_SENT 120 unreplied'],
  [1, '<', 'SA 500 ack 101 <wscale 7,sackOK>', 'ESTABLISHED', 'SYN_RECV 60'],
  [2, '>', 'A 101 ack 501 win 512', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
];

const ILLEGAL = ['none', 'F', 'SF', 'SR', 'SAU', 'RU', 'U', 'P', 'FPU', 'FS', 'SAF', 'FSRPAU'];
const LEGAL = ['S', 'SU', 'SP', 'SEC', 'SPUEC'];

/** A SYN whose header ends where it should not: of `length` octets in all, its data offset in words. */
const headerOf = (length: number, offset: number): Made => ({
  name: `${length} octets, data offset ${offset}`,
  octets(family) {
    const ends = { src: ORIGINATOR.address[family], dst: RESPONDER.address[family] };
    const fields = { sport: ORIGINATOR.port, dport: RESPONDER.port, flags: 'S', headerLength: offset * 4, data: 8 };
    return build.ip(family, ends, build.raw(6, build.ip(family, ends, build.tcp(fields)).slice(-28).slice(0, length)));
  },
});

const openings: Trace[] = [
  ...[
    [28, 4],
    [28, 0],
    [28, 8],
    [19, 5],
    [8, 5],
  ].map(
    ([length, offset]): Trace => ({
      name: `a header of ${offset} words in ${length} octets`,
      sysctls: { 'net.netfilter.nf_conntrack_checksum': 0 },
      rows: [[0, '>', headerOf(length, offset), 'INVALID', '-']],
    }),
  ),
  {
    name: 'a header of 7 words in 28 octets: options',
    sysctls: { 'net.netfilter.nf_conntrack_checksum': 0 },
    rows: [[0, '>', headerOf(28, 7), 'NEW', 'SYN_SENT 120 unreplied']],
  },
  ...ILLEGAL.map(
    (flags): Trace => ({
      name: `flags ${flags} open nothing`,
      rows: [[0, '>', `${flags} 100`, 'INVALID', '-']],
    }),
  ),
  ...LEGAL.map(
    (flags): Trace => ({
      name: `flags ${flags} open`,
      rows: [[0, '>', `${flags} 100`, 'NEW', 'SYN_SENT 120 unreplied']],
    }),
  ),
  ...['FA', 'FAU', 'SA', 'R', 'RA'].map(
    (flags): Trace => ({
      name: `flags ${flags} are legal, but do not open`,
      rows: [[0, '>', `${flags} 100 ack 1`, 'INVALID', '-']],
    }),
  ),
  {
    name: 'flags that do not go together are not part of a connection either',
    rows: [...handshake, [3, '>', 'FU 101', 'INVALID', 'ESTABLISHED 432000 assured']],
  },
  { name: 'a wrong checksum', rows: [[0, '>', 'S 100 bad', 'INVALID', '-']] },
  {
    name: 'a wrong checksum that nobody looks at',
    sysctls: { 'net.netfilter.nf_conntrack_checksum': 0 },
    rows: [[0, '>', 'S 100 bad', 'NEW', 'SYN_SENT 120 unreplied']],
  },
  {
    name: 'a SYN sent again does not prolong',
    kernel: 'sleeping',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [3_000, '>', 'S 100', 'NEW', 'SYN_SENT 117 unreplied'],
    ],
  },
  {
    name: 'a SYN/ACK of another incarnation',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'SA 500 ack 777', 'INVALID', 'SYN_SENT 120 unreplied'],
      [2, '<', 'SA 500 ack 101', 'ESTABLISHED', 'SYN_RECV 60'],
    ],
  },
  {
    name: 'a SYN with another number opens anew on the same entry',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '>', 'S 9000', 'NEW', 'SYN_SENT 120 unreplied'],
      [2, '<', 'SA 500 ack 9001', 'ESTABLISHED', 'SYN_RECV 60'],
    ],
  },
  {
    name: 'both open at once',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'S 500', 'ESTABLISHED', 'SYN_SENT2 120'],
      [2, '>', 'SA 100 ack 501', 'ESTABLISHED', 'SYN_RECV 60'],
      [3, '<', 'SA 500 ack 101', 'ESTABLISHED', 'SYN_RECV 60'],
      [4, '<', 'A 501 ack 101', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'picked up in the middle: both sides seen twice make it assured',
    rows: [
      [0, '>', 'PA 100+10 ack 500', 'NEW', 'ESTABLISHED 300 unreplied'],
      [1, '<', 'A 500 ack 110', 'ESTABLISHED', 'ESTABLISHED 300'],
      [2, '>', 'A 110 ack 500', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [3, '<', 'A 999999 ack 888888', 'ESTABLISHED', 'ESTABLISHED 432000 assured', 'windows unknown: liberal'],
    ],
  },
  {
    name: 'not picked up where that is not wanted',
    sysctls: { 'net.netfilter.nf_conntrack_tcp_loose': 0 },
    rows: [[0, '>', 'A 100 ack 500', 'INVALID', '-']],
  },
];

const closings: Trace[] = [
  {
    name: 'open, talk, close',
    rows: [
      ...handshake,
      [3, '>', 'PA 101+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured', 'data unacknowledged'],
      [4, '<', 'A 501 ack 111', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [5, '>', 'FA 111 ack 501', 'ESTABLISHED', 'FIN_WAIT 120 assured'],
      [6, '<', 'A 501 ack 112', 'ESTABLISHED', 'CLOSE_WAIT 60 assured'],
      [7, '<', 'FA 501 ack 112', 'ESTABLISHED', 'LAST_ACK 30 assured'],
      [8, '>', 'A 112 ack 502', 'ESTABLISHED', 'TIME_WAIT 120 assured'],
    ],
  },
  {
    name: 'opened again from TIME_WAIT, by the other side',
    rows: [
      ...handshake,
      [3, '>', 'FA 101 ack 501', 'ESTABLISHED', 'FIN_WAIT 120 assured'],
      [4, '<', 'FA 501 ack 102', 'ESTABLISHED', 'LAST_ACK 30 assured'],
      [5, '>', 'A 102 ack 502', 'ESTABLISHED', 'TIME_WAIT 120 assured'],
      [6, '<', 'S 7000', 'NEW', 'SYN_SENT 120 unreplied'],
      [7, '>', 'SA 900 ack 7001', 'ESTABLISHED', 'SYN_RECV 60'],
    ],
  },
  {
    name: 'a SYN after the reset of the other side belongs to the old entry, until a SYN/ACK fits it',
    rows: [
      ...handshake,
      [3, '<', 'R 501', 'ESTABLISHED', 'CLOSE 10 assured'],
      [4, '>', 'S 9000', 'ESTABLISHED', 'CLOSE 10 assured'],
      [5, '<', 'SA 7000 ack 9001', 'ESTABLISHED', 'SYN_RECV 60 assured'],
      [6, '>', 'A 9001 ack 7001', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'a SYN in the middle is let through, and believed when the SYN/ACK fits it',
    rows: [
      ...modern,
      [3, '>', 'S 9000 <wscale 3>', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [4, '<', 'SA 7000 ack 8999', 'ESTABLISHED', 'ESTABLISHED 432000 assured', 'of something else'],
      [5, '>', 'S 9000 <wscale 3>', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [6, '<', 'SA 7000 ack 9001', 'ESTABLISHED', 'SYN_RECV 60 assured'],
      [7, '>', 'A 9001 ack 7001', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [8, '<', 'A 501 ack 9001 win 10', 'ESTABLISHED', 'ESTABLISHED 432000 assured', 'old, but not far behind'],
      [9, '<', 'A 7001 ack 101', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'a challenge ACK in LAST_ACK is not the last one',
    rows: [
      ...handshake,
      [3, '<', 'FA 501 ack 101', 'ESTABLISHED', 'FIN_WAIT 120 assured'],
      [4, '>', 'FA 101 ack 502', 'ESTABLISHED', 'LAST_ACK 30 assured'],
      [5, '>', 'S 9000', 'ESTABLISHED', 'LAST_ACK 30 assured'],
      [6, '<', 'A 502 ack 102', 'ESTABLISHED', 'LAST_ACK 30 assured', 'RFC 5961 4'],
      [7, '<', 'A 502 ack 102', 'ESTABLISHED', 'TIME_WAIT 120 assured'],
    ],
  },
];

const resets: Trace[] = [
  {
    name: 'the port is closed: the reset ends the entry, and is part of it',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'RA 0 ack 101', 'ESTABLISHED', '-'],
    ],
  },
  {
    name: 'a reset with a wrong acknowledgment says nothing',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'RA 0 ack 777', 'INVALID', 'SYN_SENT 120 unreplied'],
    ],
  },
  {
    name: 'given up by the originator',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '>', 'R 101', 'NEW', '-'],
    ],
  },
  {
    name: 'a reset in answer to a challenge ACK',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'A 7000 ack 8000', 'ESTABLISHED', 'SYN_SENT 120', 'the other end still has an old connection'],
      [2, '>', 'R 8000', 'ESTABLISHED', 'CLOSE 10'],
    ],
  },
  {
    name: 'a number of 0 while the connection opens: the window judges',
    rows: [...handshake.slice(0, 2), [2, '>', 'R 0', 'ESTABLISHED', 'CLOSE 10']],
  },
  {
    name: 'in answer to an ACK, of a connection that is not assured: whatever its number',
    rows: [
      [0, '>', 'PA 100+10 ack 500', 'NEW', 'ESTABLISHED 300 unreplied'],
      [1, '<', 'RA 7777 ack 110', 'ESTABLISHED', '-'],
    ],
  },
  {
    name: 'while the connection opens it need not be exact',
    rows: [...handshake.slice(0, 2), [2, '>', 'R 111', 'ESTABLISHED', 'CLOSE 10']],
  },
  { name: 'exact', rows: [...handshake, [3, '<', 'R 501', 'ESTABLISHED', 'CLOSE 10 assured']] },
  {
    name: 'in the window, but not exact: the receiver may ask back',
    rows: [...handshake, [3, '<', 'R 600', 'ESTABLISHED', 'ESTABLISHED 10 assured']],
  },
  {
    name: 'before what was acknowledged',
    rows: [...handshake, [3, '<', 'R 500', 'INVALID', 'ESTABLISHED 432000 assured']],
  },
  {
    name: 'before what was acknowledged, and taken all the same',
    sysctls: { 'net.netfilter.nf_conntrack_tcp_ignore_invalid_rst': 1 },
    rows: [...handshake, [3, '<', 'R 500', 'ESTABLISHED', 'ESTABLISHED 10 assured']],
  },
  {
    name: 'beyond the window',
    rows: [...handshake, [3, '<', 'R 900000', 'INVALID', 'ESTABLISHED 432000 assured']],
  },
  {
    name: 'right behind its own data that nobody acknowledged yet',
    rows: [
      ...handshake,
      [3, '<', 'PA 501+19 ack 101', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [4, '<', 'RA 520 ack 101', 'ESTABLISHED', 'CLOSE 10 assured'],
    ],
  },
  {
    name: 'in answer to a SYN that was let through',
    rows: [
      ...handshake,
      [3, '>', 'S 9000', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [4, '<', 'RA 0 ack 9001', 'ESTABLISHED', 'CLOSE 10 assured'],
    ],
  },
  {
    name: 'of the closing, whatever its number',
    rows: [
      ...handshake,
      [3, '>', 'FA 101 ack 501', 'ESTABLISHED', 'FIN_WAIT 120 assured'],
      [4, '<', 'R 3000000', 'ESTABLISHED', 'CLOSE 10 assured'],
    ],
  },
  {
    name: 'FIN and RST outside the window from both sides shorten the life',
    rows: [
      ...handshake,
      [3, '>', 'FA 900000 ack 501', 'INVALID', 'ESTABLISHED 432000 assured'],
      [4, '<', 'R 900000', 'INVALID', 'ESTABLISHED 300 assured'],
    ],
  },
];

const windows: Trace[] = [
  {
    name: 'data up to a window beyond the window is let through, more is not',
    rows: [
      ...handshake,
      [3, '>', 'A 65636+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured', 'the last octet of the window'],
      [4, '>', 'A 65637+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [5, '>', 'A 131161+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured', 'overshot by the whole window'],
      [6, '>', 'A 131172+10 ack 501', 'INVALID', 'ESTABLISHED 300 assured'],
    ],
  },
  {
    name: 'data on the left of the window is let through and does not prolong',
    rows: [
      ...handshake,
      [3, '<', 'A 501+100 ack 101', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [4, '>', 'A 101 ack 601', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [5, '<', 'PA 4294900000+1 ack 101', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'an acknowledgment of what was not sent',
    rows: [
      ...handshake,
      [3, '<', 'A 501 ack 102', 'INVALID', 'ESTABLISHED 432000 assured'],
      [4, '>', 'A 101 ack 502', 'INVALID', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'a late acknowledgment is let through, a very late one too',
    rows: [
      ...handshake,
      [3, '>', 'A 101+100 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [4, '<', 'A 501 ack 201', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [5, '<', 'A 501 ack 101', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [6, '<', 'A 501 ack 4294800000', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'scaled windows',
    rows: [
      ...modern,
      [3, '<', 'A 65900+10 ack 101', 'ESTABLISHED', 'ESTABLISHED 300 assured', '512 << 7'],
      [4, '<', 'A 131600+10 ack 101', 'INVALID', 'ESTABLISHED 300 assured'],
    ],
  },
  {
    name: 'one side alone cannot scale',
    rows: [
      [0, '>', 'S 100 <wscale 7>', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'SA 500 ack 101', 'ESTABLISHED', 'SYN_RECV 60'],
      [2, '>', 'A 101 ack 501 win 512', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [3, '<', 'A 140000+10 ack 101', 'INVALID', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'a scale above 14 counts as 14',
    rows: [
      [0, '>', 'S 100 <wscale 200>', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'SA 500 ack 101 <wscale 0>', 'ESTABLISHED', 'SYN_RECV 60'],
      [2, '>', 'A 101 ack 501 win 4', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [3, '<', 'A 66000+10 ack 101', 'ESTABLISHED', 'ESTABLISHED 300 assured', '4 << 14'],
      [4, '<', 'A 140000+10 ack 101', 'INVALID', 'ESTABLISHED 300 assured'],
    ],
  },
  {
    name: 'a selective acknowledgment of what was not sent',
    rows: [
      ...modern,
      [3, '<', 'A 501 ack 101 <sack 200-300>', 'INVALID', 'ESTABLISHED 432000 assured'],
      [4, '>', 'A 101+300 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [5, '<', 'A 501 ack 101 <sack 200-300>', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
    ],
  },
  {
    name: 'blocks of one who never agreed to them are not read',
    rows: [...handshake, [3, '<', 'A 501 ack 101 <sack 200-300>', 'ESTABLISHED', 'ESTABLISHED 432000 assured']],
  },
  {
    name: 'everything passes where we are liberal',
    sysctls: { 'net.netfilter.nf_conntrack_tcp_be_liberal': 1 },
    rows: [
      ...handshake,
      [3, '<', 'A 900000 ack 800000', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [4, '>', 'FA 700000 ack 600000', 'ESTABLISHED', 'FIN_WAIT 120 assured'],
    ],
  },
  {
    name: 'a closed window',
    rows: [
      ...handshake,
      [3, '<', 'A 501 ack 101 win 0', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [4, '>', 'A 101+1 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured', 'a probe'],
      [5, '<', 'A 501 ack 102', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'the same segment four times',
    sysctls: { 'net.netfilter.nf_conntrack_tcp_timeout_max_retrans': 200 },
    rows: [
      ...handshake,
      [3, '>', 'PA 101+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [4, '>', 'PA 101+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [5, '>', 'PA 101+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [6, '>', 'PA 101+10 ack 501', 'ESTABLISHED', 'ESTABLISHED 200 assured'],
      [7, '<', 'A 501 ack 111', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'a SYN/ACK with a higher number does not begin anew once the first one was seen',
    rows: [
      ...handshake.slice(0, 2),
      [2, '<', 'SA 900 ack 101', 'ESTABLISHED', 'SYN_RECV 60', 'ignored'],
      [3, '>', 'A 101 ack 901', 'INVALID', 'SYN_RECV 60'],
      [4, '>', 'A 101 ack 501', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'a probe of a window that was never open',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'SA 500 ack 101 win 0', 'ESTABLISHED', 'SYN_RECV 60'],
      [2, '>', 'A 101+1 ack 501', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
    ],
  },
  {
    name: 'a keep-alive and its answer',
    rows: [
      ...handshake,
      [3, '>', 'A 100 ack 501', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [4, '<', 'A 501 ack 101', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
  {
    name: 'numbers that come round',
    rows: [
      [0, '>', 'S 4294967290', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'SA 4294967295 ack 4294967291', 'ESTABLISHED', 'SYN_RECV 60'],
      [2, '>', 'A 4294967291 ack 0', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [3, '>', 'PA 4294967291+100 ack 0', 'ESTABLISHED', 'ESTABLISHED 300 assured'],
      [4, '<', 'A 0 ack 95', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
    ],
  },
];

const times: Trace[] = [
  {
    name: 'an entry whose time is over is not found, and a new one takes its place',
    kernel: 'never',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [119_999, '>', 'S 100', 'NEW', 'SYN_SENT 0 unreplied'],
      [120_000, '<', 'SA 500 ack 101', 'INVALID', '-'],
      [120_001, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
    ],
  },
  {
    name: 'five days of silence',
    kernel: 'never',
    rows: [
      ...handshake,
      [432_000_001, '>', 'A 101 ack 501', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
      [864_000_001, '<', 'A 501 ack 101', 'NEW', 'ESTABLISHED 300 unreplied', 'picked up, the other way round'],
    ],
  },
  {
    name: 'timeouts of one second',
    kernel: 'sleeping',
    sysctls: { 'net.netfilter.nf_conntrack_tcp_timeout_syn_sent': 1 },
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 1 unreplied'],
      [1_300, '<', 'SA 500 ack 101', 'INVALID', '-'],
    ],
  },
];

export const tcpTraces: readonly Trace[] = [...openings, ...closings, ...resets, ...windows, ...times];
