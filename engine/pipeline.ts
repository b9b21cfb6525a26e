// The walk of a packet through the hooks. Read top to bottom: the order of the calls is the specification, with netfilter's hook
// priorities beside them (include/uapi/linux/netfilter_ipv4.h enum nf_ip_hook_priorities). There is one function for each way:
//
//   receive ── prerouting ── route ─┬─ forward ─────────── postrouting ── out
//                                   └─ input ── the host ··· send ── output ── postrouting ── out
//   bridge ─── prerouting ── forward ── postrouting ── out
//
// A table is asked only once it was loaded, tracking and reassembly take part only while a rule of the family needs them: so it is
// in the kernel, where each of them registers its hooks when it is first used. Every step returns whether the packet goes on; one
// that ends it has said why in `pkt.reason`, counted the drop, and let go of what the tracker had prepared.

import { FORWARD, INPUT, OUTPUT, POSTROUTING, PREROUTING } from '../grammar/tables.ts';
import type { Address } from '../packet/address.ts';
import * as ipv4 from '../packet/ipv4.ts';
import * as ipv6 from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import { Packet } from '../packet/packet.ts';
import type { Bridge } from './bridge.ts';
import { OUTSIDE } from './drops.ts';
import { duplicateOf, routingOf, wayByDestination, wayTo } from './duplicate.ts';
import { HookSteps, icmpOf, isPiece } from './hook-steps.ts';
import type { Table } from './install/table.ts';
import { again, Loopback } from './loopback.ts';
import type { Stack } from './stack/types.ts';
import { DROP } from './verdict.ts';
import type { Cause, SendResult } from './walk.ts';

export class Pipeline extends HookSteps {
  private readonly loopback = new Loopback();
  /** The copy that is on its way: it is not copied again. */
  private copy: Packet | undefined = undefined;
  /** The device of its gateway, which POSTROUTING takes for the one that it came in by, whatever OUTPUT made of its way. ip_output() */
  private copyBy = '';
  private readonly sendingIcmp: Record<Family, boolean> = { 4: false, 6: false };
  /** The packet that is being sent in pieces, and what carries a piece. */
  private whole = new Packet(0);
  private readonly piece = new Packet(0);
  private readonly transmitPiece = (bytes: Uint8Array, from: number, to: number): void => {
    const { piece, whole } = this;
    piece.bytes = bytes;
    piece.load(from, to, whole.now);
    piece.parse();
    piece.mark = whole.mark;
    piece.inDevice = whole.inDevice;
    piece.outDevice = whole.outDevice;
    this.transmit(piece, whole);
  };

  /** A packet from a device: loaded, parsed, `inDevice` set. */
  receive(pkt: Packet): void {
    const { stack, bridge } = this.parts;
    if (pkt.family === 0) this.refuse(pkt, pkt.malformed);
    else if (stack) this.routed(pkt, stack);
    else if (bridge) this.bridged(pkt, bridge);
    if (!this.loopback.idle) this.loopBack();
  }

  /** Router mode. net/ipv4/ip_input.c ip_rcv(), net/ipv6/ip6_input.c ipv6_rcv() */
  private routed(pkt: Packet, stack: Stack, ours = false): void {
    if (!stack.receive(pkt)) {
      this.refuse(pkt, pkt.reason);
      return;
    }
    if (!this.prerouting(pkt)) return;
    const where = ours ? 'input' : stack.route(pkt);
    this.observer?.routed?.(where, pkt);
    if (where === 'forward') this.forward(pkt, stack);
    else if (where === 'input') this.input(pkt, stack);
    else this.end(pkt, OUTSIDE);
  }

  private prerouting(pkt: Packet): boolean {
    const tables = this.enter(pkt, PREROUTING);
    return (
      (!isPiece(pkt) || this.gather(pkt, tables, 'input')) && // -400
      (!tables.raw || this.ask(tables.raw, pkt)) && // -300
      (!tables.tracking || this.track(pkt)) && // -200
      (!tables.mangle || this.ask(tables.mangle, pkt)) && // -150
      (!tables.nat || this.translate(tables.nat, pkt)) // -100
    );
  }

  /** net/ipv4/ip_forward.c ip_forward(), net/ipv6/ip6_output.c ip6_forward(): TTL and MTU come before the rules. */
  private forward(pkt: Packet, stack: Stack): void {
    if (!stack.forward(pkt)) {
      this.end(pkt, OUTSIDE);
    } else if (this.forwardHook(pkt)) {
      stack.forwarded(pkt);
      if (this.postrouting(pkt)) this.emit(pkt, stack);
    }
  }

  private forwardHook(pkt: Packet): boolean {
    const tables = this.enter(pkt, FORWARD);
    return (
      (!tables.mangle || this.ask(tables.mangle, pkt)) && // -150
      (!tables.filter || this.ask(tables.filter, pkt)) && // 0
      (!tables.security || this.ask(tables.security, pkt)) // 50
    );
  }

  private postrouting(pkt: Packet): boolean {
    if (pkt === this.copy) pkt.inDevice = this.copyBy;
    const tables = this.enter(pkt, POSTROUTING);
    return (
      (!tables.mangle || this.ask(tables.mangle, pkt)) && // -150
      (!tables.nat || this.translate(tables.nat, pkt)) && // 100
      this.confirm(pkt, tables) // last
    );
  }

  /** net/ipv4/ip_input.c ip_local_deliver(), net/ipv6/ip6_input.c ip6_input() */
  private input(pkt: Packet, stack: Stack): void {
    if (!stack.input(pkt)) {
      this.end(pkt, OUTSIDE);
      return;
    }
    const tables = this.enter(pkt, INPUT);
    const passed =
      (!tables.mangle || this.ask(tables.mangle, pkt)) && // -150
      (!tables.filter || this.ask(tables.filter, pkt)) && // 0
      (!tables.security || this.ask(tables.security, pkt)) && // 50
      (!tables.nat || this.translate(tables.nat, pkt)) && // 100
      this.confirm(pkt, tables); // last
    if (!passed) return;
    this.observer?.delivered?.(pkt);
    stack.deliver(pkt);
  }

  /**
   * A packet of our own. `octets` is a whole packet and stays the caller's.
   * net/ipv4/ip_output.c __ip_local_out(), net/ipv6/output_core.c __ip6_local_out()
   */
  send(octets: Uint8Array, now: number, cause: Cause): SendResult {
    const { about, attached = false, owner, mark = 0 } = cause;
    const pkt = Packet.of(octets);
    pkt.now = now;
    pkt.owner = owner;
    pkt.mark = mark;
    pkt.checksumTrusted = attached;
    if (pkt.family === 0) {
      this.refuse(pkt, pkt.malformed);
      return 'malformed';
    }
    pkt.template = cause.template;
    if (about && attached) this.parts.tracker.attach(pkt, about);
    if (about && cause.answers) this.parts.tracker.answer(pkt, about);
    const icmp = pkt.protocol === icmpOf(pkt) ? (pkt.family as Family) : 0;
    if (!about || icmp === 0) return this.leave(pkt, cause);
    // One ICMP packet of ours at a time: an echo reply that a rule rejects is not answered. icmp_xmit_lock(), icmpv6_xmit_lock()
    if (this.sendingIcmp[icmp]) return 'dropped';
    this.sendingIcmp[icmp] = true;
    const result = this.leave(pkt, cause);
    this.sendingIcmp[icmp] = false;
    return result;
  }

  private leave(pkt: Packet, { about, attached, onward }: Cause): SendResult {
    const { stack, bridge } = this.parts;
    if (stack) return this.output(pkt, stack);
    if (!about) return 'no route';
    if (attached) this.answerBridged(pkt, about);
    else this.passBridged(pkt, bridge!, onward ? bridge!.otherPort(about.inDevice)! : about.inDevice);
    return 'sent';
  }

  /** Services.duplicate() */
  duplicate(about: Packet, gateway: Address, device: string): void {
    const { stack, drops } = this.parts;
    // Per CPU in the kernel: nf_skb_duplicated
    if (this.copy) return;
    const way = stack && wayTo(stack, gateway, about.family as Family, device);
    if (way === undefined) {
      drops.add(OUTSIDE, 'no route for a copy');
      return;
    }
    const copy = duplicateOf(about);
    copy.outDevice = way;
    this.copy = copy;
    this.copyBy = way;
    if (this.outputHook(copy, stack!)) {
      // Too long for the way: that its sender is told, for whom it came in here.
      copy.inDevice = about.inDevice;
      this.emit(copy, stack!);
    }
    this.copy = undefined;
  }

  private output(pkt: Packet, stack: Stack): SendResult {
    if (!stack.routeOutput(pkt)) {
      this.end(pkt, OUTSIDE);
      return 'no route';
    }
    // What is held or was taken by a target has no reason.
    if (!this.outputHook(pkt, stack)) return pkt.reason === '' ? 'taken' : 'dropped';
    this.emit(pkt, stack);
    return 'sent';
  }

  /** The rules of OUTPUT see the device of the first route, even when what they changed has found another: struct nf_hook_state. */
  private outputHook(pkt: Packet, stack: Stack): boolean {
    const tables = this.enter(pkt, OUTPUT);
    const first = pkt.outDevice;
    const tracked =
      (!isPiece(pkt) || this.gather(pkt, tables, 'output')) && // -400
      (!tables.raw || this.ask(tables.raw, pkt)) && // -300
      (!tables.tracking || this.track(pkt)) && // -200
      this.mangleOwn(tables.mangle, pkt, stack); // -150
    const mangled = pkt.outDevice;
    pkt.outDevice = first;
    if (!tracked || (tables.nat && !this.translate(tables.nat, pkt))) return false; // -100
    pkt.outDevice = mangled;
    if (!this.routeAgain(pkt, tables.nat)) return false;
    const last = pkt.outDevice;
    pkt.outDevice = first;
    const passed =
      (!tables.filter || this.ask(tables.filter, pkt)) && // 0
      (!tables.security || this.ask(tables.security, pkt)); // 50
    pkt.outDevice = last;
    return passed && this.hearOurselves(pkt, stack) && this.postrouting(pkt);
  }

  private emit(pkt: Packet, way: Stack | Bridge): void {
    if (pkt.outDevice === 'lo') {
      this.loop(pkt);
      return;
    }
    this.whole = pkt;
    const emitted = way.emit(pkt, this.transmitPiece);
    if (emitted === 'whole') this.transmit(pkt);
    else if (emitted === 'dropped') this.refuse(pkt, pkt.reason);
  }

  private transmit(pkt: Packet, whole = pkt): void {
    this.observer?.sent?.(pkt, whole);
    this.parts.transmit(pkt.outDevice, pkt);
  }

  /** What we send to all hosts of a link we get, too: a copy passes POSTROUTING and comes in by the device it leaves by. ip_mc_output() */
  private hearOurselves(pkt: Packet, stack: Stack): true {
    if (pkt.family !== 4 || pkt.outDevice === 'lo') return true;
    if (stack.routes.find(pkt.bytes, pkt.l3 + ipv4.DESTINATION_AT, 4)?.type !== 'BROADCAST') return true;
    const copy = again(pkt, '');
    copy.outDevice = pkt.outDevice;
    if (this.postrouting(copy)) this.loop(copy, pkt.outDevice);
    return true;
  }

  /** In again, once the packet at work is done. */
  private loop(pkt: Packet, device = 'lo'): void {
    const again = this.loopback.take(pkt, device);
    if (again === undefined) this.parts.drops.add(OUTSIDE, 'loopback queue full');
    else if (device === 'lo') this.observer?.looped?.(again, pkt);
  }

  /** Lets what was sent to ourselves come in. Call after every packet that did not come through receive(). */
  loopBack(): void {
    const { stack } = this.parts;
    for (let pkt = this.loopback.next(); pkt && stack; pkt = this.loopback.next()) this.routed(pkt, stack, true);
  }

  // --- Bridge mode ---------------------------------------------------------------------------------------------------

  /** No addresses, no routes, no TTL: what comes in by one port leaves by the other. net/bridge/br_netfilter_hooks.c */
  private bridged(pkt: Packet, bridge: Bridge): void {
    const port = bridge.otherPort(pkt.inDevice);
    if (port === undefined) {
      this.refuse(pkt, 'not a port of the bridge');
      return;
    }
    pkt.physIn = pkt.inDevice;
    if (!this.prerouting(pkt)) return;
    pkt.outDevice = port;
    pkt.physOut = port;
    this.observer?.routed?.('forward', pkt);
    if (this.forwardHook(pkt) && this.postrouting(pkt)) this.emit(pkt, bridge);
  }

  /** REJECT in a bridge: the answer goes out by the port that the packet came in by, past all rules. nf_send_reset() */
  private answerBridged(pkt: Packet, about: Packet): void {
    pkt.outDevice = about.inDevice;
    pkt.physOut = about.inDevice;
    this.transmit(pkt);
  }

  /** A segment of SYNPROXY in a bridge: tracked and translated as what an end sends, but past all rules. */
  private passBridged(pkt: Packet, bridge: Bridge, port: string): void {
    const tables = this.enter(pkt, OUTPUT);
    if (tables.tracking && !this.track(pkt)) return;
    pkt.outDevice = port;
    pkt.physOut = port;
    pkt.hook = POSTROUTING;
    if ((!tables.nat || this.translate(tables.nat, pkt)) && this.confirm(pkt, tables)) this.emit(pkt, bridge);
  }

  /**
   * Prefix translation may give a packet of our own another destination, and so another way. A changed mark or TOS makes the kernel route
   * again as well: without rule-based routes that finds the same way. net/ipv6/netfilter/ip6table_mangle.c ip6t_mangle_out()
   */
  private mangleOwn(table: Table | undefined, pkt: Packet, stack: Stack): boolean {
    if (table === undefined) return true;
    if (pkt === this.copy) return this.mangleCopy(table, pkt, stack);
    const { bytes, l3 } = pkt;
    const before = pkt.family === 6 ? bytes.slice(l3 + ipv6.DESTINATION_AT, l3 + ipv6.LENGTH) : undefined;
    if (!this.ask(table, pkt)) return false;
    if (before === undefined || before.every((octet, at) => octet === bytes[l3 + ipv6.DESTINATION_AT + at]))
      return true;
    return stack.routeAgain(pkt) || this.stop(pkt, DROP);
  }

  /** A copy that goes to a gateway is routed by its own destination when anything changes that routes may look at. ip_route_me_harder() */
  private mangleCopy(table: Table, pkt: Packet, stack: Stack): boolean {
    const before = routingOf(pkt);
    if (!this.ask(table, pkt)) return false;
    if (routingOf(pkt) === before) return true;
    const way = wayByDestination(stack, pkt);
    if (way) {
      pkt.outDevice = way.device;
      return true;
    }
    pkt.reason = 'no route';
    return this.stop(pkt, DROP);
  }

  /** A packet of our own whose destination is now another one may have to leave by another device. nf_nat_ipv4_local_fn() */
  private routeAgain(pkt: Packet, nat: Table | undefined): boolean {
    const { stack, tracker } = this.parts;
    if (!stack || nat === undefined || pkt.connection < 0 || !tracker.nat.redirects(pkt)) return true;
    return stack.routeAgain(pkt) || this.stop(pkt, DROP);
  }
}
