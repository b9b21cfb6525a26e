// Every cell of the TCP state tables: a way to each state, then one segment of each kind from either side, in the window.

import type { Row, Trace } from './player.ts';

interface Way {
  /** Segments that lead there. */
  readonly rows: readonly (readonly ['>' | '<', string])[];
  /** Next sequence numbers of both sides then. */
  readonly next: readonly [number, number];
}

const opened: Way['rows'] = [
  ['>', 'S 100'],
  ['<', 'SA 500 ack 101'],
  ['>', 'A 101 ack 501'],
];

const WAYS: Readonly<Record<string, Way>> = {
  NONE: { rows: [], next: [101, 501] },
  SYN_SENT: { rows: opened.slice(0, 1), next: [101, 500] },
  SYN_SENT2: { rows: [...opened.slice(0, 1), ['<', 'S 500']], next: [101, 501] },
  SYN_RECV: { rows: opened.slice(0, 2), next: [101, 501] },
  ESTABLISHED: { rows: opened, next: [101, 501] },
  FIN_WAIT: { rows: [...opened, ['>', 'FA 101 ack 501']], next: [102, 501] },
  CLOSE_WAIT: { rows: [...opened, ['>', 'FA 101 ack 501'], ['<', 'A 501 ack 102']], next: [102, 501] },
  LAST_ACK: { rows: [...opened, ['>', 'FA 101 ack 501'], ['<', 'FA 501 ack 102']], next: [102, 502] },
  TIME_WAIT: {
    rows: [...opened, ['>', 'FA 101 ack 501'], ['<', 'FA 501 ack 102'], ['>', 'A 102 ack 502']],
    next: [102, 502],
  },
  CLOSE: { rows: [...opened, ['>', 'R 101']], next: [101, 501] },
};

/**
 * By state, what a SYN, SYN/ACK, FIN, ACK and RST make of it: the next state; `ignored` and `kept`: the same state, not prolonged or
 * prolonged; `reopened`: a new connection in the place of the old one; `INVALID`; `gone`: the entry ends.
 */
const ORIGINAL = `
              S           SA         FA         A            R
  NONE        SYN_SENT    INVALID    INVALID    ESTABLISHED  INVALID
  SYN_SENT    ignored     INVALID    INVALID    INVALID      gone
  SYN_SENT2   kept        SYN_RECV   INVALID    INVALID      CLOSE
  SYN_RECV    ignored     kept       FIN_WAIT   ESTABLISHED  CLOSE
  ESTABLISHED ignored     INVALID    FIN_WAIT   kept         CLOSE
  FIN_WAIT    ignored     INVALID    LAST_ACK   CLOSE_WAIT   CLOSE
  CLOSE_WAIT  ignored     INVALID    LAST_ACK   kept         CLOSE
  LAST_ACK    ignored     INVALID    kept       TIME_WAIT    CLOSE
  TIME_WAIT   reopened    INVALID    kept       kept         CLOSE
  CLOSE       reopened    INVALID    kept       kept         kept
`;

const REPLY = `
              S           SA         FA         A            R
  SYN_SENT    SYN_SENT2   SYN_RECV   INVALID    ignored      gone
  SYN_SENT2   kept        SYN_RECV   INVALID    ignored      CLOSE
  SYN_RECV    INVALID     ignored    FIN_WAIT   kept         CLOSE
  ESTABLISHED INVALID     ignored    FIN_WAIT   kept         CLOSE
  FIN_WAIT    INVALID     ignored    LAST_ACK   CLOSE_WAIT   CLOSE
  CLOSE_WAIT  INVALID     ignored    LAST_ACK   kept         CLOSE
  LAST_ACK    INVALID     ignored    kept       TIME_WAIT    CLOSE
  TIME_WAIT   reopened    ignored    kept       kept         CLOSE
  CLOSE       INVALID     ignored    kept       kept         kept
`;

const SECONDS: Readonly<Record<string, number>> = {
  SYN_SENT: 120,
  SYN_SENT2: 120,
  SYN_RECV: 60,
  ESTABLISHED: 432_000,
  FIN_WAIT: 120,
  CLOSE_WAIT: 60,
  LAST_ACK: 30,
  TIME_WAIT: 120,
  CLOSE: 10,
};

/** When the segment of the cell comes, so that one that does not prolong shows. */
const LATER = 5_000;

export const tcpCells: readonly Trace[] = [...cellsOf('>', ORIGINAL), ...cellsOf('<', REPLY)];

function cellsOf(direction: '>' | '<', table: string): Trace[] {
  const [kinds, ...lines] = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([state, ...cells]) => cells.map((cell, index) => trace(direction, state, kinds[index], cell)));
}

function trace(direction: '>' | '<', state: string, kind: string, cell: string): Trace {
  const way = WAYS[state];
  const rows = way.rows.map(([from, segment], index): Row => [index, from, segment, '', '']);
  const last: Row = [LATER, direction, segment(direction, state, kind), ...outcome(direction, state, kind, cell)];
  return { name: `${state} ${direction} ${kind}: ${cell}`, rows: [...rows, last] };
}

/** One that the window has nothing against. */
function segment(direction: '>' | '<', state: string, kind: string): string {
  const [own, other] = direction === '>' ? WAYS[state].next : WAYS[state].next.toReversed();
  const opening = state.startsWith('SYN_SENT') || state === 'NONE';
  const first = direction === '>' ? 100 : 500;
  if (kind === 'S') return `S ${opening ? first : 9_000}`;
  if (kind === 'SA') return `SA ${first} ack ${direction === '>' ? 501 : 101}`;
  if (kind === 'R') return state === 'SYN_SENT' && direction === '<' ? 'RA 0 ack 101' : `R ${own}`;
  return `${kind} ${own} ack ${other}`;
}

function outcome(direction: '>' | '<', state: string, kind: string, cell: string): [ctstate: string, entry: string] {
  const seenReply = WAYS[state].rows.some(([from]) => from === '<');
  const assured = WAYS[state].rows.length >= 3;
  const ctstate = direction === '<' || seenReply ? 'ESTABLISHED' : 'NEW';
  const old = SECONDS[state] - LATER / 1_000;
  const flags = seenReply || (direction === '<' && cell !== 'INVALID') ? '' : ' unreplied';
  const becomesAssured = assured || (state === 'SYN_RECV' && cell === 'ESTABLISHED');
  const end = `${flags}${becomesAssured ? ' assured' : ''}`;
  switch (cell) {
    case 'INVALID':
      return ['INVALID', state === 'NONE' ? '-' : `${state} ${old}${end}`];
    case 'ignored':
      return [ctstate, `${state} ${old}${end}`];
    case 'gone':
      return [ctstate, '-'];
    case 'reopened':
      return ['NEW', 'SYN_SENT 120 unreplied'];
    case 'kept':
      return [ctstate, `${state} ${SECONDS[state]}${end}`];
    default: {
      // Picked up: no longer than data that nobody acknowledged.
      if (state === 'NONE' && kind === 'A') return [ctstate, `${cell} 300${end}`];
      // A SYN without a reply so far does not prolong, whoever sends it.
      const seconds = state === 'SYN_SENT' && kind === 'S' ? old : SECONDS[cell];
      return [ctstate, `${cell} ${seconds}${end}`];
    }
  }
}
