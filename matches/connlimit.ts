import { type Direction, IPS_ASSURED } from '../conntrack/status.ts';
import type { Tuple } from '../conntrack/table/tuple.ts';
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
// An assured connection is put in only where the list is new: it was counted when it began, or began before the rule. Where nobody else is
// counted its packets count as none, and are dropped; so are those that close the only one. nf_conncount.c count_tree(), connlimit_mt()

/** A packet throws out one more than this at most; so many new ones in one jiffy make the list be looked at all the same. CONNCOUNT_GC_MAX_NODES */
const MOST_COLLECTED = 64;
/** The kernel has a tree for each value of a hash, and looks in one for empty lists when it gets a new list. CONNCOUNT_SLOTS */
const TREES = 256;

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
      const count = conns.value.count(pkt, tracker, !found);
      if (!found) tidy(lists, conns, pkt.now, tracker);
      return count === 0 ? pkt.hotDrop('assured, and nobody counted') : count > limit !== upTo;
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

/** Lists that nothing alive is in any more go when there is a new one, a few at a time, the longest unused first; few stay, as in the kernel. */
function tidy(lists: KeyedList<Conns>, fresh: Entry<Conns>, now: number, tracker: Tracker): void {
  for (let count = 0; count < 2 && lists.size > TREES; count++) {
    const { oldest } = lists;
    if (!oldest || oldest === fresh) return;
    if (oldest.value.tidied(now, tracker) === 0) lists.remove(oldest);
    else lists.touch(oldest);
  }
}

/** One that is counted. The list has its tuple: what goes comes again where another connection takes the tuple. find_or_evict() */
interface Conn {
  /** The connection that has the tuple, as id * 2 + direction; -1: none. */
  holder: number;
  /** Of one that is gone, or was none. */
  tuple: Tuple | undefined;
}

const NOBODY = -1;

class Conns {
  private conns: Conn[] = [];
  private checkedAt: number;
  private checkedCount = 0;

  constructor(tick: number) {
    this.checkedAt = tick;
  }

  /**
   * How many there are with that of `pkt`; `fresh`: it makes the list. A packet that is not tracked, or INVALID, counts as its tuple: with that of
   * an answer beside the connection itself.
   * __nf_conncount_add(), get_ct_or_tuple_from_skb()
   */
  count(pkt: Packet, tracker: Tracker, fresh: boolean): number {
    const { connections } = tracker;
    const tick = jiffies(pkt.now);
    const tuple = pkt.connection < 0 ? tracker.tupleOf(pkt) : undefined;
    const holder = tuple ? tracker.holderOf(tuple, pkt.now) : NOBODY;
    const own = pkt.connection < 0 ? holder : 2 * pkt.connection;
    const known = own >= 0 && !pkt.unconfirmed;
    // What went to ourselves passed the last hook before it came in.
    if (known && !fresh && pkt.inDevice !== 'lo' && connections.status(own >>> 1) & IPS_ASSURED)
      return this.tidied(pkt.now, tracker);
    // New connections that come within one jiffy are put in unseen; one that is confirmed may be there already.
    const many = (this.conns.length - this.checkedCount) >>> 0 >= MOST_COLLECTED;
    const looks = known || many || tick !== this.checkedAt;
    if (looks && this.look(own, pkt.now, tick, tracker)) return this.conns.length;
    const conn: Conn = { holder: NOBODY, tuple };
    if (own >= 0) hold(conn, own, connections);
    this.conns.push(conn);
    return this.conns.length;
  }

  /** How many are left without those that are over, which are looked for once in a jiffy. nf_conncount_gc_list() */
  tidied(now: number, tracker: Tracker): number {
    const tick = jiffies(now);
    if (tick !== this.checkedAt) this.look(NOBODY, now, tick, tracker);
    return this.conns.length;
  }

  /** Throws out what is over, up to `own`. True: it is there. */
  private look(own: number, now: number, tick: number, tracker: Tracker): boolean {
    const { conns } = this;
    const { connections } = tracker;
    let kept = 0;
    let index = 0;
    let here = false;
    for (; index < conns.length && index - kept <= MOST_COLLECTED && !here; index++) {
      const conn = conns[index];
      const { holder } = conn;
      if (holder < 0 ? !taken(conn, now, tracker) : !connections.inTable(holder >>> 1, now)) continue;
      here = conn.holder === own;
      if (!here && connections.closed(conn.holder >>> 1)) continue;
      conns[kept++] = conn;
    }
    if (kept < index) conns.splice(kept, index - kept);
    if (!here) {
      this.checkedAt = tick;
      this.checkedCount = conns.length;
    }
    return here;
  }
}

function hold(conn: Conn, holder: number, connections: Connections): void {
  conn.holder = holder;
  conn.tuple = undefined;
  connections.whenGone(holder >>> 1, () => {
    conn.tuple = connections.tuple(holder >>> 1, (holder & 1) as Direction);
    conn.holder = NOBODY;
  });
}

/** Whether another connection has the tuple of one that is gone. */
function taken(conn: Conn, now: number, tracker: Tracker): boolean {
  const holder = conn.tuple ? tracker.holderOf(conn.tuple, now) : NOBODY;
  if (holder >= 0) hold(conn, holder, tracker.connections);
  return holder >= 0;
}
