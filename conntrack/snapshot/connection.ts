// One connection in a snapshot: everything that packets of it depend on. What most connections do not have is left out, and two octets of
// flags say what is there. Times are relative: what is left, and how old it is.

import type { Family } from '../../packet/numbers.ts';
import type { L4 } from '../l4/l4.ts';
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
import type { Slab } from '../table/slab.ts';
import { Tuple } from '../table/tuple.ts';
import type { ConnectionTracker } from '../tracker.ts';
import { type OctetReader, type OctetWriter, SnapshotError } from './frames.ts';

/** What is there beyond the base. */
const FAMILY_6 = 1 << 0;
const REPLY = 1 << 1;
const ZONES = 1 << 2;
const MARK = 1 << 3;
const LABELS = 1 << 5;
const COUNTERS = 1 << 6;
const AGE = 1 << 7;
const SHIFTED = 1 << 8;
const POLICY = 1 << 9;
const EVENTS = 1 << 10;
const HELPER = 1 << 11;
const MASTER = 1 << 12;
const DEVICE = 1 << 13;
/** Opened by SYNPROXY. */
const PROXIED = 1 << 14;
const CONTEXT = 1 << 15;
/** Of earlier programs: the number of a security context, which says nothing to anybody else. Read, and passed over. */
const CONTEXT_NUMBER = 1 << 4;

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

/** A connection out of a snapshot; read over and over, for there may be millions. */
export class ConnectionImage {
  readonly original = new Tuple();
  /** The inverse of the original one, unless `replyDiffers`. */
  readonly reply = new Tuple();
  replyDiffers = false;
  status = 0;
  state = 0;
  /** Milliseconds until it ends. */
  left = 0;
  /** The protocol's words, so many of them; times in them are relative too. */
  readonly words = new Int32Array(MOST_WORDS);
  wordCount = 0;
  mark = 0;
  secctx = '';
  labels: readonly number[] | undefined;
  /** Packets and octets of both directions. */
  counters: readonly number[] | undefined;
  /** Milliseconds since its birth. */
  age: number | undefined;
  /** Position, shift before and behind it, of both directions. */
  shifts: readonly number[] | undefined;
  policy: string | undefined;
  events = 0;
  helper: { readonly name: string; readonly state: unknown } | undefined;
  /** Original tuple of the connection that it was expected by. */
  master: Tuple | undefined;
  /** It was masqueraded by that device. */
  device = '';
  /** What SYNPROXY told its ends: first sequence number and time, and the shift of times. */
  proxied: readonly number[] | undefined;
}

// --- Tuples ------------------------------------------------------------------------------------------------------------

/** Addresses and keys; family and protocol stand elsewhere. */
function writeEnds(out: OctetWriter, { family, words, keys }: Tuple): void {
  const step = family === 4 ? 4 : 1;
  for (let word = 0; word < 8; word += step) out.i32(words[word]);
  out.i32(keys);
}

function readEnds(from: OctetReader, tuple: Tuple, family: Family, protocol: number, l4s: readonly L4[]): void {
  tuple.family = family;
  tuple.protocol = protocol;
  // IPv4 has two of the eight words; hashes look at more.
  tuple.words.fill(0);
  const step = family === 4 ? 4 : 1;
  for (let word = 0; word < 8; word += step) tuple.words[word] = from.i32();
  tuple.keys = from.i32();
  tuple.inverse = l4s[protocol].invert(tuple.keys);
}

/** A tuple with all that belongs to it. */
export function writeTuple(out: OctetWriter, tuple: Tuple): void {
  out.u8(tuple.family);
  out.u8(tuple.protocol);
  out.u16(tuple.zoneOriginal);
  out.u16(tuple.zoneReply);
  writeEnds(out, tuple);
}

export function readTuple(from: OctetReader, { l4s }: Pick<ConnectionTracker, 'l4s'>): Tuple {
  const family = from.u8();
  if (family !== 4 && family !== 6) throw new SnapshotError(`a tuple of family ${family}`);
  const protocol = from.u8();
  const tuple = new Tuple();
  tuple.setZones(from.u16(), from.u16());
  readEnds(from, tuple, family, protocol, l4s);
  return tuple;
}

// --- Writing -----------------------------------------------------------------------------------------------------------

/** Writes connection `id`, which is in the table. `tuple` is scratch. */
export function writeConnection(out: OctetWriter, tracker: ConnectionTracker, id: number, tuple: Tuple): void {
  const { table, connections, accounting } = tracker;
  const labels = connections.labelling.size === 0 ? undefined : connections.labelling.words(id);
  const counters = accounting.counting ? countersOf(tracker, id) : undefined;
  const birth = accounting.birth(id);
  const shifts = table.status(id) & IPS_SEQ_ADJUST ? shiftsOf(tracker, id) : undefined;
  const policy = tracker.policies.policy(id);
  const events = tracker.events.mask(id);
  const helper = tracker.helping.helper(id);
  const master = tracker.helping.master(id)?.id ?? -1;
  const device = tracker.nat.deviceOf(id);
  const proxied = tracker.proxied.get(id);
  table.readTuple(id, 0, tuple);
  let flags = table.family(id) === 6 ? FAMILY_6 : 0;
  if (table.replyDiffers(id)) flags |= REPLY;
  if (tuple.zoneOriginal !== 0 || tuple.zoneReply !== 0) flags |= ZONES;
  if (table.mark(id) !== 0) flags |= MARK;
  if (connections.secmark(id) !== 0) flags |= CONTEXT;
  if (labels) flags |= LABELS;
  if (counters) flags |= COUNTERS;
  if (birth !== undefined) flags |= AGE;
  if (shifts) flags |= SHIFTED;
  if (policy) flags |= POLICY;
  if (events !== 0) flags |= EVENTS;
  if (helper) flags |= HELPER;
  if (master >= 0) flags |= MASTER;
  if (device !== '') flags |= DEVICE;
  if (proxied) flags |= PROXIED;

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
  if (flags & CONTEXT) out.text(connections.contexts.nameOf(connections.secmark(id)));
  for (const word of labels ?? []) out.i32(word);
  for (const value of counters ?? []) out.f64(value);
  // Births are of the packets' clock, which this connection's last packet has read too.
  if (birth !== undefined) out.f64(Math.max(0, tracker.time - birth));
  for (const value of shifts ?? []) out.i32(value);
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
  if (proxied) for (const word of [proxied.firstSequence, proxied.firstTime, proxied.timeShift]) out.i32(word | 0);
}

function countersOf({ accounting }: ConnectionTracker, id: number): number[] | undefined {
  const [there, back] = [accounting.counted(id, 0), accounting.counted(id, 1)];
  return there && back && [there.packets, there.bytes, back.packets, back.bytes];
}

function shiftsOf({ seqadj }: ConnectionTracker, id: number): number[] | undefined {
  const [there, back] = [seqadj.get(id, 0), seqadj.get(id, 1)];
  return there && back && [there, back].flatMap(({ position, before, after }) => [position, before, after]);
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

/** Reads the next connection into `image`. Throws a SnapshotError for what no table could have written. */
export function readConnection(from: OctetReader, { l4s }: ConnectionTracker, image: ConnectionImage): void {
  const flags = from.u16();
  const { original, reply } = image;
  const family = flags & FAMILY_6 ? 6 : 4;
  const protocol = from.u8();
  image.state = from.u8();
  image.status = from.u16() & LASTING;
  image.left = from.i32();
  readEnds(from, original, family, protocol, l4s);
  image.wordCount = countOf(from.u8(), MOST_WORDS);
  for (let word = 0; word < image.wordCount; word++) image.words[word] = from.i32();
  const zones = flags & ZONES ? from.i32() : 0;
  original.setZones(zones >>> 16, zones & 0xffff);
  image.replyDiffers = (flags & REPLY) !== 0;
  reply.copy(original);
  if (image.replyDiffers) readEnds(from, reply, family, protocol, l4s);
  else reply.invert();
  image.mark = flags & MARK ? from.i32() : 0;
  if (flags & CONTEXT_NUMBER) from.i32();
  image.secctx = flags & CONTEXT ? from.text() : '';
  image.labels = flags & LABELS ? Array.from({ length: 4 }, () => from.i32()) : undefined;
  image.counters = flags & COUNTERS ? Array.from({ length: 4 }, () => from.f64()) : undefined;
  image.age = flags & AGE ? from.f64() : undefined;
  image.shifts = flags & SHIFTED ? Array.from({ length: 6 }, () => from.i32()) : undefined;
  image.policy = flags & POLICY ? from.text() : undefined;
  image.events = flags & EVENTS ? from.i32() : 0;
  image.helper = flags & HELPER ? { name: from.text(), state: plainData(from.text()) } : undefined;
  image.master = flags & MASTER ? readTuple(from, { l4s }) : undefined;
  image.device = flags & DEVICE ? from.text() : '';
  image.proxied = flags & PROXIED ? Array.from({ length: 3 }, () => from.i32()) : undefined;
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
  if (image.wordCount !== wanted || image.state >= (l4.states?.length ?? 1)) return 'foreign';
  const left = image.left - elapsed;
  if (!(left > 0)) return 'over';
  if (tracker.findLive(original, original.zoneOriginal) >= 0) return 'taken';
  // Without translation whoever has the reply tuple has the original one too.
  const apart = image.replyDiffers || original.zoneOriginal !== original.zoneReply || table.asymmetric > 0;
  if (apart && tracker.findLive(reply, original.zoneReply) >= 0) return 'taken';
  const { max } = sysctls.limits;
  if (max !== 0 && table.count >= max) return 'full';

  table.limit = max === 0 ? Number.POSITIVE_INFINITY : max;
  const id = tracker.open(original, tracker.time);
  if (image.replyDiffers) table.setReply(id, reply);
  table.setState(id, image.state);
  table.addStatus(id, image.status | IPS_CONFIRMED);
  table.expires[id] = tracker.now + left;
  giveWords(tracker, id, image, elapsed);
  giveRest(tracker, id, image, elapsed);
  table.insert(id);
  return id;
}

function giveWords(
  { table, l4s, now }: ConnectionTracker,
  id: number,
  { words, wordCount }: ConnectionImage,
  elapsed: number,
): void {
  const protocol = table.protocol(id);
  const l4 = l4s[protocol];
  if (l4.wordIsTime) table.own[id] = now + words[0] - elapsed;
  else if (l4.words > 0)
    (table.slabs[protocol] as Slab).words.set(words.subarray(0, wordCount), table.own[id] * l4.words);
}

function giveRest(tracker: ConnectionTracker, id: number, image: ConnectionImage, elapsed: number): void {
  const { table, connections, accounting, seqadj, policies, events, helping, nat } = tracker;
  if (image.mark !== 0) table.setMark(id, image.mark);
  if (image.secctx !== '') connections.setSecmark(id, connections.contexts.numberOf(image.secctx));
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
  if (image.events !== 0) events.open(id, 0, image.events, 0);
  if (image.helper && helping.assignByName(id, image.helper.name)) {
    const help = helping.help(id);
    if (help && image.helper.state !== null) help.state = image.helper.state;
  }
  nat.restore(id, image.device);
  if (image.proxied) {
    const [firstSequence, firstTime, timeShift] = image.proxied;
    tracker.proxied.set(id, { firstSequence, firstTime, timeShift });
  }
}
