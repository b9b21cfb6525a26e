// Expectations in a snapshot, and the calls of PPTP: what a connection has promised beside itself. Each names its master by that one's
// original tuple.

import { forwardedCall } from '../helpers/h323/ends.ts';
import { pptpCall } from '../helpers/pptp.ts';
import { sipExpected } from '../helpers/sip-nat.ts';
import { Expectation, type ExpectFunction } from '../helping/expectation.ts';
import { followMaster } from '../nat/follow.ts';
import type { Direction } from '../status.ts';
import type { Tuple } from '../table/tuple.ts';
import type { ConnectionTracker } from '../tracker.ts';
import { readTuple, writeTuple } from './connection.ts';
import type { OctetReader, OctetWriter } from './frames.ts';

/** What may be done to the connection that comes of one, by name. */
const FUNCTIONS: readonly ExpectFunction[] = [followMaster, forwardedCall, pptpCall, sipExpected];

export function writeExpectation(out: OctetWriter, tracker: ConnectionTracker, one: Expectation, scratch: Tuple): void {
  tracker.table.readTuple(one.master.id, 0, scratch);
  writeTuple(out, scratch);
  writeTuple(out, one.tuple);
  for (const word of one.sourceMask) out.i32(word);
  out.u16(one.sourceKeyMask);
  out.u8(one.class);
  out.u8(one.flags);
  out.text(one.helper?.name ?? '');
  out.text(one.born?.name ?? '');
  for (const word of one.savedAddress) out.i32(word);
  out.u16(one.savedKey);
  out.u8(one.direction);
  out.i32(tracker.expectations.timeLeft(one));
}

export interface ExpectationImage {
  readonly master: Tuple;
  readonly helper: string;
  readonly left: number;
  /** Gives the rest to a new expectation. */
  fill(expectation: Expectation): void;
}

export function readExpectation(from: OctetReader, tracker: ConnectionTracker): ExpectationImage {
  const master = readTuple(from, tracker);
  const tuple = readTuple(from, tracker);
  const mask = Array.from({ length: 4 }, () => from.i32());
  const [keyMask, kind, flags, helper, born] = [from.u16(), from.u8(), from.u8(), from.text(), from.text()];
  const saved = Array.from({ length: 4 }, () => from.i32());
  const [savedKey, direction, left] = [from.u16(), (from.u8() & 1) as Direction, from.i32()];
  return {
    master,
    helper,
    left,
    fill(expectation) {
      expectation.tuple.copy(tuple);
      expectation.sourceMask.set(mask);
      expectation.sourceKeyMask = keyMask;
      expectation.class = kind;
      expectation.flags = flags;
      expectation.born = FUNCTIONS.find(({ name }) => name === born);
      expectation.savedAddress.set(saved);
      expectation.savedKey = savedKey;
      expectation.direction = direction;
    },
  };
}

/** False: its time is over, its master is not there, or nothing may be expected of it. */
export function giveExpectation(tracker: ConnectionTracker, image: ExpectationImage, elapsed: number): boolean {
  const found = tracker.findLive(image.master, image.master.zoneOriginal);
  const left = image.left - elapsed;
  if (found < 0 || !(left > 0)) return false;
  const help = tracker.helping.help(found >>> 1);
  if (!help) return false;
  const expectation = new Expectation(help);
  image.fill(expectation);
  const { family, protocol } = expectation.tuple;
  if (image.helper !== '') expectation.helper = tracker.helping.find(image.helper, family, protocol);
  expectation.expires = (tracker.now + left) | 0;
  return tracker.expectations.add(expectation, { timed: true }) === undefined;
}

/** The keys of a master's calls; false: it has none, and nothing was written. */
export function writeCalls(out: OctetWriter, tracker: ConnectionTracker, master: number, scratch: Tuple): boolean {
  const calls = tracker.greKeys.of(master);
  if (calls.length === 0) return false;
  tracker.table.readTuple(master, 0, scratch);
  writeTuple(out, scratch);
  out.u8(calls.length);
  for (const { direction, tuple } of calls) {
    out.u8(direction);
    writeTuple(out, tuple);
  }
  return true;
}

/** Reads the calls of a master and returns what puts them in their place. */
export function readCalls(from: OctetReader, tracker: ConnectionTracker): () => void {
  const master = readTuple(from, tracker);
  const calls = Array.from({ length: from.u8() }, () => ({
    direction: (from.u8() & 1) as Direction,
    tuple: readTuple(from, tracker),
  }));
  return () => {
    const found = tracker.findLive(master, master.zoneOriginal);
    if (found < 0) return;
    for (const { direction, tuple } of calls) tracker.greKeys.add(found >>> 1, direction, tuple);
  };
}
