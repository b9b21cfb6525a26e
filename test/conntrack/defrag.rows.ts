// Rows about fragments. Each was put to Linux 6.18 with the tracker on; `out` is what left the other side, `ok` in `say` is a packet that
// passed reassembly untouched.

/** A piece: data from..to of the datagram, and what is odd about it. Pieces have "more fragments" unless they reach the end (80). */
export interface PieceFields {
  from: number;
  to: number;
  more?: boolean;
  id?: number;
  df?: boolean;
  ecn?: number;
  protocol?: number;
  /** The data is another one than the datagram's. */
  forged?: boolean;
  ipOptions?: string;
}

/** Length of the datagram's data: a UDP header and 72 octets. */
export const LENGTH = 80;

const p = (from: number, to: number, rest: Partial<PieceFields> = {}): PieceFields => ({ from, to, ...rest });

export interface Row {
  title: string;
  pieces: readonly PieceFields[];
  /** What reassembly says of each piece. */
  say: string;
  /** "from:length" of each piece that leaves, "+" for more to come, "DF"; "whole" without cuts; '' for nothing. */
  out: string;
}

export const BOTH: readonly Row[] = [
  { title: 'in order', pieces: [p(0, 32), p(32, 64), p(64, 80)], say: 'held held whole', out: '0:32+ 32:32+ 64:16' },
  { title: 'backwards', pieces: [p(64, 80), p(32, 64), p(0, 32)], say: 'held held whole', out: '0:32+ 32:32+ 64:16' },
  {
    title: 'the last but one comes last',
    pieces: [p(0, 32), p(48, 80), p(32, 48)],
    say: 'held held whole',
    out: '0:32+ 32:16+ 48:32',
  },
  {
    title: 'a duplicate is ignored',
    pieces: [p(0, 32), p(0, 32), p(32, 80)],
    say: 'held held whole',
    out: '0:32+ 32:48',
  },
  {
    title: 'a forged duplicate too: first data stays',
    pieces: [p(0, 32), p(0, 32, { forged: true }), p(32, 80)],
    say: 'held held whole',
    out: '0:32+ 32:48',
  },
  {
    title: 'a part of what is held is a duplicate',
    pieces: [p(0, 32), p(8, 24), p(32, 80)],
    say: 'held held whole',
    out: '0:32+ 32:48',
  },
  {
    title: 'an overlap kills the queue, what follows starts anew',
    pieces: [p(0, 32), p(24, 80), p(0, 32), p(32, 80)],
    say: 'held dropped held whole',
    out: '0:32+ 32:48',
  },
  {
    title: 'across two runs that touch, it is an overlap',
    pieces: [p(0, 16), p(32, 80), p(16, 24), p(8, 24)],
    say: 'held held held dropped',
    out: '',
  },
  { title: 'another id is another datagram', pieces: [p(0, 32), p(32, 80, { id: 2 })], say: 'held held', out: '' },
  {
    title: 'ECT(0) and ECT(1) mix',
    pieces: [p(0, 32, { ecn: 1 }), p(32, 80, { ecn: 2 })],
    say: 'held whole',
    out: '0:32+ 32:48',
  },
  { title: 'not-ECT and CE do not', pieces: [p(0, 32), p(32, 80, { ecn: 3 })], say: 'held dropped', out: '' },
  { title: 'not-ECT and ECT do not', pieces: [p(0, 32), p(32, 80, { ecn: 2 })], say: 'held dropped', out: '' },
];

export const ONLY_4: readonly Row[] = [
  {
    title: 'of less than eight octets nothing is left: that kills the queue',
    pieces: [p(0, 32), p(32, 37), p(32, 80)],
    say: 'held dropped held',
    out: '',
  },
  {
    title: 'the protocol is part of the key',
    pieces: [p(0, 32), p(32, 80, { protocol: 6 })],
    say: 'held held',
    out: '',
  },
  { title: 'an odd length is cut down', pieces: [p(0, 35), p(32, 80)], say: 'held whole', out: '0:32+ 32:48' },
  {
    title: 'an empty piece kills the queue',
    pieces: [p(0, 32), p(40, 40), p(32, 80)],
    say: 'held dropped held',
    out: '',
  },
  {
    title: 'an earlier end kills the queue',
    pieces: [p(0, 32), p(8, 16, { more: false }), p(32, 80)],
    say: 'held dropped held',
    out: '',
  },
  {
    title: 'data beyond the end kills the queue',
    pieces: [p(32, 64, { more: false }), p(64, 80), p(0, 32)],
    say: 'held dropped held',
    out: '',
  },
  {
    title: 'DF is not put back on the received cuts',
    pieces: [p(0, 32, { df: true }), p(32, 80, { df: true })],
    say: 'held whole',
    out: '0:32+ 32:48',
  },
  {
    title: 'options of the first piece are in all, and so the cuts move',
    pieces: [p(0, 32, { ipOptions: '94040000' }), p(32, 80)],
    say: 'held whole',
    out: '0:40+ 40:40',
  },
  {
    title: 'options that are not to be copied leave the cuts alone',
    pieces: [p(0, 32, { ipOptions: '1e040000' }), p(32, 80, { ipOptions: '1e040000' })],
    say: 'held whole',
    out: '0:32+ 32:48',
  },
];

export const ONLY_6: readonly Row[] = [
  {
    title: 'the next header of later pieces is not looked at',
    pieces: [p(0, 32), p(32, 80, { protocol: 6 })],
    say: 'held whole',
    out: '0:32+ 32:48',
  },
  {
    title: 'an odd length kills the queue and passes by',
    pieces: [p(0, 35), p(32, 80)],
    say: 'pass held',
    out: '0:35+',
  },
  { title: 'an empty first piece passes by', pieces: [p(0, 0)], say: 'pass', out: '0:0+' },
  {
    title: 'an empty later piece is dropped',
    pieces: [p(8, 8), p(8, 8, { more: false })],
    say: 'dropped dropped',
    out: '',
  },
  { title: 'a first piece without all of the UDP header passes by', pieces: [p(0, 4)], say: 'pass', out: '0:4+' },
  { title: 'no next header is queued like others', pieces: [p(0, 16, { protocol: 59 })], say: 'held', out: '' },
  {
    title: 'an atomic fragment goes into a queue of its id, and kills it',
    pieces: [p(0, 32), p(0, 80), p(32, 80)],
    say: 'held dropped held',
    out: '',
  },
  {
    title: 'an odd length behind others kills what they began',
    pieces: [p(0, 32), p(32, 43, { more: true }), p(32, 80), p(0, 32)],
    say: 'held pass held whole',
    out: '32:11+ 0:32+ 32:48',
  },
  { title: 'an atomic fragment loses its header', pieces: [p(0, 80)], say: 'whole', out: 'whole' },
  {
    title: 'whole it is no longer than the longest piece was: it leaves whole',
    pieces: [p(0, 8), p(8, 80)],
    say: 'held whole',
    out: 'whole',
  },
  {
    title: 'an earlier end is ignored',
    pieces: [p(0, 32), p(16, 24, { more: false }), p(32, 80)],
    say: 'held dropped whole',
    out: '0:32+ 32:48',
  },
  {
    title: 'a later end is ignored',
    pieces: [p(0, 32), p(64, 72, { more: false }), p(64, 80), p(32, 64)],
    say: 'held held dropped whole',
    out: '0:32+ 32:32+ 64:8',
  },
];
