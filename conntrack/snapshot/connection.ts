// One connection in a snapshot: everything that packets of it depend on. What most connections do not have is left out, and two octets of
// flags say what is there. Times are relative: what is left, and how old it is.

import type { Family } from '../../packet/numbers.ts';
import type { Slab } from '../slab.ts';
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
} from '../status.ts';
import type { ConnectionTracker } from '../tracker.ts';
import { Tuple } from '../tuple.ts';
import { type OctetReader, type OctetWriter, SnapshotError } from './frames.ts';

/** What is there beyond the base. */
const FAMILY_6 = 1 << 0;
const REPLY = 1 << 1;
const ZONES = 1 << 2;
const MARK = 1 << 3;
const SECMARK = 1 << 4;
const LABELS = 1 << 5;
const COUNTERS = 1 << 6;
const AGE = 1 << 7;
const SHIFTED = 1 << 8;
const POLICY = 1 << 9;
const EVENTS = 1 << 10;
const HELPER = 1 << 11;
const MASTER = 1 << 12;
const DEVICE = 1 << 13;
const KNOWN = (1 << 14) - 1;

/** Status bits that mean something to a new table. */
const LASTING =
  IPS_EXPECTED |
  IPS_SEEN_REPLY |
  IPS_ASSURED |
  IPS_SRC_NAT |
  IPS_DST_NAT |
  IPS_SEQ_ADJUST |
  IPS_SRC_NAT_DONE |
  IPS_DST_NAT_DONE |
  IPS_FIXED_TIMEOUT |
  IPS_HELPER;

const MOST_WORDS = 64;

/** A connection out of a snapshot. */
export interface ConnectionImage {
  readonly original: Tuple;
  /** Undefined: the inverse of the original one. */
  readonly reply: Tuple | undefined;
  readonly status: number;
  readonly state: number;
  /** Milliseconds until it ends. */
  readonly left: number;
  /** The protocol's words; times in them are relative too. */
  readonly words: readonly number[];
  readonly mark: number;
  readonly secmark: number;
  readonly labels: readonly number[] | undefined;
  /** Packets and octets of both directions. */
  readonly counters: readonly number[] | undefined;
  /** Milliseconds since its birth. */
  readonly age: number | undefined;
  /** Position, shift before and behind it, of both directions. */
  readonly shifts: readonly number[] | undefined;
  readonly policy: string | undefined;
  readonly events: number | undefined;
  readonly helper: { readonly name: string; readonly state: unknown } | undefined;
  /** Original tuple of the connection that it was expected by. */
  readonly master: Tuple | undefined;
  /** It was masqueraded by that device. */
  readonly device: string;
}

// --- Tuples ------------------------------------------------------------------------------------------------------------

/** Addresses and keys; family and protocol stand elsewhere. */
function writeEnds(out: OctetWriter, { family, words, keys }: Tuple): void {
  const step = family === 4 ? 4 : 1;
  for (let word = 0; word < 8; word += step) out.i32(words[word]);
  out.i32(keys);
}

function readEnds(from: OctetReader, family: Family, protocol: number): Tuple {
  const tuple = new Tuple();
  tuple.family = family;
  tuple.protocol = protocol;
  const step = family === 4 ? 4 : 1;
  for (let word = 0; word < 8; word += step) tuple.words[word] = from.i32();
  tuple.keys = from.i32();
  return tuple;
}

/** A tuple with all that belongs to it. */
export function writeTuple(out: OctetWriter, tuple: Tuple): void {
  out.u8(tuple.family);
  out.u8(tuple.protocol);
  out.u16(tuple.zoneOriginal);
  out.u16(tuple.zoneReply);
  writeEnds(out, tuple);
}

export function readTuple(from: OctetReader, tracker: ConnectionTracker): Tuple {
  const family = from.u8();
  if (family !== 4 && family !== 6) throw new SnapshotError(`a tuple of family ${family}`);
  const protocol = from.u8();
  const zones = [from.u16(), from.u16()] as const;
  const tuple = readEnds(from, family, protocol);
  tuple.setZones(...zones);
  tuple.inverse = tracker.l4s[protocol].invert(tuple.keys);
  return tuple;
}

// --- Writing -----------------------------------------------------------------------------------------------------------

const scratch = (): Tuple => new Tuple();

/** Writes connection `id`, which is in the table. `tuple` is scratch. */
export function writeConnection(out: OctetWriter, tracker: ConnectionTracker, id: number, tuple: Tuple): void {
  const { table, connections, accounting } = tracker;
  const labels = connections.labelling.words(id);
  const counted = [accounting.counted(id, 0), accounting.counted(id, 1)];
  const birth = accounting.birth(id);
  const shifts = [tracker.seqadj.get(id, 0), tracker.seqadj.get(id, 1)];
  const policy = tracker.policies.policy(id);
  const events = tracker.events.mask(id);
  const helper = tracker.helping.helper(id);
  const master = tracker.helping.master(id)?.id ?? -1;
  const device = tracker.nat.deviceOf(id);
  table.readTuple(id, 0, tuple);
  let flags = table.family(id) === 6 ? FAMILY_6 : 0;
  if (table.replyDiffers(id)) flags |= REPLY;
  if (tuple.zoneOriginal !== 0 || tuple.zoneReply !== 0) flags |= ZONES;
  if (table.mark(id) !== 0) flags |= MARK;
  if (connections.secmark(id) !== 0) flags |= SECMARK;
  if (labels) flags |= LABELS;
  if (counted[0]) flags |= COUNTERS;
  if (birth !== undefined) flags |= AGE;
  if (shifts[0]) flags |= SHIFTED;
  if (policy) flags |= POLICY;
  if (events !== 0) flags |= EVENTS;
  if (helper) flags |= HELPER;
  if (master >= 0) flags |= MASTER;
  if (device !== '') flags |= DEVICE;

  out.u16(flags);
  out.u8(tuple.protocol);
  out.u8(table.state(id));
  out.u16(table.status(id) & LASTING);
  out.i32(table.expires[id] - tracker.now);
  writeEnds(out, tuple);
  writeWords(out, tracker, id);
  if (flags & ZONES) out.i32((tuple.zoneOriginal << 16) | tuple.zoneReply);
  if (flags & REPLY) {
    table.readTuple(id, 1, tuple);
    writeEnds(out, tuple);
  }
  if (flags & MARK) out.i32(table.mark(id));
  if (flags & SECMARK) out.i32(connections.secmark(id));
  for (const word of labels ?? []) out.i32(word);
  if (flags & COUNTERS) {
    for (const way of counted) {
      out.f64(way?.packets ?? 0);
      out.f64(way?.bytes ?? 0);
    }
  }
  // Births are of the packets' clock, which this connection's last packet has read too.
  if (birth !== undefined) out.f64(Math.max(0, tracker.time - birth));
  if (flags & SHIFTED) {
    for (const way of shifts) for (const value of [way?.position, way?.before, way?.after]) out.i32(value ?? 0);
  }
  if (policy) out.text(policy.name);
  if (flags & EVENTS) out.i32(events);
  if (helper) {
    out.text(helper.name);
    out.text(JSON.stringify(tracker.helping.help(id)?.state ?? null));
  }
  if (flags & MASTER) {
    table.readTuple(master, 0, tuple);
    writeTuple(out, tuple);
  }
  if (flags & DEVICE) out.text(device);
}

function writeWords(out: OctetWriter, tracker: ConnectionTracker, id: number): void {
  const { table } = tracker;
  const l4 = tracker.l4s[table.protocol(id)];
  const slab = table.slabs[table.protocol(id)];
  out.u8(l4.words || Number(l4.wordIsTime ?? false));
  if (l4.wordIsTime) out.i32(table.own[id] - tracker.now);
  else for (let word = 0; word < l4.words; word++) out.i32(slab!.words[table.own[id] * l4.words + word]);
}

// --- Reading -----------------------------------------------------------------------------------------------------------

/** Throws a SnapshotError for what no table could have written. */
export function readConnection(from: OctetReader, tracker: ConnectionTracker): ConnectionImage {
  const flags = from.u16();
  if (flags & ~KNOWN) throw new SnapshotError(`a connection with flags 0x${flags.toString(16)}`);
  const family = flags & FAMILY_6 ? 6 : 4;
  const protocol = from.u8();
  const state = from.u8();
  const status = from.u16() & LASTING;
  const left = from.i32();
  const original = readEnds(from, family, protocol);
  const words = Array.from({ length: countOf(from.u8(), MOST_WORDS) }, () => from.i32());
  if (flags & ZONES) {
    const zones = from.i32();
    original.setZones(zones >>> 16, zones & 0xffff);
  }
  const l4 = tracker.l4s[protocol];
  original.inverse = l4.invert(original.keys);
  const reply = flags & REPLY ? readEnds(from, family, protocol) : undefined;
  if (reply) {
    reply.setZones(original.zoneOriginal, original.zoneReply);
    reply.inverse = l4.invert(reply.keys);
  }
  return {
    original,
    reply,
    status,
    state,
    left,
    words,
    mark: flags & MARK ? from.i32() : 0,
    secmark: flags & SECMARK ? from.i32() : 0,
    labels: flags & LABELS ? Array.from({ length: 4 }, () => from.i32()) : undefined,
    counters: flags & COUNTERS ? Array.from({ length: 4 }, () => from.f64()) : undefined,
    age: flags & AGE ? from.f64() : undefined,
    shifts: flags & SHIFTED ? Array.from({ length: 6 }, () => from.i32()) : undefined,
    policy: flags & POLICY ? from.text() : undefined,
    events: flags & EVENTS ? from.i32() : undefined,
    helper: flags & HELPER ? { name: from.text(), state: plainData(from.text()) } : undefined,
    master: flags & MASTER ? readTuple(from, tracker) : undefined,
    device: flags & DEVICE ? from.text() : '',
  };
}

function countOf(given: number, most: number): number {
  if (given > most) throw new SnapshotError(`a connection with ${given} words of its protocol`);
  return given;
}

function plainData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SnapshotError('the state of a helper is no JSON');
  }
}

/** Why a connection of a snapshot was left out. */
export type LeftOut = 'over' | 'taken' | 'full' | 'foreign';

/** Puts a connection into the table, `elapsed` ms after it was written; returns its id, or why not. */
export function giveConnection(tracker: ConnectionTracker, image: ConnectionImage, elapsed: number): number | LeftOut {
  const { table, sysctls } = tracker;
  const { original, reply } = image;
  const l4 = tracker.l4s[original.protocol];
  // Tracked by another protocol now, or not as the one who wrote it did.
  const wanted = l4.words || Number(l4.wordIsTime ?? false);
  if (image.words.length !== wanted || image.state >= (l4.states?.length ?? 1)) return 'foreign';
  const left = image.left - elapsed;
  if (!(left > 0)) return 'over';
  const other = reply ?? inverseOf(original);
  if (tracker.findLive(original, original.zoneOriginal) >= 0 || tracker.findLive(other, original.zoneReply) >= 0)
    return 'taken';
  const { max } = sysctls.limits;
  if (max !== 0 && table.count >= max) return 'full';

  table.limit = max === 0 ? Number.POSITIVE_INFINITY : max;
  const id = tracker.open(original, tracker.time);
  if (reply) table.setReply(id, reply);
  table.setState(id, image.state);
  table.addStatus(id, image.status | IPS_CONFIRMED);
  table.expires[id] = tracker.now + left;
  giveWords(tracker, id, image, elapsed);
  giveRest(tracker, id, image, elapsed);
  table.insert(id);
  return id;
}

function inverseOf(tuple: Tuple): Tuple {
  const inverse = scratch();
  inverse.copy(tuple);
  inverse.invert();
  return inverse;
}

function giveWords(
  { table, l4s, now }: ConnectionTracker,
  id: number,
  { words }: ConnectionImage,
  elapsed: number,
): void {
  const protocol = table.protocol(id);
  const l4 = l4s[protocol];
  if (l4.wordIsTime) table.own[id] = now + words[0] - elapsed;
  else if (l4.words > 0) (table.slabs[protocol] as Slab).words.set(words, table.own[id] * l4.words);
}

function giveRest(tracker: ConnectionTracker, id: number, image: ConnectionImage, elapsed: number): void {
  const { table, connections, accounting, seqadj, policies, events, helping, nat } = tracker;
  if (image.mark !== 0) table.setMark(id, image.mark);
  if (image.secmark !== 0) connections.setSecmark(id, image.secmark);
  if (image.labels) connections.labelling.restore(id, image.labels);
  if (image.counters || image.age !== undefined)
    accounting.restore(id, image.counters, image.age === undefined ? undefined : tracker.time - image.age - elapsed);
  if (image.shifts) {
    for (const direction of [0, 1] as const) {
      const [position, before, after] = image.shifts.slice(3 * direction);
      seqadj.restore(id, direction, { position, before, after });
    }
  }
  if (image.policy !== undefined) policies.assign(id, image.policy, tracker.l4s[table.protocol(id)]);
  if (image.events !== undefined) events.open(id, 0, image.events, 0);
  if (image.helper && helping.assignByName(id, image.helper.name)) {
    const help = helping.help(id);
    if (help && image.helper.state !== null) help.state = image.helper.state;
  }
  nat.restore(id, image.device);
}
