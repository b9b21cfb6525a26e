// Every cell of the SCTP state tables: a way to each state, then a packet with one chunk of each kind from either side, with the tag that it
// must have. All cells were confirmed by a 6.18 kernel (test/kernel/conntrack.test.ts asks again).

import type { Row, Trace } from './player.ts';
import { sctpPacket } from './rows-sctp.ts';

type Way = readonly (readonly ['>' | '<', string])[];

/** The originator must use tag 20, the responder 10. */
const opened: Way = [
  ['>', '0: INIT=10'],
  ['<', '10: INIT-ACK=20'],
  ['>', '20: COOKIE-ECHO'],
  ['<', '10: COOKIE-ACK'],
];

const WAYS: Readonly<Record<string, Way>> = {
  CLOSED: opened.slice(0, 1),
  COOKIE_WAIT: opened.slice(0, 2),
  COOKIE_ECHOED: opened.slice(0, 3),
  ESTABLISHED: opened,
  SHUTDOWN_SENT: [...opened, ['>', '20: SHUTDOWN']],
  SHUTDOWN_RECD: [...opened, ['<', '10: SHUTDOWN']],
  SHUTDOWN_ACK_SENT: [...opened, ['>', '20: SHUTDOWN'], ['<', '10: SHUTDOWN-ACK']],
  HEARTBEAT_SENT: [['>', '20: HEARTBEAT']],
};

/** Tags of packets of both sides by then. */
const TAGS: Readonly<Record<string, readonly [number, number]>> = { CLOSED: [0, 10], HEARTBEAT_SENT: [20, 10] };

/** What each chunk makes of the state: the next one, prolonged; ig: passes, and does not prolong; iv: INVALID. */
const NAMES: Readonly<Record<string, string>> = {
  cl: 'CLOSED',
  cw: 'COOKIE_WAIT',
  ce: 'COOKIE_ECHOED',
  es: 'ESTABLISHED',
  ss: 'SHUTDOWN_SENT',
  sr: 'SHUTDOWN_RECD',
  sa: 'SHUTDOWN_ACK_SENT',
  hs: 'HEARTBEAT_SENT',
  ig: 'ignored',
  iv: 'INVALID',
};

const ORIGINAL = `
                    cl  cw  ce  es  ss  sr  sa  hs
  INIT              ig  cw  ce  es  cl  cl  sa  cw
  INIT-ACK          iv  iv  iv  iv  iv  iv  iv  cl
  DATA              cl  cw  ce  es  ss  sr  sa  hs
  SACK              cl  cw  ce  es  ss  sr  sa  hs
  HEARTBEAT         cl  cw  ce  es  ss  sr  sa  hs
  HEARTBEAT-ACK     cl  cw  ce  es  ss  sr  sa  hs
  ABORT             cl  cl  cl  cl  cl  cl  cl  cl
  SHUTDOWN          cl  cw  ce  ss  ss  sr  sa  cl
  SHUTDOWN-ACK      cl  cw  ce  es  sa  sa  sa  sa
  ERROR             cl  cw  ce  es  ss  sr  sa  cl
  COOKIE-ECHO       cl  ce  ce  es  ss  sr  sa  cl
  COOKIE-ACK        cl  cw  es  es  ss  sr  sa  cl
  SHUTDOWN-COMPLETE cl  cw  ce  es  ss  sr  cl  cl
`;

const REPLY = `
                    cl  cw  ce  es  ss  sr  sa  hs
  INIT              ig  cw  ce  es  ss  sr  sa  iv
  INIT-ACK          cw  cw  ce  iv  iv  iv  iv  iv
  DATA              cl  cw  ce  es  ss  sr  sa  iv
  SACK              cl  cw  ce  es  ss  sr  sa  iv
  HEARTBEAT         cl  cw  ce  es  ss  sr  sa  hs
  HEARTBEAT-ACK     cl  cw  ce  es  ss  sr  sa  es
  ABORT             cl  cl  cl  cl  cl  cl  cl  iv
  SHUTDOWN          cl  cw  ce  sr  ss  sr  sa  iv
  SHUTDOWN-ACK      cl  cw  ce  es  sa  sa  sa  iv
  ERROR             cl  cw  cl  es  ss  sr  sa  iv
  COOKIE-ECHO       cl  ce  ce  es  ss  sr  sa  iv
  COOKIE-ACK        cl  cw  es  es  ss  sr  sa  iv
  SHUTDOWN-COMPLETE cl  cw  ce  es  ss  sr  cl  iv
`;

const SECONDS: Readonly<Record<string, number>> = {
  CLOSED: 10,
  COOKIE_WAIT: 3,
  COOKIE_ECHOED: 3,
  ESTABLISHED: 210,
  SHUTDOWN_SENT: 3,
  SHUTDOWN_RECD: 3,
  SHUTDOWN_ACK_SENT: 3,
  HEARTBEAT_SENT: 30,
};

/** When the packet of the cell comes, so that one that does not prolong shows. */
const LATER = 2_000;

export const sctpCells: readonly Trace[] = [...cellsOf('>', ORIGINAL), ...cellsOf('<', REPLY)];

function cellsOf(direction: '>' | '<', table: string): Trace[] {
  const [states, ...lines] = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([chunk, ...cells]) =>
    cells.map((short, index): Trace => {
      const [state, cell] = [NAMES[states[index]], NAMES[short]];
      const way = WAYS[state].map(([from, words], step): Row => [step, from, sctpPacket(from, words), '', '']);
      const words = wordsOf(direction, state, chunk);
      const last: Row = [LATER, direction, sctpPacket(direction, words), ...outcome(direction, state, cell)];
      return { name: `SCTP ${state} ${direction} ${chunk}: ${cell}`, rows: [...way, last] };
    }),
  );
}

function wordsOf(direction: '>' | '<', state: string, chunk: string): string {
  const [original, reply] = TAGS[state] ?? [20, 10];
  const tag = chunk === 'INIT' ? 0 : direction === '>' ? original : reply;
  return `${tag}: ${chunk}${chunk.startsWith('INIT') ? '=30' : ''}`;
}

function outcome(direction: '>' | '<', state: string, cell: string): [ctstate: string, entry: string] {
  const seenReply = WAYS[state].some(([from]) => from === '<');
  const ctstate = direction === '<' || seenReply ? 'ESTABLISHED' : 'NEW';
  const replied = seenReply || (direction === '<' && cell !== 'INVALID') ? '' : ' unreplied';
  const assured = WAYS[state].length > 3 || cell === 'ESTABLISHED' ? ' assured' : '';
  const untouched = `${state} ${SECONDS[state] - LATER / 1_000}${replied}${assured}`;
  if (cell === 'INVALID') return ['INVALID', untouched];
  if (cell === 'ignored') return [ctstate, untouched];
  return [ctstate, `${cell} ${SECONDS[cell]}${replied}${assured}`];
}
