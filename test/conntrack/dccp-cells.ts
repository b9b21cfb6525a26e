// DCCP as the tracker sees it with `sekisho.conntrack_dccp` on: every cell of the state table, and what the table does not say. No kernel at hand
// has this tracker any more (6.16 took it out): these rows are the table of 6.12 as conntrack-facts and RFC 4340 have it, not the
// kernel's word. Without the setting DCCP has addresses only; that is confirmed (rows-flows.ts, protocol 33).
//
// A packet in words: type, sequence number, acknowledgment: `RESPONSE 500 100`.

import * as build from '../../packet/build.ts';
import { type Made, ORIGINATOR, RESPONDER, type Row, type Trace } from './player.ts';

const TYPES = ['REQUEST', 'RESPONSE', 'DATA', 'ACK', 'DATAACK', 'CLOSEREQ', 'CLOSE', 'RESET', 'SYNC', 'SYNCACK'];

const sysctls = { 'sekisho.conntrack_dccp': 1 };

function packet(direction: '>' | '<', words: string, fields: build.DccpFields = {}): Made {
  const [type, seq, ack] = words.split(' ');
  const [from, to] = direction === '>' ? [ORIGINATOR, RESPONDER] : [RESPONDER, ORIGINATOR];
  const layer = build.dccp({
    sport: from.port,
    dport: to.port,
    type: TYPES.indexOf(type),
    seq: Number(seq),
    ack: Number(ack ?? 0),
    data: 8,
    ...fields,
  });
  return {
    name: words,
    octets: (family) => build.ip(family, { src: from.address[family], dst: to.address[family] }, layer),
  };
}

const row = (time: number, direction: '>' | '<', words: string, ctstate: string, entry: string, why?: string): Row => [
  time,
  direction,
  packet(direction, words),
  ctstate,
  entry,
  why,
];

/** Beyond 32 bits, as sequence numbers are. */
const SERVER_SEQ = 0x1234_5678_9abc;

const steps: readonly (readonly ['>' | '<', string])[] = [
  ['>', 'REQUEST 100'],
  ['<', `RESPONSE ${SERVER_SEQ} 100`],
  ['>', `ACK 101 ${SERVER_SEQ}`],
  ['<', `DATAACK ${SERVER_SEQ + 1} 101`],
];

const WAYS: Readonly<Record<string, readonly (readonly ['>' | '<', string])[]>> = {
  NONE: [],
  REQUEST: steps.slice(0, 1),
  RESPOND: steps.slice(0, 2),
  PARTOPEN: steps.slice(0, 3),
  OPEN: steps,
  CLOSEREQ: [...steps, ['<', 'CLOSEREQ 9 101']],
  CLOSING: [...steps, ['>', 'CLOSE 102 9']],
  TIMEWAIT: [...steps, ['<', 'RESET 9 101']],
};

const CLIENT = `
            REQUEST   RESPONSE  DATA      ACK       DATAACK   CLOSEREQ  CLOSE     RESET     SYNC      SYNCACK
  NONE      REQUEST   INVALID   INVALID   INVALID   INVALID   INVALID   INVALID   INVALID   INVALID   INVALID
  REQUEST   REQUEST   ignored   INVALID   INVALID   INVALID   INVALID   INVALID   gone      ignored   ignored
  RESPOND   RESPOND   ignored   INVALID   PARTOPEN  PARTOPEN  INVALID   INVALID   TIMEWAIT  ignored   ignored
  PARTOPEN  ignored   ignored   INVALID   PARTOPEN  PARTOPEN  INVALID   CLOSING   TIMEWAIT  ignored   ignored
  OPEN      ignored   ignored   OPEN      OPEN      OPEN      INVALID   CLOSING   TIMEWAIT  ignored   ignored
  CLOSEREQ  ignored   ignored   CLOSEREQ  CLOSEREQ  CLOSEREQ  INVALID   CLOSING   TIMEWAIT  ignored   ignored
  CLOSING   ignored   ignored   CLOSING   CLOSING   CLOSING   INVALID   CLOSING   TIMEWAIT  ignored   ignored
  TIMEWAIT  REQUEST   INVALID   INVALID   INVALID   INVALID   INVALID   INVALID   ignored   ignored   ignored
`;

const SERVER = `
            REQUEST   RESPONSE  DATA      ACK       DATAACK   CLOSEREQ  CLOSE     RESET     SYNC      SYNCACK
  REQUEST   ignored   RESPOND   INVALID   INVALID   INVALID   INVALID   INVALID   gone      ignored   ignored
  RESPOND   ignored   RESPOND   INVALID   INVALID   INVALID   INVALID   INVALID   TIMEWAIT  ignored   ignored
  PARTOPEN  ignored   ignored   OPEN      OPEN      OPEN      CLOSEREQ  CLOSING   TIMEWAIT  ignored   ignored
  OPEN      ignored   ignored   OPEN      OPEN      OPEN      CLOSEREQ  CLOSING   TIMEWAIT  ignored   ignored
  CLOSEREQ  ignored   ignored   INVALID   INVALID   INVALID   CLOSEREQ  INVALID   TIMEWAIT  ignored   ignored
  CLOSING   ignored   ignored   CLOSING   CLOSING   CLOSING   CLOSEREQ  CLOSING   TIMEWAIT  ignored   ignored
  TIMEWAIT  REQUEST   INVALID   INVALID   INVALID   INVALID   INVALID   INVALID   ignored   ignored   ignored
`;

const SECONDS: Readonly<Record<string, number>> = {
  REQUEST: 240,
  RESPOND: 480,
  PARTOPEN: 480,
  OPEN: 43_200,
  CLOSEREQ: 64,
  CLOSING: 64,
  TIMEWAIT: 240,
};

/** When the packet of the cell comes, so that one that does not prolong shows. */
const LATER = 5_000;

function cellsOf(direction: '>' | '<', table: string): Trace[] {
  const [types, ...lines] = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([state, ...cells]) => cells.map((cell, index) => trace(direction, state, types[index], cell)));
}

function trace(direction: '>' | '<', state: string, type: string, cell: string): Trace {
  const way = WAYS[state].map(([from, words], index) => row(index, from, words, '', ''));
  const last = row(LATER, direction, `${type} 7777 8888`, ...outcome(direction, state, cell));
  return { name: `DCCP ${state} ${direction} ${type}: ${cell}`, kernel: 'never', sysctls, rows: [...way, last] };
}

function outcome(direction: '>' | '<', state: string, cell: string): [ctstate: string, entry: string] {
  const seenReply = WAYS[state].some(([from]) => from === '<');
  const ctstate = direction === '<' || seenReply ? 'ESTABLISHED' : 'NEW';
  const replied = seenReply || (direction === '<' && cell !== 'INVALID') ? '' : ' unreplied';
  const assured = WAYS[state].length > 2 ? ' assured' : '';
  const untouched = `${state} ${SECONDS[state] - LATER / 1_000}${replied}${assured}`;
  if (cell === 'INVALID') return ['INVALID', state === 'NONE' ? '-' : untouched];
  if (cell === 'ignored') return [ctstate, untouched];
  if (cell === 'gone') return [ctstate, '-'];
  return [ctstate, `${cell} ${SECONDS[cell]}${replied}${assured}`];
}

const INVALID_ALONE: readonly (readonly [name: string, Made])[] = [
  ['a wrong checksum', packet('>', 'REQUEST 1', { badChecksum: true })],
  ['a data offset inside the header', packet('>', 'REQUEST 1', { headerLength: 8 })],
  ['a data offset beyond the packet', packet('>', 'REQUEST 1', { headerLength: 200 })],
  ['a checksum coverage beyond the packet', packet('>', 'REQUEST 1', { coverage: 15 })],
];

export const dccpTraces: readonly Trace[] = [
  ...cellsOf('>', CLIENT),
  ...cellsOf('<', SERVER),
  ...INVALID_ALONE.map(
    ([name, made]): Trace => ({
      name: `DCCP: ${name}`,
      kernel: 'never',
      sysctls,
      rows: [[0, '>', made, 'INVALID', '-']],
    }),
  ),
  {
    name: 'DCCP: a reserved type',
    kernel: 'never',
    sysctls,
    rows: [[0, '>', packet('>', 'REQUEST 1', { type: 10 }), 'INVALID', '-']],
  },
  ...(['REQUEST', 'RESPONSE', 'CLOSEREQ', 'CLOSE', 'RESET', 'SYNC', 'SYNCACK'] as const).map(
    (type): Trace => ({
      name: `DCCP: a ${type} with a short sequence number (RFC 4340 5.1)`,
      kernel: 'never',
      sysctls,
      rows: [
        ...steps.map(([from, words], index) => row(index, from, words, '', '')),
        [10, '>', packet('>', `${type} 1 2`, { short: true }), 'INVALID', 'OPEN 43200 assured'],
      ],
    }),
  ),
  {
    name: 'DCCP: short sequence numbers, once they were agreed on',
    kernel: 'never',
    sysctls,
    rows: [
      row(0, '>', 'REQUEST 100', 'NEW', 'REQUEST 240 unreplied'),
      row(1, '<', `RESPONSE ${SERVER_SEQ} 100`, 'ESTABLISHED', 'RESPOND 480'),
      [2, '>', packet('>', `ACK 101 ${SERVER_SEQ}`, { short: true, data: 0 }), 'ESTABLISHED', 'PARTOPEN 480 assured'],
      [3, '<', packet('<', `DATA ${SERVER_SEQ + 1}`, { short: true, data: 0 }), 'ESTABLISHED', 'OPEN 43200 assured'],
      [4, '>', packet('>', 'DATAACK 102 7', { short: true }), 'ESTABLISHED', 'OPEN 43200 assured'],
    ],
  },
  {
    name: 'DCCP: an acknowledgment of another RESPONSE opens, but assures nothing',
    kernel: 'never',
    sysctls,
    rows: [
      row(0, '>', 'REQUEST 100', 'NEW', 'REQUEST 240 unreplied'),
      row(1, '<', `RESPONSE ${SERVER_SEQ} 100`, 'ESTABLISHED', 'RESPOND 480'),
      row(2, '>', `ACK 101 ${SERVER_SEQ - 2 ** 32}`, 'ESTABLISHED', 'PARTOPEN 480', 'the low 32 bits are right'),
      row(3, '>', `ACK 102 ${SERVER_SEQ}`, 'ESTABLISHED', 'PARTOPEN 480', 'too late'),
    ],
  },
  {
    name: 'DCCP: a DATAACK opens, but assures nothing',
    kernel: 'never',
    sysctls,
    rows: [
      row(0, '>', 'REQUEST 100', 'NEW', 'REQUEST 240 unreplied'),
      row(1, '<', `RESPONSE ${SERVER_SEQ} 100`, 'ESTABLISHED', 'RESPOND 480'),
      row(2, '>', `DATAACK 101 ${SERVER_SEQ}`, 'ESTABLISHED', 'PARTOPEN 480'),
    ],
  },
  {
    name: 'DCCP: a REQUEST after the end, from the other side: the roles turn round',
    kernel: 'never',
    sysctls,
    rows: [
      ...WAYS.TIMEWAIT.map(([from, words], index) => row(index, from, words, '', '')),
      row(10, '<', 'REQUEST 700', 'ESTABLISHED', 'REQUEST 240 assured'),
      row(11, '>', 'RESPONSE 800 700', 'ESTABLISHED', 'RESPOND 480 assured'),
      row(12, '<', 'ACK 701 800', 'ESTABLISHED', 'PARTOPEN 480 assured'),
      row(13, '<', 'CLOSEREQ 702 800', 'INVALID', 'PARTOPEN 480 assured', 'now the client'),
      row(14, '>', 'CLOSEREQ 801 701', 'ESTABLISHED', 'CLOSEREQ 64 assured'),
    ],
  },
  {
    name: 'DCCP: a REQUEST in an open connection is believed when the RESPONSE comes right behind it',
    kernel: 'never',
    sysctls,
    rows: [
      ...steps.map(([from, words], index) => row(index, from, words, '', '')),
      row(10, '<', 'REQUEST 700', 'ESTABLISHED', 'OPEN 43200 assured'),
      row(11, '>', 'RESPONSE 800 700', 'ESTABLISHED', 'RESPOND 480 assured'),
      row(12, '<', 'ACK 701 800', 'ESTABLISHED', 'PARTOPEN 480 assured'),
    ],
  },
  {
    name: 'DCCP: a RESPONSE that answers nothing is let through',
    kernel: 'never',
    sysctls,
    rows: [
      ...steps.map(([from, words], index) => row(index, from, words, '', '')),
      row(10, '<', 'REQUEST 700', 'ESTABLISHED', 'OPEN 43200 assured'),
      row(11, '>', 'SYNC 1 2', 'ESTABLISHED', 'OPEN 43200 assured'),
      row(12, '>', 'RESPONSE 800 700', 'ESTABLISHED', 'OPEN 43200 assured', 'not right behind it'),
    ],
  },
  {
    name: 'DCCP without the setting: addresses only, as in kernels from 6.16 on',
    rows: [row(0, '>', `CLOSEREQ 1 2`, 'NEW', '600 unreplied'), row(1, '<', 'REQUEST 7', 'ESTABLISHED', '600')],
  },
];
