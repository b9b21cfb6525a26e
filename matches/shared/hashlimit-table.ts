// A table of hashlimit: an account for each flow, as the mode tells flows apart. It is shared by all rules of a family that name it. All
// settings are those of the rule that made it, but for two things that each rule asks by: octets or packets, above or up to.
// Differs: a rule that asks for --hashlimit-rate-match of a table made without it, or the other way round, reads in the kernel the one
// kind of account as the other, and some memory that nobody filled; here the table's kind holds.

import { ProcFile } from '../../engine/proc-file.ts';
import { u32 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { IPPROTO_NONE } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { portsOffset } from '../../packet/ports.ts';
import { type Account, type AccountSettings, openAccount } from './hashlimit-accounts.ts';
import { HZ, jiffies } from './jiffies.ts';
import { type Entry, KeyedList } from './keyed-list.ts';
import { addressOffset, fullAddress, maskWords, putAddress } from './packet-addresses.ts';

/** In the order in which they are printed. */
export const MODES = ['srcip', 'srcport', 'dstip', 'dstport'] as const;
export type Mode = (typeof MODES)[number];

export interface TableSettings extends AccountSettings {
  readonly modes: readonly Mode[];
  readonly sourceMask: number;
  readonly destinationMask: number;
  /** Buckets and entries; 0: not said. */
  readonly size: number;
  readonly max: number;
  /** Milliseconds. */
  readonly expire: number;
  readonly gcInterval: number;
}

/** Buckets where there is a gigabyte of memory, and entries to one. */
const DEFAULT_BUCKETS = 8_192;
const ENTRIES_A_BUCKET = 8;
/** MAX_JIFFY_OFFSET: what msecs_to_jiffies() makes of 2^31 ms and more. */
const MOST_JIFFIES = 2n ** 62n - 2n;
/** Words of both addresses, then both ports in one. */
const KEY_WORDS = 9;
const DESTINATION_WORD = 4;
const PORTS_WORD = 8;

/** Jiffies until then, or Infinity. msecs_to_jiffies() */
const ticksOf = (ms: number): number => (ms >= 2 ** 31 ? Number.POSITIVE_INFINITY : Math.ceil((ms * HZ) / 1000));

export class HashTable extends ProcFile {
  readonly path: string;
  private readonly settings: TableSettings;
  private readonly family: Family;
  /** Of the packet that asks. */
  private readonly key = new Int32Array(KEY_WORDS);
  /** Bits of the source and destination address, and of both ports, that count. */
  private readonly sourceMask: Int32Array;
  private readonly destinationMask: Int32Array;
  private readonly portsMask: number;
  private readonly most: number;
  private readonly life: number;
  private readonly gcTicks: number;
  private gcAt: number;
  private readonly accounts: KeyedList<Account>;

  constructor(name: string, family: Family, settings: TableSettings, { now, secret }: { now: number; secret: number }) {
    super();
    this.path = `${family === 4 ? 'ipt' : 'ip6t'}_hashlimit/${name}`;
    this.family = family;
    this.settings = settings;
    const { modes } = settings;
    this.sourceMask = maskWords(modes.includes('srcip') ? settings.sourceMask : 0);
    this.destinationMask = maskWords(modes.includes('dstip') ? settings.destinationMask : 0);
    this.portsMask = (modes.includes('srcport') ? 0xffff_0000 : 0) | (modes.includes('dstport') ? 0xffff : 0);
    const buckets = settings.size || DEFAULT_BUCKETS;
    this.most = settings.max === 0 ? ENTRIES_A_BUCKET * buckets : Math.max(settings.max, buckets);
    this.life = ticksOf(settings.expire);
    this.gcTicks = ticksOf(settings.gcInterval);
    this.gcAt = jiffies(now) + this.gcTicks;
    this.accounts = new KeyedList(secret);
  }

  /** The account of the packet's flow, settled up to now, a new one if need be. Undefined, with the packet dropped: there can be none. */
  account(pkt: Packet): Account | undefined {
    if (!this.putKey(pkt)) return void pkt.hotDrop('no ports to count by');
    const tick = jiffies(pkt.now);
    this.collect(tick);
    const found = this.accounts.find(this.key);
    if (found === undefined) return this.open(tick) ?? void pkt.hotDrop('hashlimit table is full');
    const account = found.value;
    account.seen = tick;
    account.settle(tick);
    this.accounts.touch(found);
    return account;
  }

  /** hashlimit_init_dst() */
  private putKey(pkt: Packet): boolean {
    const { key, family } = this;
    putAddress(key, 0, pkt, addressOffset('source', family), family, this.sourceMask);
    putAddress(key, DESTINATION_WORD, pkt, addressOffset('destination', family), family, this.destinationMask);
    if (this.portsMask === 0) return true;
    const ports = family === 4 ? ports4(pkt) : ports6(pkt);
    key[PORTS_WORD] = ports & this.portsMask;
    return ports !== CUT_SHORT;
  }

  private open(tick: number): Account | undefined {
    if (this.accounts.size >= this.most) return undefined;
    const account = openAccount(this.settings, tick);
    account.seen = tick;
    this.accounts.add(this.key, account);
    return account;
  }

  /** Entries live on beyond their time until the next collection: with the credit that they had, and in the listing. htable_gc() */
  private collect(tick: number): void {
    if (tick < this.gcAt) return;
    const last = this.gcAt + Math.floor((tick - this.gcAt) / this.gcTicks) * this.gcTicks;
    this.gcAt = last + this.gcTicks;
    let { oldest } = this.accounts;
    while (oldest && oldest.value.seen + this.life <= last) {
      this.accounts.remove(oldest);
      oldest = this.accounts.oldest;
    }
  }

  read(now: number): string {
    const tick = jiffies(now);
    this.collect(tick);
    const lines: string[] = [];
    for (let entry = this.accounts.oldest; entry; entry = entry.newer) lines.push(this.line(entry, tick));
    return lines.join('');
  }

  /** dl_seq_print() */
  private line({ key, value }: Entry<Account>, tick: number): string {
    value.settle(tick);
    const left = Number.isFinite(this.life)
      ? BigInt(value.seen + this.life - tick)
      : MOST_JIFFIES - BigInt(tick - value.seen);
    const [source, destination] = [0, DESTINATION_WORD].map((at) => fullAddress(key, at, this.family));
    const ports = key[PORTS_WORD];
    const numbers = value.figures().join(' ');
    return `${left / BigInt(HZ)} ${source}:${ports >>> 16}->${destination}:${ports & 0xffff} ${numbers}\n`;
  }
}

/** No pair of ports. */
const CUT_SHORT = -1;

/** Both ports in 32 unsigned bits, 0 for protocols that have none. Of a later fragment whatever stands in their place. */
const ports4 = (pkt: Packet): number => portsAt(pkt, pkt.bytes[pkt.l3 + 9]);

/** ipv6_skip_exthdr(): a chain that ends in nothing has no ports, nor has one that is broken; a later fragment is a protocol of its own. */
function ports6(pkt: Packet): number {
  if (pkt.fragmentOffset !== 0) return 0;
  return pkt.protocol < 0 || pkt.protocol === IPPROTO_NONE ? CUT_SHORT : portsAt(pkt, pkt.protocol);
}

function portsAt({ bytes, l4, end }: Packet, protocol: number): number {
  const offset = portsOffset(protocol);
  if (offset < 0) return 0;
  return l4 + offset + 4 <= end ? u32(bytes, l4 + offset) : CUT_SHORT;
}
