// SYN cookies: the first sequence number of the answer to a SYN, made so that the client's ACK alone proves that the SYN came from
// where it said, and tells the MSS. Nothing is kept between the two. D. J. Bernstein's, as Linux lays them out:
//   hash of the flow + client's sequence number + (minutes << 24) + (hash of the flow and the minutes + number of the MSS) mod 2^24
// net/ipv4/syncookies.c secure_tcp_syn_cookie(), check_tcp_syn_cookie(); the hash is another one, keyed all the same.

import { halfSipHash, PADDING } from '../../conntrack/table/halfsiphash.ts';
import { u32 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import type { Random } from '../services.ts';

/** What a cookie can tell; the nearest below, or the smallest. msstab[] */
const MSS: Record<Family, readonly number[]> = {
  4: [536, 1300, 1440, 1460],
  6: [1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60],
};

const COOKIE_BITS = 24;
const COOKIE_MASK = 2 ** COOKIE_BITS - 1;
const COUNT_MASK = 0xff;
/** TCP_SYNCOOKIE_PERIOD */
const PERIOD_MS = 60_000;
/** MAX_SYNCOOKIE_AGE, in periods */
const MOST_AGE = 2;

const FLOW_WORDS = 10;

export class SynCookies {
  private readonly keys: Int32Array;
  private readonly words = new Int32Array(FLOW_WORDS + PADDING);

  constructor(random: Random) {
    this.keys = Int32Array.from({ length: 4 }, () => random());
  }

  /** The sequence number that answers the SYN `pkt`, whose sender said `mss` (0: nothing). Unsigned. */
  make(pkt: Packet, mss: number): number {
    const table = MSS[pkt.family as Family];
    let index = table.length - 1;
    while (index > 0 && mss < table[index]) index--;
    const count = countAt(pkt.now);
    const hidden = (this.hash(pkt, count, 2) + index) & COOKIE_MASK;
    return (this.hash(pkt, 0, 0) + tcp.sequence(pkt.bytes, pkt.l4) + (count << COOKIE_BITS) + hidden) >>> 0;
  }

  /** The MSS that the ACK `pkt` brings back; 0: it acknowledges no cookie of ours, or an old one. */
  check(pkt: Packet): number {
    const { bytes, l4, now } = pkt;
    const first = tcp.sequence(bytes, l4) - 1;
    const cookie = (tcp.acknowledgment(bytes, l4) - 1 - this.hash(pkt, 0, 0) - first) >>> 0;
    const count = countAt(now);
    const age = (count - (cookie >>> COOKIE_BITS)) & COUNT_MASK;
    if (age >= MOST_AGE) return 0;
    const index = (cookie - this.hash(pkt, count - age, 2)) & COOKIE_MASK;
    return MSS[pkt.family as Family][index] ?? 0;
  }

  /** Of addresses, ports and `count`, with the key at `key`. */
  private hash({ bytes, l3, l4, family }: Packet, count: number, key: number): number {
    const { words, keys } = this;
    const is4 = family === 4;
    const addresses = l3 + (is4 ? ipv4.SOURCE_AT : ipv6.SOURCE_AT);
    const length = is4 ? 2 : 8;
    for (let word = 0; word < length; word++) words[word] = u32(bytes, addresses + 4 * word);
    words[length] = u32(bytes, l4);
    words[length + 1] = count;
    return halfSipHash(words, length + 2, keys[key], keys[key + 1]);
  }
}

const countAt = (now: number): number => Math.floor(now / PERIOD_MS) | 0;
