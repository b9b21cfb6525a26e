// A connection as data: what tools list, filter and print, what events carry. Numbers and octets as the table has them; text is made
// where it is shown (text/).
//
// Between threads and processes flows travel in pages of 32-bit words, packed straight from the table's columns: listing a million
// connections costs the data plane a copy of each, and no object or string.

import type { Address } from '../packet/address.ts';
import { IPPROTO_DCCP, IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_SCTP } from '../packet/numbers.ts';
import { timeoutOf } from './l4/gre.ts';
import type { ConnectionTracker } from './tracker.ts';

export interface Counted {
  packets: number;
  bytes: number;
}

/** One direction of a flow. Keys are ports; ICMP: id, and type and code as `type << 8 | code`. */
export interface FlowTuple {
  src: Address;
  dst: Address;
  srcKey: number;
  dstKey: number;
  /** Where the connection is counted. */
  counters?: Counted;
}

/** A connection. What an event does not tell, and what the connection does not have, is left out. */
export interface Flow {
  id: number;
  family: 4 | 6;
  protocol: number;
  /** IPS_ bits. */
  status: number;
  orig: FlowTuple;
  reply: FlowTuple;
  zoneOrig: number;
  zoneReply: number;
  /** Milliseconds left. */
  timeout?: number;
  /** The protocol's state, as an index of its names. */
  state?: number;
  mark: number;
  /** The 128 bits of connlabels in four words, where there are any. */
  labels?: readonly number[];
  helper?: string;
  /** The security context that CONNSECMARK gave it. */
  secctx?: string;
  /** Milliseconds since 1970, and for how long it has lived; nf_conntrack_timestamp. */
  start?: number;
  stop?: number;
  age?: number;
  /** SCTP's verification tags. */
  tags?: readonly [number, number];
  /** GRE's, unreplied and replied, in ms: /proc shows them. */
  timeouts?: readonly [number, number];
  /** References, as the kernel counts them. */
  use: number;
}

export const PORT_PROTOCOLS: ReadonlySet<number> = new Set([6, 17, IPPROTO_DCCP, IPPROTO_SCTP, 136]);
export const isIcmp = (protocol: number): boolean => protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
export const hasKeys = (protocol: number): boolean =>
  PORT_PROTOCOLS.has(protocol) || isIcmp(protocol) || protocol === IPPROTO_GRE;

/** Flows on their way, and where to go on. */
export interface FlowPage {
  words: Int32Array;
  /** Names of helpers and security contexts, by the number that a flow has for its own. */
  names: string[];
  /** Id to go on from; -1: that was all. */
  next: number;
}

// --- Packing -----------------------------------------------------------------------------------------------------------

// length | id | head | status, state + 1 | timeout | mark | zones | addresses and keys of both tuples | what HAS_ says, in its order
const FIXED = 7;
const FAMILY_6 = 1 << 8;
const HAS_TIMEOUT = 1 << 9;
const HAS_COUNTERS = 1 << 10;
const HAS_TIMES = 1 << 11;
const HAS_LABELS = 1 << 12;
const HAS_HELPER = 1 << 13;
const HAS_TAGS = 1 << 14;
const HAS_STOP = 1 << 15;
const HAS_TIMEOUTS = 1 << 16;
const HAS_CONTEXT = 1 << 17;
const USE_SHIFT = 20;
const MOST_USES = 0xfff;
/** The most that one flow takes. */
export const LONGEST = FIXED + 2 * 9 + 8 + 6 + 4 + 1 + 2 + 2 + 1;

const high = (value: number): number => Math.floor(value / 2 ** 32) | 0;
const whole = (upper: number, lower: number): number => upper * 2 ** 32 + (lower >>> 0);

/** What of a flow is told; an event tells what happened, and not all that is. */
export interface Telling {
  readonly timeout: boolean;
  readonly state: boolean;
  readonly counters: boolean;
  readonly times: boolean;
  /** The connection ends now. */
  readonly stop: boolean;
  readonly labels: boolean;
  readonly helper: boolean;
  readonly context: boolean;
}

/** Everything, as a dump tells it. */
export const WHOLE: Telling = {
  timeout: true,
  state: true,
  counters: true,
  times: true,
  stop: false,
  labels: true,
  helper: true,
  context: true,
};

/** Packs flows, one behind the other. */
export class FlowPacker {
  words = new Int32Array(64 * LONGEST);
  names: string[] = [];
  /** Words in use, and flows. */
  length = 0;
  count = 0;

  /** `now` is monotonic ms, `epoch` what has to be added to it for milliseconds since 1970. */
  add(tracker: ConnectionTracker, id: number, now: number, epoch: number, telling: Telling = WHOLE): void {
    if (this.length + LONGEST > this.words.length) this.grow();
    const { words } = this;
    const { table } = tracker;
    const start = this.length;
    const six = table.family(id) === 6;
    const l4 = tracker.l4s[table.protocol(id)];
    let has = table.protocol(id) | (six ? FAMILY_6 : 0);
    words[start + 1] = id;
    const state = telling.state && l4.states ? table.state(id) + 1 : 0;
    words[start + 3] = (table.status(id) & 0xffff) | (state << 16);
    if (telling.timeout) {
      has |= HAS_TIMEOUT;
      words[start + 4] = tracker.connections.timeLeft(id, now);
    }
    words[start + 5] = table.mark(id);
    words[start + 6] = (table.zone(id, 0) << 16) | table.zone(id, 1);
    this.length = start + FIXED;
    for (const direction of [0, 1] as const) {
      for (let word = 0; word < 8; word += six ? 1 : 4) this.put(table.tupleWord(id, direction, word));
      this.put(table.tupleKeys(id, direction));
    }
    if (telling.counters) has |= this.addCounters(tracker, id);
    if (telling.times) has |= this.addTimes(tracker, id, now, epoch, telling.stop);
    if (telling.labels) has |= this.addLabels(tracker, id);
    if (telling.helper) has |= this.addHelper(tracker, id);
    if (telling.context) has |= this.addContext(tracker, id);
    if (table.protocol(id) === IPPROTO_GRE) {
      has |= HAS_TIMEOUTS;
      this.put(timeoutOf(table, id, 0));
      this.put(timeoutOf(table, id, 1));
    }
    if (state > 0 && table.protocol(id) === IPPROTO_SCTP) {
      has |= HAS_TAGS;
      const slab = table.slabs[IPPROTO_SCTP];
      const at = table.own[id] * (slab?.stride ?? 0);
      this.put(slab?.words[at] ?? 0);
      this.put(slab?.words[at + 1] ?? 0);
    }
    // The table holds on to it, and so does each connection that came of its expectations.
    words[start + 2] = has | (Math.min(1 + tracker.helping.children(id), MOST_USES) << USE_SHIFT);
    words[start] = this.length - start;
    this.count++;
  }

  private put(word: number): void {
    this.words[this.length++] = word;
  }

  private putWhole(value: number): void {
    this.put(high(value));
    this.put(value | 0);
  }

  private addCounters({ accounting }: ConnectionTracker, id: number): number {
    const counted = accounting.counted(id, 0);
    const replied = accounting.counted(id, 1);
    if (!counted || !replied) return 0;
    for (const { packets, bytes } of [counted, replied]) {
      this.putWhole(packets % 2 ** 53);
      this.putWhole(bytes % 2 ** 53);
    }
    return HAS_COUNTERS;
  }

  private addTimes({ accounting }: ConnectionTracker, id: number, now: number, epoch: number, stop: boolean): number {
    const birth = accounting.birth(id);
    if (birth === undefined) return 0;
    this.putWhole(Math.floor(birth + epoch));
    this.putWhole(Math.floor(now - birth));
    return HAS_TIMES | (stop ? HAS_STOP : 0);
  }

  private addLabels({ connections }: ConnectionTracker, id: number): number {
    const labels = connections.labels(id);
    if (!labels) return 0;
    for (let word = 0; word < 4; word++) this.put(labels[word]);
    return HAS_LABELS;
  }

  private addHelper(tracker: ConnectionTracker, id: number): number {
    const helper = tracker.helper(id);
    if (helper === undefined) return 0;
    this.putName(helper);
    return HAS_HELPER;
  }

  private addContext({ connections }: ConnectionTracker, id: number): number {
    const number = connections.secmark(id);
    if (number === 0) return 0;
    this.putName(connections.contexts.nameOf(number));
    return HAS_CONTEXT;
  }

  private putName(name: string): void {
    const known = this.names.indexOf(name);
    this.put(known >= 0 ? known : this.names.push(name) - 1);
  }

  private grow(): void {
    const larger = new Int32Array(2 * this.words.length);
    larger.set(this.words);
    this.words = larger;
  }

  /** What was packed, as a copy of its own, and a fresh start. */
  take(next: number): FlowPage {
    const page = { words: this.words.slice(0, this.length), names: this.names, next };
    this.length = 0;
    this.count = 0;
    this.names = [];
    return page;
  }
}

// --- Unpacking ---------------------------------------------------------------------------------------------------------

/** The flows of a page. */
export function* unpack({ words, names }: Pick<FlowPage, 'words' | 'names'>): Generator<Flow> {
  for (let at = 0; at + FIXED <= words.length && words[at] > 0; at += words[at]) yield flowAt(words, names, at);
}

function flowAt(words: Int32Array, names: readonly string[], start: number): Flow {
  const head = words[start + 2];
  const six = (head & FAMILY_6) !== 0;
  const state = words[start + 3] >>> 16;
  let at = start + FIXED;
  const tuple = (): FlowTuple => {
    const src = addressFrom(words, at, six);
    const dst = addressFrom(words, at + (six ? 4 : 1), six);
    at += six ? 9 : 3;
    return { src, dst, srcKey: words[at - 1] >>> 16, dstKey: words[at - 1] & 0xffff };
  };
  const value = (): number => {
    at += 2;
    return whole(words[at - 2], words[at - 1]);
  };
  const flow: Flow = {
    id: words[start + 1],
    family: six ? 6 : 4,
    protocol: head & 0xff,
    status: words[start + 3] & 0xffff,
    orig: tuple(),
    reply: tuple(),
    zoneOrig: words[start + 6] >>> 16,
    zoneReply: words[start + 6] & 0xffff,
    mark: words[start + 5] >>> 0,
    use: (head >>> USE_SHIFT) & MOST_USES,
  };
  if (head & HAS_TIMEOUT) flow.timeout = words[start + 4];
  if (state > 0) flow.state = state - 1;
  if (head & HAS_COUNTERS) {
    flow.orig.counters = { packets: value(), bytes: value() };
    flow.reply.counters = { packets: value(), bytes: value() };
  }
  if (head & HAS_TIMES) {
    flow.start = value();
    flow.age = value();
    if (head & HAS_STOP) flow.stop = flow.start + flow.age;
  }
  if (head & HAS_LABELS) {
    flow.labels = [words[at], words[at + 1], words[at + 2], words[at + 3]];
    at += 4;
  }
  if (head & HAS_HELPER) flow.helper = names[words[at++]];
  if (head & HAS_CONTEXT) flow.secctx = names[words[at++]];
  if (head & HAS_TIMEOUTS) {
    flow.timeouts = [words[at], words[at + 1]];
    at += 2;
  }
  if (head & HAS_TAGS) flow.tags = [words[at] >>> 0, words[at + 1] >>> 0];
  return flow;
}

function addressFrom(words: Int32Array, at: number, six: boolean): Address {
  const address = new Uint8Array(16);
  const count = six ? 4 : 1;
  if (!six) address[10] = address[11] = 0xff;
  for (let word = 0; word < count; word++) {
    const to = 16 - 4 * (count - word);
    const value = words[at + word];
    address[to] = value >>> 24;
    address[to + 1] = (value >>> 16) & 0xff;
    address[to + 2] = (value >>> 8) & 0xff;
    address[to + 3] = value & 0xff;
  }
  return address;
}

const single = new FlowPacker();

/** One connection of the table. */
export function readFlow(tracker: ConnectionTracker, id: number, now: number, epoch = 0, telling = WHOLE): Flow {
  single.add(tracker, id, now, epoch, telling);
  return unpack(single.take(-1)).next().value as Flow;
}
