// A set of addresses, ports and the like: every type but list:set. Members are rows of columns: keys in one array of words, extensions
// beside them; an open-addressing index with a secret key finds them. Nothing is allocated for a packet that looks.
//
// A member's life: add() gives it a row (a free one or the next), its timeout makes it invisible, and a sweep before the table grows,
// when it is full, or when it is listed takes the invisible ones out. Rows keep their numbers, and lists go by them.
//
// Networks: the key holds the prefix length, and `Prefixes` which lengths are in use; a lookup tries them longest first.
// Source: net/netfilter/ipset/ip_set_hash_gen.h, ip_set_hash_*.c, ip_set_bitmap_*.c

import { halfSipHash, PADDING } from '../../conntrack/table/halfsiphash.ts';
import { HashIndex } from '../../conntrack/table/hash-index.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { Extensions, type MemberOptions, type SetQuery } from './extensions.ts';
import {
  type Element,
  isNull,
  type Layout,
  layoutOf,
  maskWord,
  PHYSDEV,
  readKey,
  WILDCARD,
  writeKey,
} from './layout.ts';
import { Prefixes } from './prefixes.ts';
import { readParts } from './probe.ts';
import { SetError, type SetHeader, type SetType } from './types.ts';

export const NOT_THERE = 0;
export const THERE = 1;
/** The longest network that fits is marked nomatch. */
export const EXCEPTED = -1;
export type Found = typeof NOT_THERE | typeof THERE | typeof EXCEPTED;

/** Devices of one network, as the kernel's buckets bound them. Differs: the kernel's bucketsize then grows, ours prints as it was given. */
const MOST_IFACES = 64;

export class MemberSet {
  readonly type: SetType;
  readonly header: SetHeader;
  readonly layout: Layout;
  readonly extensions: Extensions;
  private readonly random: () => number;
  private readonly secret: readonly [number, number];
  private index = new HashIndex();
  private words = new Int32Array(0);
  private there = new Uint8Array(0);
  private free: number[] = [];
  private rows = 0;
  private count = 0;
  private prefixes: readonly Prefixes[];
  private ifaces: string[] = [];
  private readonly ifaceIds = new Map<string, number>();
  /** What is looked for: the whole addresses, and the key with prefixes cut. */
  private readonly host: Int32Array;
  private readonly key: Int32Array;
  private ifaceName = '';
  private ifaceFlags = 0;
  /** Members of the last key's network, on whatever device. */
  private onOtherDevices = 0;

  constructor(type: SetType, header: SetHeader, random: () => number) {
    this.type = type;
    this.header = header;
    this.layout = layoutOf(type, header);
    this.extensions = new Extensions(header);
    this.random = random;
    this.secret = [header.initval | 0, random() | 0];
    this.prefixes = this.layout.nets.map(() => new Prefixes());
    this.host = new Int32Array(this.layout.words + PADDING);
    this.key = new Int32Array(this.layout.words + PADDING);
  }

  // --- Finding -------------------------------------------------------------------------------------------------------

  /** Row of the member with `key`, or -1. */
  private find(): number {
    const { key, layout, index, words } = this;
    const hash = halfSipHash(key, layout.hashed, this.secret[0], this.secret[1]);
    this.onOtherDevices = 0;
    for (let slot = index.first(hash); slot >= 0; slot = index.next(slot, hash)) {
      const row = index.value(slot);
      const base = row * layout.words;
      let word = 0;
      // halfSipHash() left its padding behind the hashed words.
      while (word < layout.hashed && words[base + word] === key[word]) word++;
      if (word < layout.hashed) continue;
      if (layout.iface < 0 || this.ifaceFits(words[base + layout.iface])) return row;
    }
    return -1;
  }

  private ifaceFits(member: number): boolean {
    if ((member & PHYSDEV) !== (this.ifaceFlags & PHYSDEV)) return false;
    this.onOtherDevices++;
    const name = this.ifaces[member & ~(PHYSDEV | WILDCARD)];
    return member & WILDCARD ? this.ifaceName.startsWith(name) : this.ifaceName === name;
  }

  /**
   * The member for the whole addresses in `host` that may be taken, longest prefixes first; -1: none. One that a packet meets and that
   * then fails the rule's other conditions has counted it, and shorter prefixes are looked at all the same.
   */
  private search(now: number, meeting: SetQuery | undefined, octets: number, count: boolean, compare: boolean): number {
    const [first, second] = this.prefixes;
    if (first === undefined) {
      this.copyHost();
      return this.taken(this.find(), now, meeting, octets, count, compare);
    }
    for (let i = 0; i < first.used; i++) {
      for (let k = 0; k < (second?.used ?? 1); k++) {
        this.copyHost();
        this.cut(0, first.lengths[i]);
        if (second !== undefined) this.cut(1, second.lengths[k]);
        const found = this.find();
        const row = this.taken(found, now, meeting, octets, count, compare);
        if (row >= 0) return row;
        // The network is there on another device: then the kernel looks no further.
        if (found < 0 && this.onOtherDevices > 0) return -1;
      }
    }
    return -1;
  }

  private taken(
    row: number,
    now: number,
    meeting: SetQuery | undefined,
    octets: number,
    count: boolean,
    compare: boolean,
  ): number {
    if (row < 0 || this.extensions.expired(row, now)) return -1;
    return meeting === undefined || this.extensions.meets(row, meeting, octets, count, compare) ? row : -1;
  }

  /** A loop: TypedArray.set() costs more than the lookup for so few words. */
  private copyHost(): void {
    const { key, host } = this;
    for (let word = this.layout.hashed - 1; word >= 0; word--) key[word] = host[word];
  }

  private cut(net: number, length: number): void {
    const { nets, at, width } = this.layout;
    const { part, word } = nets[net];
    const from = at[part];
    for (let index = 0; index < width; index++) this.key[from + index] &= maskWord(length, index);
    this.key[word] |= length;
  }

  private visible(row: number, now: number): number {
    return row >= 0 && this.extensions.expired(row, now) ? -1 : row;
  }

  // --- By packets ----------------------------------------------------------------------------------------------------

  /** Lays the packet's parts into `host`; false: it has none of the kind. */
  private readPacket(pkt: Packet, query: SetQuery): boolean {
    const { layout, host, header } = this;
    if (query.dimensions < layout.parts.length) return false;
    if (header.family !== undefined && header.family !== pkt.family) return false;
    if (!readParts(pkt, query.sources, layout, header, host)) return false;
    if (layout.iface >= 0) {
      this.ifaceName = query.sources & (1 << layout.parts.indexOf('iface')) ? pkt.inDevice : pkt.outDevice;
      this.ifaceFlags = 0;
      if (this.ifaceName === '') return false;
    }
    return this.type.storage === 'bitmap' ? this.readBitmap() : !this.isNullKey(host);
  }

  /** bitmap:port knows no protocol and looks at two only. */
  private readBitmap(): boolean {
    const { host, layout } = this;
    if (layout.tail >= 0) {
      const protocol = (host[0] >>> 8) & 0xff;
      if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return false;
      host[0] &= 0xffff_0000 | 0;
    }
    return this.inRange(host);
  }

  private isNullKey(key: Int32Array): boolean {
    const { name } = this.type;
    return (name === 'hash:ip' || name === 'hash:ip,port') && isNull(this.layout, key);
  }

  private inRange(key: Int32Array): boolean {
    const [first, last] = this.header.range!;
    const value = this.layout.tail >= 0 ? key[0] >>> 16 : key[0] >>> 0;
    return first <= value && value <= last;
  }

  testPacket(pkt: Packet, query: SetQuery, count: boolean, compare: boolean): Found {
    if (this.count === 0 || !this.readPacket(pkt, query)) return NOT_THERE;
    const row = this.search(pkt.now, query, pkt.end - pkt.l3, count, compare);
    if (row < 0) return NOT_THERE;
    return this.extensions.nomatch(row) ? EXCEPTED : THERE;
  }

  /** Whether the packet's element is a new member now; one that is there already is renewed only if `exist`. */
  addPacket(pkt: Packet, query: SetQuery, exist: boolean, timeout: number | undefined): boolean {
    if (!this.readPacket(pkt, query)) return false;
    this.cutAsPacketsAre();
    const { now } = pkt;
    let row = this.find();
    const there = this.visible(row, now) >= 0;
    if (there && !exist) return false;
    if (row < 0) row = this.insert(now);
    if (row < 0) return false;
    const renewed = there && this.type.storage === 'hash';
    this.extensions.setByPacket(row, timeout, pkt.end - pkt.l3, now, renewed);
    return true;
  }

  deletePacket(pkt: Packet, query: SetQuery): boolean {
    if (!this.readPacket(pkt, query)) return false;
    this.cutAsPacketsAre();
    const row = this.find();
    const found = this.visible(row, pkt.now) >= 0;
    if (row >= 0) this.remove(row);
    return found;
  }

  /** What a packet puts in is of the longest prefix that the set has, or a whole address. */
  private cutAsPacketsAre(): void {
    this.copyHost();
    this.prefixes.forEach((prefixes, net) => {
      this.cut(net, prefixes.used > 0 ? prefixes.lengths[0] : this.layout.width * 32);
    });
  }

  // --- By commands ---------------------------------------------------------------------------------------------------

  private take(element: Element): void {
    writeKey(element, this.layout, this.type, this.header, this.key);
    this.ifaceName = element.iface;
    this.ifaceFlags = (element.physdev ? PHYSDEV : 0) | (element.wildcard ? WILDCARD : 0);
    if (this.type.storage !== 'bitmap') return;
    if (this.layout.tail >= 0) this.key[0] &= 0xffff_0000 | 0;
    if (!this.inRange(this.layout.tail >= 0 ? this.key : element.addresses[0]))
      throw new SetError('Element is out of the range of the set');
  }

  /** Throws SetError when no member could be so. */
  check(element: Element): void {
    this.take(element);
  }

  /** Throws SetError: full, or there already and not `exist`. */
  add(element: Element, options: MemberOptions, exist: boolean, now: number): void {
    this.take(element);
    let row = this.find();
    const fresh = row < 0;
    if (!fresh && !exist && !this.extensions.expired(row, now)) {
      throw new SetError("Element cannot be added to the set: it's already added");
    }
    if (fresh && this.onOtherDevices >= MOST_IFACES) throw new SetError(FULL);
    if (fresh) row = this.insert(now);
    if (row < 0) throw new SetError(FULL);
    this.extensions.set(row, options, fresh, now);
  }

  delete(element: Element, exist: boolean, now: number): void {
    this.take(element);
    const row = this.find();
    const gone = this.visible(row, now) < 0;
    if (row >= 0) this.remove(row);
    if (gone && !exist) throw new SetError("Element cannot be deleted from the set: it's not added");
  }

  /** Whole addresses are looked up as a packet's would be, networks as they are. */
  test(element: Element, nomatch: boolean, now: number): boolean {
    try {
      this.take(element);
    } catch (error) {
      // What cannot be a member is none.
      if (error instanceof SetError) return false;
      throw error;
    }
    const whole = this.layout.nets.every(({ part }) => element.lengths[part] === this.layout.width * 32);
    let row: number;
    if (whole && this.layout.nets.length > 0) {
      this.host.set(this.key);
      for (const { word } of this.layout.nets) this.host[word] &= ~0xff;
      row = this.search(now, undefined, 0, false, false);
    } else row = this.visible(this.find(), now);
    return row >= 0 && this.extensions.nomatch(row) === nomatch;
  }

  flush(): void {
    this.index = new HashIndex();
    this.words = new Int32Array(0);
    this.there = new Uint8Array(0);
    this.free = [];
    this.rows = this.count = 0;
    this.prefixes = this.layout.nets.map(() => new Prefixes());
    this.ifaces = [];
    this.ifaceIds.clear();
    this.extensions.resize(0);
  }

  // --- Rows ----------------------------------------------------------------------------------------------------------

  /** A row for `key`; -1: the set is full. */
  private insert(now: number): number {
    const { type, header, layout } = this;
    if (type.storage === 'hash' && this.count >= header.maxElements) {
      this.sweep(now);
      if (this.count >= header.maxElements && !(header.forceAdd && this.evict())) return -1;
    }
    if (this.free.length === 0 && this.rows === this.there.length) this.makeRoom(now);
    const row = this.free.pop() ?? this.rows++;
    const base = row * layout.words;
    this.words.set(this.key.subarray(0, layout.hashed), base);
    if (layout.iface >= 0) this.words[base + layout.iface] = this.ifaceId(this.ifaceName) | this.ifaceFlags;
    this.there[row] = 1;
    this.count++;
    this.index.add(this.hashOf(row), row);
    layout.nets.forEach(({ word }, net) => {
      this.prefixes[net].add(this.key[word] & 0xff);
    });
    return row;
  }

  private remove(row: number): void {
    const { layout } = this;
    this.index.remove(this.hashOf(row), row);
    layout.nets.forEach(({ word }, net) => {
      this.prefixes[net].remove(this.words[row * layout.words + word] & 0xff);
    });
    this.there[row] = 0;
    this.extensions.clear(row);
    this.free.push(row);
    this.count--;
  }

  private hashOf(row: number): number {
    const { layout, words, secret } = this;
    const base = row * layout.words;
    for (let word = 0; word < layout.hashed; word++) this.key[word] = words[base + word];
    return halfSipHash(this.key, layout.hashed, secret[0], secret[1]);
  }

  private makeRoom(now: number): void {
    const { layout } = this;
    const { key } = this;
    const kept = key.slice();
    this.sweep(now);
    key.set(kept);
    if (this.free.length > 0) return;
    const rows = Math.max(16, 2 * this.there.length);
    const words = new Int32Array(rows * layout.words);
    words.set(this.words);
    this.words = words;
    const there = new Uint8Array(rows);
    there.set(this.there);
    this.there = there;
    this.extensions.resize(rows);
  }

  /** Takes out what has timed out. */
  private sweep(now: number): void {
    if (this.header.timeout === undefined) return;
    const kept = this.key.slice();
    for (let row = 0; row < this.rows; row++)
      if (this.there[row] && this.extensions.expired(row, now)) this.remove(row);
    this.key.set(kept);
  }

  /** forceadd: some member makes room. */
  private evict(): boolean {
    if (this.count === 0) return false;
    const kept = this.key.slice();
    let row = this.random() % this.rows;
    while (!this.there[row]) row = (row + 1) % this.rows;
    this.remove(row);
    this.key.set(kept);
    return true;
  }

  private ifaceId(name: string): number {
    let id = this.ifaceIds.get(name);
    if (id === undefined) {
      id = this.ifaces.push(name) - 1;
      this.ifaceIds.set(name, id);
    }
    return id;
  }

  // --- Looking at it -------------------------------------------------------------------------------------------------

  /** Visible members, by row; bitmaps in their order. Those that packets take out while somebody goes through them are left out. */
  *members(now: number): Generator<{ readonly row: number; readonly element: Element }> {
    this.sweep(now);
    const rows: number[] = [];
    for (let row = 0; row < this.rows; row++) if (this.there[row]) rows.push(row);
    if (this.type.storage === 'bitmap') rows.sort((a, b) => (this.words[a] >>> 0) - (this.words[b] >>> 0));
    for (const row of rows) {
      if (!this.there[row]) continue;
      const words = this.words.subarray(row * this.layout.words, (row + 1) * this.layout.words);
      yield { row, element: readKey(words, this.layout, this.ifaces) };
    }
  }

  entries(now: number): number {
    this.sweep(now);
    return this.count;
  }

  /** Octets reserved. Differs: what the kernel says here are the octets of its own tables. */
  get size(): number {
    return this.words.byteLength + this.there.byteLength + this.index.size + this.extensions.size;
  }
}

const FULL = 'Hash is full, cannot add more elements';
