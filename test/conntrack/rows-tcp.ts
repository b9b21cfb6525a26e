// TCP as the tracker sees it: rows that the kernel was asked too.

import type { Row, Trace } from './player.ts';

const handshake: readonly Row[] = [
  [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
  [1, '<', 'SA 500 ack 101', 'ESTABLISHED', 'SYN_RECV 60'],
  [2, '>', 'A 101 ack 501', 'ESTABLISHED', 'ESTABLISHED 432000 assured'],
];

export const tcpTraces: readonly Trace[] = [
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
    name: 'the port is closed: the reset ends the entry, and is part of it',
    rows: [
      [0, '>', 'S 100', 'NEW', 'SYN_SENT 120 unreplied'],
      [1, '<', 'RA 0 ack 101', 'ESTABLISHED', '-'],
    ],
  },
];
