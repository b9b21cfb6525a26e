// Which connection has which helper, and what came of them. A connection gets its helper when it is made: from the template of a CT rule, or
// from the expectation that it came of. Most have none: an octet of theirs says so, and not even that exists before the first rule with a helper.
// Source: net/netfilter/nf_conntrack_helper.c

import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { nextCapacity } from '../table/slab.ts';
import type { Expectation } from './expectation.ts';
import { Help } from './help.ts';
import type { AnyHelper, FindHelper } from './helper.ts';
import { type HelpedTracker, HelperCall } from './helper-call.ts';

export class Helping {
  /** Who knows the helpers by name: nobody, before somebody says so. */
  find: FindHelper = () => undefined;
  private readonly tracker: HelpedTracker;
  /** Helpers that connections have or had. */
  private readonly known: (AnyHelper | undefined)[] = [];
  /** By id: index + 1 in `known`; 0: none. */
  private of = new Uint8Array(0);
  /** Of those connections that were read. */
  private readonly helps = new Map<number, Help>();
  /** Of connections that were expected: their masters. */
  private readonly masters = new Map<number, Help>();
  private readonly call: HelperCall;

  constructor(tracker: HelpedTracker) {
    this.tracker = tracker;
    this.call = new HelperCall(tracker);
  }

  // --- Births and deaths ---------------------------------------------------------------------------------------------

  /** A new connection is to be read by the helper of that name, if there is one for it. */
  assignByName(id: number, name: string): boolean {
    const { table } = this.tracker;
    const helper = this.find(name, table.family(id) as Family, table.protocol(id));
    if (helper) this.assign(id, helper);
    return helper !== undefined;
  }

  assign(id: number, helper: AnyHelper): void {
    let index = this.known.indexOf(helper);
    if (index < 0) index = this.known.indexOf(undefined);
    if (index < 0) index = this.known.length;
    this.known[index] = helper;
    if (id >= this.of.length) this.reach(id);
    this.of[id] = index + 1;
  }

  private reach(id: number): void {
    let capacity = this.of.length;
    while (capacity <= id) capacity = nextCapacity(capacity);
    const larger = new Uint8Array(capacity);
    larger.set(this.of);
    this.of = larger;
  }

  /** A new connection came of `expectation`. */
  adopt(id: number, { master, helper }: Expectation): void {
    this.masters.set(id, master);
    master.children++;
    if (helper) this.assign(id, helper);
  }

  /** The same, where only the master is known: out of a snapshot. */
  adoptBy(id: number, master: number): void {
    const help = this.help(master);
    if (!help) return;
    this.masters.set(id, help);
    help.children++;
  }

  /** The connection is gone: nothing more comes of it. */
  forget(id: number): void {
    if (id < this.of.length) this.of[id] = 0;
    // Most tables have none of either: their size is asked, for every connection that ends.
    if (this.masters.size > 0) this.leave(id);
    const help = this.helps.size > 0 ? this.helps.get(id) : undefined;
    if (help === undefined) return;
    this.helps.delete(id);
    this.end(help);
    help.id = -1;
  }

  private leave(id: number): void {
    const master = this.masters.get(id);
    if (!master) return;
    master.children--;
    this.masters.delete(id);
  }

  private end(help: Help): void {
    this.tracker.expectations.removeOf(help);
    help.helper?.close?.(help.state, this.tracker);
  }

  /** The helper is no more: its connections go on unread, and nothing comes of what it expected. nf_conntrack_helper_unregister() */
  detach(helper: AnyHelper): void {
    for (const expectation of [...this.tracker.expectations.entries()]) {
      if (expectation.helper === helper) this.tracker.expectations.remove(expectation);
    }
    const index = this.known.indexOf(helper);
    if (index < 0) return;
    for (const [id, help] of this.helps) {
      if (help.helper !== helper) continue;
      this.end(help);
      help.helper = undefined;
      help.state = undefined;
      this.helps.delete(id);
    }
    for (let id = 0; id < this.of.length; id++) if (this.of[id] === index + 1) this.of[id] = 0;
    this.known[index] = undefined;
  }

  // --- Asking --------------------------------------------------------------------------------------------------------

  helper(id: number): AnyHelper | undefined {
    return id < this.of.length && this.of[id] !== 0 ? this.known[this.of[id] - 1] : undefined;
  }

  /** What the connection has as a master, made when it has a helper; undefined: it has none. */
  help(id: number): Help | undefined {
    const helper = this.helper(id);
    if (helper === undefined) return undefined;
    let help = this.helps.get(id);
    if (help === undefined) {
      help = new Help(id, helper);
      this.helps.set(id, help);
    }
    return help;
  }

  /** How many live connections came of what it expected. */
  children(id: number): number {
    return this.helps.get(id)?.children ?? 0;
  }

  /** The master of a connection that was expected, even if it is over (its id is -1 then). */
  master(id: number): Help | undefined {
    return this.masters.get(id);
  }

  // --- Packets -------------------------------------------------------------------------------------------------------

  /** Asked for every packet: whether read() is to see it. */
  isRead(id: number): boolean {
    return id < this.of.length && this.of[id] !== 0;
  }

  /** Lets the connection's helper read a packet. Undefined: it goes on; else why not. */
  read(pkt: Packet): string | undefined {
    const id = pkt.connection;
    // An error about the connection has no payload of it.
    if (pkt.protocol !== this.tracker.table.protocol(id)) return undefined;
    // Nothing is kept of a connection that has not said anything: of a flood of SYNs.
    if (!this.call.begin(pkt)) return undefined;
    const help = this.help(id);
    return help?.helper?.help(this.call.know(help), help.state);
  }

  /** Connections that were read. */
  get count(): number {
    return this.helps.size;
  }

  /** Octets reserved, but for the objects of those that were read. */
  get size(): number {
    return this.of.byteLength;
  }
}
