// What happens to a packet at a place of a hook, whichever way it goes (pipeline.ts): a table is asked, the tracker, reassembly, translation,
// confirmation. Every step returns whether the packet goes on; one that ends it has said why in `pkt.reason`, counted the drop, and let
// go of what the tracker had prepared.
//
// Callers ask first whether a step has anything to do: most packets meet few tables, and what is not called costs nothing.

import type { DefragUser } from '../conntrack/defrag/types.ts';
import { DESTINATION, type Manip, SOURCE } from '../conntrack/nat/range.ts';
import { INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../grammar/tables.ts';
import { type Family, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../packet/numbers.ts';
import { CT_NEW, CT_RELATED, CT_UNTRACKED, type Packet } from '../packet/packet.ts';
import { OUTSIDE } from './drops.ts';
import { observe, type Table, traverse } from './install/table.ts';
import type { LogRecord } from './services.ts';
import { TraceLog } from './trace/trace-log.ts';
import { ACCEPT, DROP, QUEUE, QUEUE_BYPASS, STOLEN, type Verdict } from './verdict.ts';
import { type FamilyTables, NO_TABLES, type PipelineParts, type WalkObserver } from './walk.ts';

/** Which end the nat table rewrites at a hook. include/net/netfilter/nf_nat.h HOOK2MANIP() */
const MANIP: Record<number, Manip> = {
  [PREROUTING]: DESTINATION,
  [OUTPUT]: DESTINATION,
  [INPUT]: SOURCE,
  [POSTROUTING]: SOURCE,
};

export const icmpOf = (pkt: Packet): number => (pkt.family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

/** Reassembly may have something to say of it. A header chain that runs out of the packet may do so in its fragment header. */
export const isPiece = (pkt: Packet): boolean =>
  pkt.fragmentOffset !== 0 || pkt.moreFragments || pkt.fragmentHeader >= 0 || pkt.protocol < 0;

export class HookSteps {
  readonly tables: Record<Family, FamilyTables> = { 4: NO_TABLES, 6: NO_TABLES };
  observer: WalkObserver | undefined = undefined;
  protected readonly parts: PipelineParts;

  constructor(parts: PipelineParts) {
    this.parts = parts;
  }

  protected enter(pkt: Packet, hook: number): FamilyTables {
    pkt.hook = hook;
    this.observer?.hook?.(pkt);
    return this.tables[pkt.family as Family];
  }

  protected ask(table: Table, pkt: Packet): boolean {
    const verdict = this.verdictOf(table, pkt);
    return verdict === ACCEPT || verdict === QUEUE_BYPASS || this.stop(pkt, verdict);
  }

  private verdictOf(table: Table, pkt: Packet): Verdict {
    const watched = this.observer !== undefined || pkt.traced || table.traces;
    return watched ? this.watch(table, pkt) : traverse(table, pkt.hook, pkt);
  }

  private watch(table: Table, pkt: Packet): Verdict {
    const { observer } = this;
    observer?.table?.(table, pkt);
    if (!pkt.traced && !table.traces) return observe(table, pkt.hook, pkt, observer!);
    const log = (record: LogRecord) => table.context.services.log(record);
    return observe(table, pkt.hook, pkt, new TraceLog(table.spec.name, log, observer));
  }

  /** Of a piece. Not a step of the walk for packets that came through already (loopback), nor for what is attached to a connection. */
  protected gather(pkt: Packet, tables: FamilyTables, user: DefragUser): boolean {
    if ((!tables.tracking && !tables.gathers) || pkt.connection >= 0 || pkt.ctState === CT_UNTRACKED) return true;
    const said = this.parts.defragmenter.gather(pkt, user);
    this.observer?.gathered?.(said, pkt);
    if (said === 'dropped') this.end(pkt, pkt.hook);
    return said === 'pass' || said === 'whole';
  }

  protected track(pkt: Packet): boolean {
    const verdict = this.parts.tracker.track(pkt);
    this.observer?.tracked?.(pkt);
    return verdict === ACCEPT || this.stop(pkt, verdict);
  }

  protected confirm(pkt: Packet, tables: FamilyTables): boolean {
    if (!tables.tracking || pkt.connection < 0) return true;
    const proxied = tables.proxies ? this.parts.synProxy.atExit(pkt) : ACCEPT;
    if (proxied !== ACCEPT) return this.stop(pkt, proxied);
    const verdict = this.parts.tracker.confirm(pkt);
    return verdict === ACCEPT || this.stop(pkt, verdict);
  }

  /**
   * The nat table is asked once for each connection and each of its ends, at the first packet; what it said is then done to every packet.
   * ICMP errors follow the connection that they are about. A connection confirmed before the table was there is asked with
   * every packet that is still NEW, to no effect. Source: net/netfilter/nf_nat_core.c nf_nat_inet_fn(), nf_nat_proto.c nf_nat_ipv4_fn()
   */
  protected translate(table: Table, pkt: Packet): boolean {
    if (pkt.connection < 0) return true;
    const { nat } = this.parts.tracker;
    const manip = MANIP[pkt.hook];
    if (pkt.ctState === CT_RELATED && pkt.protocol === icmpOf(pkt)) {
      const verdict = nat.translateError(pkt, manip);
      return verdict === ACCEPT || this.stop(pkt, verdict);
    }
    const asks = pkt.ctState === CT_NEW || pkt.ctState === CT_RELATED;
    if (asks && !nat.isDone(pkt.connection, manip)) {
      const verdict = this.verdictOf(table, pkt);
      if (verdict === QUEUE_BYPASS) return true;
      if (verdict !== ACCEPT) return this.stop(pkt, verdict);
      nat.mapToItself(pkt.connection, manip);
    } else if (pkt.hook === POSTROUTING && nat.hasMoved(pkt)) {
      pkt.reason = 'masqueraded by another device';
      return this.stop(pkt, DROP);
    }
    const verdict = nat.translate(pkt, manip);
    return verdict === ACCEPT || this.stop(pkt, verdict);
  }

  // --- Ends ----------------------------------------------------------------------------------------------------------

  /** A verdict other than ACCEPT. */
  protected stop(pkt: Packet, verdict: Verdict): false {
    if (verdict === STOLEN) {
      this.observer?.ended?.(verdict, pkt);
      this.parts.tracker.release(pkt);
      return false;
    }
    // net/netfilter/nf_queue.c: without anybody at the queue the packet is dropped.
    if (verdict === QUEUE) pkt.reason = 'nobody reads the queue';
    this.end(pkt, pkt.hook);
    return false;
  }

  protected end(pkt: Packet, place: number): void {
    this.parts.drops.add(place, pkt.reason);
    this.observer?.ended?.(DROP, pkt);
    this.parts.tracker.release(pkt);
  }

  /** Before the first hook or after the last: nothing is to be let go. */
  protected refuse(pkt: Packet, reason: string): void {
    pkt.reason = reason;
    this.parts.drops.add(OUTSIDE, reason);
    this.observer?.ended?.(DROP, pkt);
  }
}
