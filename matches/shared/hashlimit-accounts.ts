// What hashlimit keeps of one flow: its credit, or how it fared in its last window.
//
// Credit is counted in 64 bits that wrap, as two halves, for no number of JavaScript holds them: a jiffy adds 2^39 and so touches the
// upper half alone. net/netfilter/xt_hashlimit.c rateinfo_init(), rateinfo_recalc(), hashlimit_mt_common()

import { bytesOf, CHUNK_SHIFT, SCALE } from './hashlimit-rates.ts';
import { HZ } from './jiffies.ts';

const WORD = 2 ** 32;
/** CREDITS_PER_JIFFY of revision 3, the largest power of two with which a day does not overflow 64 bits, in units of 2^32. */
const PER_JIFFY_HIGH = 2 ** 7;
/** HZ * CREDITS_PER_JIFFY / SCALE */
const PER_MICROSECOND = (BigInt(HZ) << 39n) / BigInt(SCALE);
/** CREDITS_PER_JIFFY_BYTES */
const PER_JIFFY_BYTES = 2 ** 24;
const FULL_BYTES = PER_JIFFY_BYTES * HZ;

export interface AccountSettings {
  readonly bytes: boolean;
  readonly average: number;
  readonly burst: number;
  /** Tells whether a flow was above the rate in its last window, without holding it back. */
  readonly rateMatch: boolean;
  /** Seconds of such a window. */
  readonly interval: number;
}

/** user2credits(): what a packet costs at so many microseconds between two. */
export const packetCredits = (microseconds: bigint): bigint => BigInt.asUintN(64, microseconds * PER_MICROSECOND);

/** user2credits_byte(): what 16 octets cost. */
export const chunkCredits = (price: number): number => Number((BigInt(price) * BigInt(FULL_BYTES)) >> 32n);

export abstract class Account {
  /** Jiffies of the last packet: the entry's life counts from it. */
  seen = 0;
  /** Jiffies up to which it is reckoned. */
  protected settled: number;

  constructor(tick: number) {
    this.settled = tick;
  }

  /** Lets time pass up to `tick`. */
  abstract settle(tick: number): void;
  /** Books a packet; true while the flow is below the limit. */
  abstract book(octets: number, bytes: boolean): boolean;
  /** The three numbers that its line in /proc ends with. */
  abstract figures(): readonly bigint[];
}

/** A new account for a packet at `tick`. */
export const openAccount = (settings: AccountSettings, tick: number): Account =>
  settings.rateMatch ? new RateWindow(settings, tick) : new Credit(settings, tick);

class Credit extends Account {
  private readonly bytes: boolean;
  private high: number;
  private low: number;
  private capHigh: number;
  private capLow: number;
  private readonly costHigh: number;
  private readonly costLow: number;

  constructor({ bytes, average, burst }: AccountSettings, tick: number) {
    super(tick);
    this.bytes = bytes;
    const full = bytes ? BigInt(FULL_BYTES) : packetCredits(BigInt(average) * BigInt(burst));
    const cap = bytes ? BigInt(burst) : full;
    const cost = bytes ? BigInt(chunkCredits(average)) : packetCredits(BigInt(average));
    [this.high, this.low] = halves(full);
    [this.capHigh, this.capLow] = halves(cap);
    [this.costHigh, this.costLow] = halves(cost);
  }

  settle(tick: number): void {
    const passed = tick - this.settled;
    if (passed === 0) return;
    this.settled = tick;
    if (this.bytes) {
      const sum = this.low + passed * PER_JIFFY_BYTES;
      if (this.high > 0 || sum > FULL_BYTES) this.fill();
      else this.low = sum;
      return;
    }
    this.high = (this.high + ((passed * PER_JIFFY_HIGH) % WORD)) % WORD;
    if (this.high > this.capHigh || (this.high === this.capHigh && this.low > this.capLow)) {
      this.high = this.capHigh;
      this.low = this.capLow;
    }
  }

  book(octets: number, bytes: boolean): boolean {
    return bytes ? this.spend(0, this.priceOf(octets)) : this.spend(this.costHigh, this.costLow);
  }

  /** A full second's credit at the most, so that a large packet passes at all; out of the burst when that is not there. hashlimit_byte_cost() */
  private priceOf(octets: number): number {
    const chunks = (octets >>> CHUNK_SHIFT) + 1;
    const low = this.costLow * chunks;
    const high = (this.costHigh * chunks + Math.floor(low / WORD)) % WORD;
    const price = high > 0 ? FULL_BYTES : Math.min(low % WORD, FULL_BYTES);
    if (this.high === 0 && this.low < price && (this.capLow > 0 || this.capHigh > 0)) {
      if (this.capLow === 0) this.capHigh--;
      this.capLow = this.capLow === 0 ? WORD - 1 : this.capLow - 1;
      this.fill();
    }
    return price;
  }

  private fill(): void {
    this.high = 0;
    this.low = FULL_BYTES;
  }

  private spend(high: number, low: number): boolean {
    if (this.high < high || (this.high === high && this.low < low)) return false;
    this.high -= high;
    this.low -= low;
    if (this.low < 0) {
      this.low += WORD;
      this.high--;
    }
    return true;
  }

  figures(): readonly bigint[] {
    return [join(this.high, this.low), join(this.capHigh, this.capLow), join(this.costHigh, this.costLow)];
  }
}

/** What --hashlimit-rate-match looks at: the window that runs, and whether the one before was over the rate. */
class RateWindow extends Account {
  private readonly interval: number;
  /** In a second. */
  private readonly rate: number;
  private readonly burst: number;
  private current = 0;
  private wasOver = false;

  constructor({ bytes, average, burst, interval }: AccountSettings, tick: number) {
    super(tick);
    this.interval = interval;
    this.rate = bytes ? bytesOf(average) : Math.floor(SCALE / average);
    if (!bytes) this.burst = burst + this.rate;
    else this.burst = burst === 0 ? this.rate : burst * this.rate;
  }

  settle(tick: number): void {
    const passed = tick - this.settled;
    // The kernel multiplies 32-bit numbers.
    const window = Math.imul(this.interval, HZ) >>> 0;
    if (passed === 0 || passed < window) return;
    this.settled = tick;
    this.wasOver = this.current * window > passed * this.rate;
    this.current = 0;
  }

  book(octets: number, bytes: boolean): boolean {
    this.current += bytes ? octets : 1;
    return !this.wasOver && this.current <= this.burst;
  }

  /** The same memory as that of the other kind: interval and verdict in one number. */
  figures(): readonly bigint[] {
    return [join(this.wasOver ? 1 : 0, this.interval), BigInt(this.current), BigInt(this.rate)];
  }
}

const halves = (value: bigint): [number, number] => [Number(value >> 32n), Number(value & 0xffff_ffffn)];
const join = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);
