// A list of recent: addresses of both families, and the times at which they were seen. A file below /proc/net, which people read and write.

import { ProcFile } from '../../engine/proc-file.ts';
import { parseAddress } from '../../packet/address.ts';
import { u32 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { jiffies } from './jiffies.ts';
import { type Entry, KeyedList } from './keyed-list.ts';
import { fullAddress, putAddress } from './packet-addresses.ts';

/** Module parameter ip_list_tot. */
const MOST_ENTRIES = 100;

/** An address in a list: a ring of times, in jiffies. */
export interface Seen {
  ttl: number;
  stamps: number[];
  /** Of the next stamp; may be one past the ring's end. */
  index: number;
}
export type SeenEntry = Entry<Seen>;

const FAMILY_WORD = 4;

export class RecentList extends ProcFile {
  readonly path: string;
  private readonly mask: Int32Array;
  private readonly entries: KeyedList<Seen>;
  private readonly key = new Int32Array(5);
  private stampMask = 0;

  constructor(name: string, mask: Int32Array, secret: number) {
    super();
    this.path = `xt_recent/${name}`;
    this.mask = mask;
    this.entries = new KeyedList(secret);
  }

  /** A rule that wants to look back further than the list does empties it. recent_mt_check() */
  keepStamps(mask: number): void {
    if (mask <= this.stampMask) return;
    if (this.stampMask !== 0) this.entries.clear();
    this.stampMask = mask;
  }

  /** The key of what was looked for stays, for add(). A TTL of 0, wanted or noted, agrees with any. recent_entry_lookup() */
  find(pkt: Packet, family: Family, offset: number, ttl: number): SeenEntry | undefined {
    const { key } = this;
    key.fill(0);
    key[FAMILY_WORD] = family;
    putAddress(key, 0, pkt, offset, family, this.mask);
    const found = this.entries.find(key);
    if (!found || ttl === 0 || found.value.ttl === 0 || found.value.ttl === ttl) return found;
    return undefined;
  }

  add(ttl: number, now: number): void {
    if (this.entries.size >= MOST_ENTRIES) this.entries.remove(this.entries.oldest!);
    this.entries.add(this.key, { ttl, stamps: [now], index: 1 });
  }

  remove(entry: SeenEntry): void {
    this.entries.remove(entry);
  }

  /** recent_entry_update() */
  update(entry: SeenEntry, ttl: number, now: number): void {
    const seen = entry.value;
    seen.index &= this.stampMask;
    seen.stamps[seen.index++] = now;
    seen.ttl = ttl;
    this.entries.touch(entry);
  }

  /** Looks at one entry, the one that was not used longest. recent_entry_reap() */
  reap(since: number, updated: SeenEntry | undefined): void {
    const { oldest } = this.entries;
    if (!oldest || oldest === updated) return;
    const { stamps, index } = oldest.value;
    if (stamps[index - 1] < since) this.entries.remove(oldest);
  }

  // --- /proc -----------------------------------------------------------------------------------------------------------

  /** recent_seq_show(); the order is that of use, where the kernel has that of its hash. */
  read(): string {
    const lines: string[] = [];
    for (let entry = this.entries.oldest; entry; entry = entry.newer) lines.push(this.line(entry));
    return lines.join('');
  }

  private line({ key, value: { ttl, stamps, index } }: SeenEntry): string {
    const last = stamps[(index - 1) & this.stampMask];
    const source = fullAddress(key, 0, key[FAMILY_WORD] as Family);
    return `src=${source} ttl: ${ttl} last_seen: ${last} oldest_pkt: ${index} ${stamps.join(', ')}\n`;
  }

  /** `+ADDRESS` adds or notes that it was seen, `-ADDRESS` takes out, `/` empties; the mask does not count. recent_mt_proc_write() */
  override write(text: string, now: number): void {
    if (text === '') return;
    if (text[0] === '/') {
      this.entries.clear();
      return;
    }
    const [line] = text.slice(1).split('\n');
    const family: Family = text.includes(':') ? 6 : 4;
    const address = parseAddress(line, family);
    if ((text[0] !== '+' && text[0] !== '-') || !address) {
      throw new Error('Invalid argument: "+ADDRESS", "-ADDRESS" or "/" is wanted');
    }
    this.key.fill(0);
    this.key[FAMILY_WORD] = family;
    if (family === 4) this.key[0] = u32(address, 12);
    else for (let at = 0; at < FAMILY_WORD; at++) this.key[at] = u32(address, 4 * at);
    this.edit(text[0], jiffies(now));
  }

  private edit(sign: string, tick: number): void {
    const found = this.entries.find(this.key);
    if (sign === '-') {
      if (found) this.entries.remove(found);
    } else if (found) {
      // The TTL that it was seen with stays.
      this.update(found, found.value.ttl, tick);
    } else {
      this.add(0, tick);
    }
  }
}
