// A snapshot of the tracker: connections with their mappings, shifts, marks, labels, counters and helpers; expectations; calls. Written in
// pieces, between which packets may pass, so that a table of a million costs no packet more than a piece; read as a whole, and only if
// every octet of it is as it was written.
//
//   const snapshot = new Snapshot(tracker, Date.now());
//   for (let piece = snapshot.next(); piece; piece = snapshot.next()) write(piece);
//   ...
//   restoreSnapshot(newTracker, bytes, { now, wallClock: Date.now() });
//
// Each connection is written at one moment, but not all at the same: one that ends or begins meanwhile is there or not. What is not kept are
// the lists of those that count connections (connlimit), fragments, and connections whose first packet is still on its way.
//
// Time goes on while nobody tracks: what would have ended meanwhile is left out. The wall clock tells how long that was; one that was set back
// tells of no time at all.

import { Tuple } from '../table/tuple.ts';
import type { ConnectionTracker } from '../tracker.ts';
import { ConnectionImage, giveConnection, type LeftOut, readConnection, writeConnection } from './connection.ts';
import {
  type ExpectationImage,
  giveExpectation,
  readCalls,
  readExpectation,
  writeCalls,
  writeExpectation,
} from './expectation.ts';
import { type Frame, MAGIC, OctetReader, OctetWriter, readFrames, SnapshotError } from './frames.ts';

export { SnapshotError } from './frames.ts';

/** Kinds of frames. */
const START = 1;
const CONNECTIONS = 2;
const EXPECTATIONS = 3;
const CALLS = 4;
const END = 5;

/** Connections of a piece, unless somebody says otherwise: some 100 kB, and about a millisecond. */
const PIECE = 1_000;

export class Snapshot {
  connections = 0;
  expectations = 0;
  private readonly tracker: ConnectionTracker;
  private readonly wallClock: number;
  private readonly out = new OctetWriter();
  private readonly tuple = new Tuple();
  /** Monotonic ms of the first piece: later ones are taken back to it. */
  private startedAt = -1;
  private id = 0;
  /** Ids from here on were given out since: a flood of new connections must not keep the snapshot from its end. */
  private last = 0;
  private done = false;

  /** `wallClock`: milliseconds since 1970. */
  constructor(tracker: ConnectionTracker, wallClock: number) {
    this.tracker = tracker;
    this.wallClock = wallClock;
  }

  /** The next piece, with up to so many connections; undefined: that was all. */
  next(most = PIECE): Uint8Array | undefined {
    if (this.done) return undefined;
    if (this.startedAt < 0) return this.start();
    if (this.id < this.last) return this.someConnections(most);
    return this.rest();
  }

  private start(): Uint8Array {
    this.startedAt = this.tracker.time;
    this.last = this.tracker.table.top;
    this.out.f64(this.wallClock);
    return joined([MAGIC, this.out.frame(START)]);
  }

  /** Looks at eight times as many ids at most: a table that was once full may be nearly empty. */
  private someConnections(most: number): Uint8Array {
    const { tracker, out, tuple } = this;
    const { table } = tracker;
    const last = Math.min(this.last, this.id + 8 * most);
    // How long ago the snapshot began: what is left of a connection is counted from there.
    out.f64(tracker.time - this.startedAt);
    for (let left = most; left > 0 && this.id < last; this.id++) {
      if (!table.live(this.id) || table.expired(this.id, tracker.now)) continue;
      writeConnection(out, tracker, this.id, tuple);
      this.connections++;
      left--;
    }
    return out.frame(CONNECTIONS);
  }

  private rest(): Uint8Array {
    const { tracker, out, tuple } = this;
    out.f64(tracker.time - this.startedAt);
    for (const expectation of tracker.expectations.entries()) {
      if (expectation.master.id < 0) continue;
      writeExpectation(out, tracker, expectation, tuple);
      this.expectations++;
    }
    const expectations = out.frame(EXPECTATIONS);
    for (const master of tracker.greKeys.masters()) writeCalls(out, tracker, master, tuple);
    const calls = out.frame(CALLS);
    out.f64(this.connections);
    out.f64(this.expectations);
    this.done = true;
    return joined([expectations, calls, out.frame(END)]);
  }
}

/** All of it at once. */
export function wholeSnapshot(tracker: ConnectionTracker, wallClock: number): Uint8Array {
  const snapshot = new Snapshot(tracker, wallClock);
  const pieces: Uint8Array[] = [];
  for (let piece = snapshot.next(); piece; piece = snapshot.next()) pieces.push(piece);
  return joined(pieces);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export interface RestoreOptions {
  /** Monotonic ms, the clock of the packets to come. */
  readonly now: number;
  /** Milliseconds since 1970. */
  readonly wallClock: number;
  /** Packets passed since the snapshot: TCP windows are learned anew from the next ones, as after a time without rules. */
  readonly missed?: boolean;
}

/** What became of a snapshot. */
export interface Restored {
  connections: number;
  expectations: number;
  /** Connections whose time was over, whose tuple somebody else has, for which there was no room, or whose protocol is tracked otherwise here. */
  readonly leftOut: Record<LeftOut, number>;
  /** Milliseconds between the snapshot and now. */
  readonly elapsed: number;
}

/**
 * Puts what a snapshot holds into the tracker, beside what is there. Throws a SnapshotError, before anything is changed, for octets that
 * are not a whole snapshot.
 */
export function restoreSnapshot(tracker: ConnectionTracker, bytes: Uint8Array, options: RestoreOptions): Restored {
  const frames = readFrames(bytes);
  const elapsed = elapsedSince(frames[0], options.wallClock);
  // Read once for nothing: what is wrong shall show before the first connection is in the table.
  const { connections, expectations } = countAll(tracker, frames);
  const told = new OctetReader(frames.at(-1)!.payload);
  if (told.f64() !== connections || told.f64() !== expectations) throw new SnapshotError('not all of it is there');

  tracker.advance(options.now);
  const restored: Restored = {
    connections: 0,
    expectations: 0,
    leftOut: { over: 0, taken: 0, full: 0, foreign: 0 },
    elapsed,
  };
  const masters: [id: number, master: Tuple][] = [];
  for (const { kind, payload } of frames) {
    if (kind === CONNECTIONS) {
      eachConnection(tracker, payload, (image, later) => {
        const given = giveConnection(tracker, image, Math.max(0, elapsed - later));
        if (typeof given === 'string') restored.leftOut[given]++;
        else {
          restored.connections++;
          if (options.missed) tracker.relearn(given);
          if (image.master) masters.push([given, image.master]);
        }
      });
    } else if (kind === EXPECTATIONS) {
      eachExpectation(tracker, payload, (image, later) => {
        if (giveExpectation(tracker, image, Math.max(0, elapsed - later))) restored.expectations++;
      });
    } else if (kind === CALLS) {
      const from = new OctetReader(payload);
      while (!from.done) readCalls(from, tracker)();
    }
  }
  for (const [id, master] of masters) adopt(tracker, id, master);
  return restored;
}

/** A connection that was expected finds its master again, if that one is there. */
function adopt(tracker: ConnectionTracker, id: number, master: Tuple): void {
  const found = tracker.findLive(master, master.zoneOriginal);
  if (found >= 0) tracker.helping.adoptBy(id, found >>> 1);
}

function elapsedSince(start: Frame | undefined, wallClock: number): number {
  if (start?.kind !== START) throw new SnapshotError('its beginning is missing');
  const elapsed = wallClock - new OctetReader(start.payload).f64();
  if (!Number.isFinite(elapsed)) throw new SnapshotError('its time is none');
  return Math.max(0, elapsed);
}

function countAll(tracker: ConnectionTracker, frames: readonly Frame[]): { connections: number; expectations: number } {
  const found = { connections: 0, expectations: 0 };
  frames.forEach(({ kind, payload }, index) => {
    if ((kind === START) !== (index === 0) || (kind === END) !== (index === frames.length - 1))
      throw new SnapshotError(kind === START || kind === END ? 'its parts are not in order' : 'its end is missing');
    if (kind === CONNECTIONS) eachConnection(tracker, payload, () => found.connections++);
    else if (kind === EXPECTATIONS) eachExpectation(tracker, payload, () => found.expectations++);
    else if (kind === CALLS) for (const from = new OctetReader(payload); !from.done; ) readCalls(from, tracker);
    else if (kind !== START && kind !== END) throw new SnapshotError(`a part of kind ${kind}`);
  });
  return found;
}

/** `later`: so many ms after the snapshot began it was written. The image is the same each time. */
function eachConnection(
  tracker: ConnectionTracker,
  payload: Uint8Array,
  visit: (image: ConnectionImage, later: number) => void,
): void {
  const from = new OctetReader(payload);
  const later = from.f64();
  const image = new ConnectionImage();
  while (!from.done) {
    readConnection(from, tracker, image);
    visit(image, later);
  }
}

function eachExpectation(
  tracker: ConnectionTracker,
  payload: Uint8Array,
  visit: (image: ExpectationImage, later: number) => void,
): void {
  const from = new OctetReader(payload);
  const later = from.f64();
  while (!from.done) visit(readExpectation(from, tracker), later);
}
