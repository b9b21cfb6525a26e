import type { Connections, Tracker } from '../conntrack/tracker.ts';
import { defineMatch } from '../engine/extension.ts';
import { flag, own, u32 } from '../grammar/values.ts';
import { type Family, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { jiffies } from './shared/jiffies.ts';
import { type Entry, KeyedList } from './shared/keyed-list.ts';
import { addressOffset, type End, maskWords, putAddress } from './shared/packet-addresses.ts';
import { prefix, wholeLength } from './shared/prefix.ts';

// Counts connections as the kernel does, which is not quite how many there are: a list per masked address holds those that met the rule.
// A packet puts its connection in when it is not there, and throws out what is over on the way to where it stands in the list; what
// stands behind stays until another comes. Connections that the rule itself keeps from being confirmed are in the list that long too.
//
// Differs: connections of TCP and SCTP that began before the rule was there are put in with their next packet. Linux 6.18 puts such a one in only
// where the list is new; else it is not counted, and its packets are dropped while the list is empty.

/** A packet throws out one more than this at most; so many new ones in one jiffy make the list be looked at all the same. CONNCOUNT_GC_MAX_NODES */
const MOST_COLLECTED = 64;

interface Checked {
  readonly limit: number;
  /** Matches up to the limit, not above it. */
  readonly upTo: boolean;
  /** Length of the prefix; a mask with holes counts as whole. */
  readonly mask: number;
  readonly end: End;
}

export const connlimit = defineMatch({
  name: 'connlimit',
  families: [4, 6],
  summary: 'How many connections an address or network has.',
  kernel: 'net/netfilter/xt_connlimit.c connlimit_mt(), nf_conncount.c',
  needsTracking: true,
  effect: 'stateful',
  options: {
    'connlimit-upto': u32({ help: 'at most so many', invert: true, excludes: ['connlimit-above'] }),
    'connlimit-above': u32({ help: 'more than so many', invert: true, excludes: ['connlimit-upto'] }),
    'connlimit-mask': own(prefix, { help: 'counts for networks of this prefix length' }),
    'connlimit-saddr': flag({ help: 'by source address (the default)', excludes: ['connlimit-daddr'] }),
    'connlimit-daddr': flag({ help: 'by destination address', excludes: ['connlimit-saddr'] }),
  },
  check(given, scope): Checked {
    const upto = given['connlimit-upto'];
    const used =
      upto ?? given['connlimit-above'] ?? scope.fail('You must specify "--connlimit-above" or "--connlimit-upto".');
    return {
      limit: used.value,
      upTo: (used === upto) !== used.inverted,
      mask: given['connlimit-mask']?.value ?? wholeLength(scope.family),
      end: given['connlimit-daddr'] ? 'destination' : 'source',
    };
  },
  save: ({ limit, upTo, mask, end }) =>
    `--connlimit-${upTo ? 'upto' : 'above'} ${limit} --connlimit-mask ${mask} --connlimit-${end === 'source' ? 's' : 'd'}addr`,
  list: ({ limit, upTo, mask, end }) =>
    `#conn ${end === 'source' ? 'src' : 'dst'}/${mask} ${upTo ? '<=' : '>'} ${limit}`,
  compile({ limit, upTo, mask, end }, { family, services, state }) {
    const { tracker } = services;
    const { connections } = tracker;
    const lists = state(() => new KeyedList<Conns>(services.random()));
    const key = new Int32Array(5);
    const offset = addressOffset(end, family);
    const bits = maskWords(mask);
    return (pkt) => {
      if (pkt.connection < 0 && !hasTuple(pkt, family)) return pkt.hotDrop('no flow to count');
      putAddress(key, 0, pkt, offset, family, bits);
      key[4] = pkt.connection < 0 ? 0 : connections.zone(pkt.connection);
      const found = lists.find(key);
      const conns = found ?? lists.add(key, new Conns(jiffies(pkt.now)));
      if (found) lists.touch(found);
      const count = conns.value.count(pkt, tracker);
      if (!found) tidy(lists, conns, pkt.now, connections);
      return count > limit !== upTo;
    };
  },
  saw: (_checked, pkt) => (pkt.connection < 0 ? 'no connection' : 'its connection'),
});

/** Whether a flow could be made of a packet that belongs to none. nf_ct_get_tuplepr() */
function hasTuple(pkt: Packet, family: Family): boolean {
  if (pkt.protocol < 0 || pkt.fragmentOffset !== 0) return false;
  const isIcmp = pkt.protocol === (family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
  return pkt.l4 + (isIcmp ? 8 : 4) <= pkt.end;
}

/** Lists that nothing alive is in any more go when there is a new one, a few at a time, the longest unused first. */
function tidy(lists: KeyedList<Conns>, fresh: Entry<Conns>, now: number, connections: Connections): void {
  for (let count = 0; count < 2; count++) {
    const { oldest } = lists;
    if (!oldest || oldest === fresh) return;
    if (oldest.value.isOver(now, connections)) lists.remove(oldest);
    else lists.touch(oldest);
  }
}

interface Conn {
  /** Of a connection in a direction: id * 2 + direction; -1: of none. */
  readonly tuple: number;
  gone: boolean;
}

class Conns {
  private conns: Conn[] = [];
  private checkedAt: number;
  private checkedCount = 0;

  constructor(tick: number) {
    this.checkedAt = tick;
  }

  /**
   * How many there are with that of `pkt`. A packet that is not tracked, or INVALID, counts as its tuple: with that of an answer beside the
   * connection itself.
   * __nf_conncount_add(), get_ct_or_tuple_from_skb()
   */
  count(pkt: Packet, tracker: Tracker): number {
    const { connections } = tracker;
    const tick = jiffies(pkt.now);
    const own = pkt.connection >= 0 ? 2 * pkt.connection : tracker.ofTuple(pkt);
    // New connections that come within one jiffy are put in unseen; one that is confirmed may be there already.
    const confirmed = own >= 0 && !pkt.unconfirmed;
    const many = (this.conns.length - this.checkedCount) >>> 0 >= MOST_COLLECTED;
    const looks = confirmed || many || tick !== this.checkedAt;
    if (looks && this.look(own, pkt.now, tick, connections)) return this.conns.length;
    const conn: Conn = { tuple: own, gone: own < 0 };
    if (!conn.gone) {
      connections.whenGone(own >>> 1, () => {
        conn.gone = true;
      });
    }
    this.conns.push(conn);
    return this.conns.length;
  }

  /** Throws out what is over, up to tuple `own`. True: it is there. */
  private look(own: number, now: number, tick: number, connections: Connections): boolean {
    const { conns } = this;
    let kept = 0;
    let index = 0;
    let here = false;
    for (; index < conns.length && index - kept <= MOST_COLLECTED && !here; index++) {
      const conn = conns[index];
      if (conn.gone || !connections.inTable(conn.tuple >>> 1, now)) continue;
      here = conn.tuple === own;
      if (!here && connections.closed(conn.tuple >>> 1)) continue;
      conns[kept++] = conn;
    }
    if (kept < index) conns.splice(kept, index - kept);
    if (!here) {
      this.checkedAt = tick;
      this.checkedCount = conns.length;
    }
    return here;
  }

  isOver(now: number, connections: Connections): boolean {
    return this.conns.every((conn) => conn.gone || !connections.inTable(conn.tuple >>> 1, now));
  }
}
