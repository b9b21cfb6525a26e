// SCTP as the tracker sees it; all rows were confirmed by a 6.18 kernel (test/kernel/conntrack.test.ts asks again).
//
// A packet in words: `TAG: CHUNK, CHUNK`, where a chunk is its name, with `=TAG` the tag that an INIT or INIT-ACK offers, `/T` the T bit.

import * as build from '../../packet/build.ts';
import { type Made, ORIGINATOR, RESPONDER, type Row, type Trace } from './player.ts';

const TYPES: Readonly<Record<string, number>> = {
  DATA: 0,
  INIT: 1,
  'INIT-ACK': 2,
  SACK: 3,
  HEARTBEAT: 4,
  'HEARTBEAT-ACK': 5,
  ABORT: 6,
  SHUTDOWN: 7,
  'SHUTDOWN-ACK': 8,
  ERROR: 9,
  'COOKIE-ECHO': 10,
  'COOKIE-ACK': 11,
  'SHUTDOWN-COMPLETE': 14,
  ASCONF: 193,
};

export function sctpPacket(direction: '>' | '<', words: string): Made {
  const [tag, chunks] = words.split(': ');
  const [from, to] = direction === '>' ? [ORIGINATOR, RESPONDER] : [RESPONDER, ORIGINATOR];
  const layer = build.sctp({
    sport: from.port,
    dport: to.port,
    tag: Number(tag),
    chunks: chunks === '' ? [] : chunks.split(', ').map(chunk),
  });
  return {
    name: words,
    octets: (family) => build.ip(family, { src: from.address[family], dst: to.address[family] }, layer),
  };
}

function chunk(word: string): build.SctpChunk {
  const [, name, offered, reflected] = /^([A-Z-]+)(?:=(\d+))?(\/T)?$/.exec(word) ?? [];
  if (!(name in TYPES)) throw new RangeError(`no such chunk: ${word}`);
  const body = Uint8Array.of(0, 0, 0, Number(offered), 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1);
  return { type: TYPES[name], flags: reflected ? 1 : 0, data: offered ? body : 8 };
}

const row = (time: number, direction: '>' | '<', words: string, ctstate: string, entry: string, why?: string): Row => [
  time,
  direction,
  sctpPacket(direction, words),
  ctstate,
  entry,
  why,
];

/** The originator must use tag 20, the responder 10. */
const opened: readonly Row[] = [
  row(0, '>', '0: INIT=10', 'NEW', 'CLOSED 10 unreplied'),
  row(1, '<', '10: INIT-ACK=20', 'ESTABLISHED', 'COOKIE_WAIT 3'),
  row(2, '>', '20: COOKIE-ECHO, DATA', 'ESTABLISHED', 'COOKIE_ECHOED 3'),
  row(3, '<', '10: COOKIE-ACK', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
];

const openers: Record<string, string> = {
  '0: INIT=10': 'CLOSED 10 unreplied',
  '5: HEARTBEAT': 'HEARTBEAT_SENT 30 unreplied',
  '5: HEARTBEAT-ACK': 'CLOSED 10 unreplied',
  '5: SHUTDOWN-ACK': 'SHUTDOWN_ACK_SENT 3 unreplied',
};

const never = [
  '5: INIT=10',
  '5: INIT-ACK=20',
  '5: DATA',
  '5: SACK',
  '5: ABORT',
  '5: SHUTDOWN',
  '5: ERROR',
  '5: COOKIE-ECHO',
  '5: COOKIE-ACK',
  '5: SHUTDOWN-COMPLETE',
  '5: ASCONF',
  '0: ',
  '0: INIT=10, DATA',
  '0: DATA, INIT=10',
];

export const sctpTraces: readonly Trace[] = [
  ...Object.entries(openers).map(
    ([words, entry]): Trace => ({
      name: `${words} opens`,
      rows: [row(0, '>', words, 'NEW', entry)],
    }),
  ),
  ...never.map((words): Trace => ({ name: `${words} opens nothing`, rows: [row(0, '>', words, 'INVALID', '-')] })),
  {
    name: 'SCTP: open, talk, close',
    rows: [
      ...opened,
      row(4, '>', '20: DATA', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
      row(5, '<', '10: SACK', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
      row(6, '>', '20: SHUTDOWN', 'ESTABLISHED', 'SHUTDOWN_SENT 3 assured'),
      row(7, '<', '10: SHUTDOWN-ACK', 'ESTABLISHED', 'SHUTDOWN_ACK_SENT 3 assured'),
      row(8, '>', '20: SHUTDOWN-COMPLETE', 'ESTABLISHED', 'CLOSED 10 assured'),
    ],
  },
  {
    name: 'SCTP: closed by the responder',
    rows: [
      ...opened,
      row(4, '<', '10: SHUTDOWN', 'ESTABLISHED', 'SHUTDOWN_RECD 3 assured'),
      row(5, '>', '20: SHUTDOWN-ACK', 'ESTABLISHED', 'SHUTDOWN_ACK_SENT 3 assured'),
      row(6, '<', '20: SHUTDOWN-COMPLETE/T', 'ESTABLISHED', 'CLOSED 10 assured'),
    ],
  },
  {
    name: 'SCTP: tags',
    rows: [
      ...opened,
      row(4, '>', '10: DATA', 'INVALID', 'ESTABLISHED 210 assured'),
      row(5, '<', '20: SACK', 'INVALID', 'ESTABLISHED 210 assured'),
      row(6, '>', '10: ABORT', 'INVALID', 'ESTABLISHED 210 assured'),
      row(7, '>', '10: ABORT/T', 'ESTABLISHED', 'CLOSED 10 assured', "the other side's tag, reflected"),
    ],
  },
  {
    name: 'SCTP: aborted',
    rows: [...opened, row(4, '<', '10: ABORT', 'ESTABLISHED', 'CLOSED 10 assured')],
  },
  {
    name: 'SCTP: the port is closed',
    rows: [
      row(0, '>', '0: INIT=10', 'NEW', 'CLOSED 10 unreplied'),
      row(1, '<', '10: ABORT/T', 'INVALID', 'CLOSED 10 unreplied', 'nobody has a tag of the other side yet'),
      row(2, '<', '10: ABORT', 'ESTABLISHED', 'CLOSED 10'),
    ],
  },
  {
    name: 'SCTP: an INIT sent again does not prolong',
    kernel: 'sleeping',
    rows: [
      row(0, '>', '0: INIT=10', 'NEW', 'CLOSED 10 unreplied'),
      row(2_000, '>', '0: INIT=10', 'NEW', 'CLOSED 8 unreplied'),
    ],
  },
  {
    name: 'SCTP: both open at once',
    rows: [
      row(0, '>', '0: INIT=10', 'NEW', 'CLOSED 10 unreplied'),
      row(1, '<', '0: INIT=20', 'ESTABLISHED', 'CLOSED 10'),
      row(2, '>', '20: INIT-ACK=11', 'INVALID', 'CLOSED 10', 'a collision must end in the same tags'),
      row(3, '<', '10: INIT-ACK=20', 'ESTABLISHED', 'COOKIE_WAIT 3'),
    ],
  },
  {
    name: 'SCTP: another path, opened by a heartbeat',
    rows: [
      row(0, '>', '5: HEARTBEAT', 'NEW', 'HEARTBEAT_SENT 30 unreplied'),
      row(1, '<', '6: DATA', 'INVALID', 'HEARTBEAT_SENT 30 unreplied'),
      row(2, '<', '6: HEARTBEAT-ACK', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
      row(3, '<', '6: DATA', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
      row(4, '>', '5: DATA', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
    ],
  },
  {
    name: 'SCTP: a heartbeat with a strange tag is forgiven, and its answer sets the tag',
    kernel: 'sleeping',
    rows: [
      ...opened,
      row(2_000, '>', '99: HEARTBEAT', 'ESTABLISHED', 'ESTABLISHED 208 assured'),
      row(2_001, '<', '98: HEARTBEAT-ACK', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
      row(2_002, '<', '10: DATA', 'INVALID', 'ESTABLISHED 210 assured'),
      row(2_003, '<', '98: DATA', 'ESTABLISHED', 'ESTABLISHED 210 assured'),
    ],
  },
  {
    name: 'SCTP: a heartbeat with a strange tag may carry no data',
    rows: [...opened, row(4, '>', '99: HEARTBEAT, DATA', 'INVALID', 'ESTABLISHED 210 assured')],
  },
  {
    name: 'SCTP: a stale cookie',
    rows: [...opened.slice(0, 3), row(3, '<', '10: ERROR', 'ESTABLISHED', 'CLOSED 10')],
  },
  {
    name: 'SCTP: a wrong checksum',
    rows: [
      [
        0,
        '>',
        { name: 'bad', octets: (family) => build.ip(family, {}, build.sctp({ badChecksum: true })) },
        'INVALID',
        '-',
      ],
    ],
  },
];
