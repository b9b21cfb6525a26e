// FTP, RFC 959 and 2428. Each transfer has a connection of its own: to the port that the client names (PORT, EPRT), or to one that the server
// names in its answer (227, 229). Only what starts a line counts, and of that only what starts a segment: the helper knows where the last lines
// ended. So an announcement cannot be hidden in what somebody else is made to say. One that is cut short is dropped, to come again as a whole.

import { IPPROTO_TCP } from '../../packet/numbers.ts';
import { defineHelper, type Helper } from '../helping/helper.ts';
import type { HelperCall } from '../helping/helper-call.ts';
import type { Tuple } from '../table/tuple.ts';
import { addressText, isDigit, readAddress6, startsWith } from './text.ts';

/** Sequence numbers behind the ends of lines, two for each direction at the most, and how many there are; the first packet is believed. */
interface State {
  readonly lineEnds: readonly [number[], number[]];
  readonly pickUp: [boolean, boolean];
}
const REMEMBERED = 2;

export interface FtpOptions {
  /** Data connections to and from third hosts (RFC 959 5.2) are expected too. The kernel: module option `loose`. */
  readonly loose?: boolean;
}

/** What was announced; `words` as in a tuple. */
class Announcement {
  words = new Int32Array(4);
  port = 0;
  /** Offset and length of the text that says so. */
  at = 0;
  length = 0;
}

/** Reads the numbers from `at` on; length of their text, or 0: there are none. */
type Reader = (bytes: Uint8Array, at: number, to: number, found: Announcement, family: 4 | 6, end: number) => number;

interface Command {
  readonly word: string;
  /** The numbers follow the first of these; 0: they follow at once. */
  readonly skip: number;
  /** They end with it; 0: with anything. */
  readonly end: number;
  readonly read: Reader;
  text(address: string, family: 4 | 6, port: number): string;
}

const commas = (address: string, _family: 4 | 6, port: number): string =>
  `${address.replaceAll('.', ',')},${port >>> 8},${port & 0xff}`;
const bars = (address: string, family: 4 | 6, port: number): string => `|${family === 4 ? 1 : 2}|${address}|${port}|`;

const [BLANK, CR, OPENING, CLOSING] = [0x20, 0x0d, 0x28, 0x29];

/** By direction. */
const COMMANDS: readonly [readonly Command[], readonly Command[]] = [
  [
    { word: 'PORT', skip: BLANK, end: CR, read: readCommas, text: commas },
    { word: 'EPRT', skip: BLANK, end: CR, read: readBars, text: bars },
  ],
  [
    { word: '227 ', skip: 0, end: 0, read: readAnyCommas, text: commas },
    { word: '229 ', skip: OPENING, end: CLOSING, read: readPort, text: (_address, _family, port) => `|||${port}|` },
  ],
];

/** "192,168,1,2,5,6". try_rfc959() */
function readCommas(bytes: Uint8Array, at: number, to: number, found: Announcement, _family: 4 | 6, end: number) {
  const length = readNumbers(bytes, at, to, 6, 0x2c, end);
  if (length === 0) return 0;
  found.words[0] = fourOctets();
  found.port = ((numbers[4] << 8) | numbers[5]) & 0xffff;
  found.at = at;
  return length;
}

/** RFC 1123 4.1.2.6: whatever stands before the first digit. try_rfc1123() */
function readAnyCommas(bytes: Uint8Array, at: number, to: number, found: Announcement, family: 4 | 6) {
  while (at < to && !isDigit(bytes[at])) at++;
  return at === to ? 0 : readCommas(bytes, at, to, found, family, 0);
}

/** "|1|192.168.1.2|1286|", with any delimiter. try_eprt() */
function readBars(bytes: Uint8Array, at: number, to: number, found: Announcement, family: 4 | 6) {
  const bar = bytes[at];
  if (to - at <= 3 || !isDelimiter(bar) || bytes[at + 2] !== bar) return 0;
  if (bytes[at + 1] !== (family === 4 ? 0x31 : 0x32)) return 0;
  const length = family === 4 ? readDots(bytes, at + 3, to, found, bar) : readColons(bytes, at + 3, to, found, bar);
  if (length === 0) return 0;
  found.at = at;
  return portUpTo(bytes, at, at + 3 + length + 1, to, bar, found);
}

/** "|||1286|". try_epsv_response() */
function readPort(bytes: Uint8Array, at: number, to: number, found: Announcement) {
  const bar = bytes[at];
  if (to - at <= 3 || !isDelimiter(bar) || bytes[at + 1] !== bar || bytes[at + 2] !== bar) return 0;
  found.at = at;
  return portUpTo(bytes, at, at + 3, to, bar, found);
}

const isDelimiter = (octet: number): boolean => octet >= 33 && octet <= 126 && !isDigit(octet);

function readDots(bytes: Uint8Array, at: number, to: number, found: Announcement, bar: number): number {
  const length = readNumbers(bytes, at, to, 4, 0x2e, bar);
  if (length !== 0) found.words[0] = fourOctets();
  return length;
}

function readColons(bytes: Uint8Array, at: number, to: number, found: Announcement, bar: number): number {
  const end = bytes.indexOf(bar, at);
  const words = end < 0 || end >= to ? undefined : readAddress6(bytes, at, end);
  if (words === undefined) return 0;
  found.words.set(words);
  return end - at;
}

/** Digits up to the delimiter; length of the text from `start` on, delimiter included. get_port() */
function portUpTo(bytes: Uint8Array, start: number, at: number, to: number, bar: number, found: Announcement): number {
  let port = 0;
  for (let here = at; here < to; here++) {
    if (bytes[here] === bar) {
      found.port = port;
      return port === 0 ? 0 : here + 1 - start;
    }
    if (!isDigit(bytes[here])) return 0;
    port = (port * 10 + bytes[here] - 0x30) & 0xffff;
  }
  return 0;
}

const numbers = new Uint32Array(6);
const fourOctets = (): number => (numbers[0] << 24) | (numbers[1] << 16) | (numbers[2] << 8) | numbers[3];

/** `count` numbers with `separator` between them and `end` (0: anything) behind; length of their text, or 0. try_number() */
function readNumbers(bytes: Uint8Array, at: number, to: number, count: number, separator: number, end: number): number {
  numbers.fill(0);
  let index = 0;
  for (let here = at; here < to && index < count; here++) {
    const octet = bytes[here];
    if (isDigit(octet)) numbers[index] = Math.imul(numbers[index], 10) + octet - 0x30;
    else if (octet === separator) index++;
    else return (octet === end || end === 0) && index === count - 1 ? here - at : 0;
  }
  return 0;
}

const announced = new Announcement();

type Found = 'no' | 'cut short' | 'announced';

/** find_pattern() */
function look(call: HelperCall, { word, skip, end, read }: Command): Found {
  const { bytes, from, to } = call;
  if (to - from <= word.length) {
    return startsWith(bytes, from, to, word.slice(0, to - from), true) ? 'cut short' : 'no';
  }
  if (!startsWith(bytes, from, to, word, true)) return 'no';
  let at = from + word.length;
  if (skip !== 0) {
    while (bytes[at] !== skip) if (at++ >= to - 1) return 'cut short';
    at++;
  }
  // The address is the speaker's own unless another one is said.
  announced.words.set(call.own.words.subarray(0, 4));
  announced.length = read(bytes, at, to, announced, call.family, end);
  return announced.length === 0 ? 'cut short' : 'announced';
}

function help(call: HelperCall, state: State, loose: boolean): string | undefined {
  if (!call.established || call.from >= call.to) return undefined;
  call.readWhole();
  const { direction, bytes, from, to, sequence } = call;
  const endsLine = bytes[to - 1] === 0x0a;
  const behind = (sequence + to - from) >>> 0;
  const startsLine = state.lineEnds[direction].includes(sequence);
  if (startsLine || state.pickUp[direction]) {
    if (!startsLine) state.pickUp[direction] = false;
    for (const command of COMMANDS[direction]) {
      const found = look(call, command);
      if (found === 'no') continue;
      const refused = found === 'cut short' ? 'FTP command cut short' : expect(call, command, loose);
      if (refused === undefined) break;
      // What is not heeded is said again; but a line that ended, did.
      if (endsLine && found === 'announced') remember(state.lineEnds[direction], behind);
      return refused;
    }
  }
  if (endsLine) remember(state.lineEnds[direction], behind);
  return undefined;
}

function expect(call: HelperCall, { text }: Command, loose: boolean): string | undefined {
  const { own, other, family } = call;
  // Where the server is behind NAT, and says the address of another host on purpose, it is not ours to translate.
  const elsewhere = !isSource(own, announced.words);
  if (elsewhere && !loose) return undefined;
  const expectation = call.expectation({
    protocol: IPPROTO_TCP,
    source: other.words.subarray(0, 4),
    destination: elsewhere ? announced.words : other.words.subarray(4),
    destinationPort: announced.port,
  });
  if (!call.translated) return call.expect(expectation) && 'FTP data connection cannot be expected';
  const port = call.expectTranslated(expectation, call.direction === 0 ? 1 : 0);
  if (port === 0) return 'no port is left for an FTP data connection';
  const says = text(addressText(other.words, 4, family), family, port);
  if (call.mangle(announced.at, announced.length, says)) return undefined;
  call.unexpect(expectation);
  return 'FTP command would grow too long';
}

const isSource = ({ words }: Tuple, address: Int32Array): boolean =>
  words[0] === address[0] && words[1] === address[1] && words[2] === address[2] && words[3] === address[3];

/** The later ends of lines are kept. update_nl_seq() */
function remember(ends: number[], sequence: number): void {
  if (ends.includes(sequence)) return;
  if (ends.length < REMEMBERED) {
    ends.push(sequence);
    return;
  }
  const oldest = ((ends[0] - ends[1]) | 0) < 0 ? 0 : 1;
  if (((ends[oldest] - sequence) | 0) < 0) ends[oldest] = sequence;
}

/** A helper for FTP with other options than the built-in one; it has the same name, so detach that first. */
export const ftpHelper = ({ loose = false }: FtpOptions): Helper<State> =>
  defineHelper<State>({
    name: 'ftp',
    summary: 'FTP data connections, active and passive.',
    kernel: 'net/netfilter/nf_conntrack_ftp.c help(), nf_nat_ftp.c nf_nat_ftp()',
    families: [4, 6],
    protocols: [IPPROTO_TCP],
    port: 21,
    policies: [{ name: '', most: 1, timeoutMs: 300_000 }],
    open: () => ({ lineEnds: [[], []], pickUp: [false, false] }),
    help: (call, state) => help(call, state, loose),
  });

export const ftp = ftpHelper({});
