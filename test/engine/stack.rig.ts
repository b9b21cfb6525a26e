// A router without rules: the stack with reassembly where the tracker would be, and a wire that remembers.

import { Defragmenter } from '../../conntrack/defrag/defragmenter.ts';
import { createStack, type Stack, type Topology } from '../../engine/stack/index.ts';
import { fromHex, toHex } from '../../packet/bytes.ts';
import { describeBytes } from '../../packet/describe.ts';
import { Packet } from '../../packet/packet.ts';
import { DEFAULT_TOPOLOGY, type Emitted, type Place, type Side } from '../../testing/scenario/scenario-format.ts';

const SIDES: readonly Side[] = ['A', 'B'];

export class Rig {
  readonly stack: Stack;
  readonly defragmenter = new Defragmenter();
  /** Reason of the last packet that was dropped. */
  reason = '';
  now = 0;
  private readonly tracked: boolean;
  private out: Emitted[] = [];
  private readonly looped: Uint8Array[] = [];

  /** `tracked`: fragments are reassembled at PREROUTING, as when the tracker is on. */
  constructor(places: Partial<Record<Side, Place>> = {}, tracked = false) {
    this.tracked = tracked;
    this.stack = createStack({
      topology: topologyOf(places),
      random: () => 0x1234_5678,
      defragmenter: this.defragmenter,
      send: (octets, about) => this.send(octets, about.now),
    });
  }

  receive(side: Side, octets: Uint8Array): Emitted[] {
    this.walk(octets, `tun${side}`);
    for (let loops = 0; this.looped.length > 0 && loops < 8; loops++) this.walk(this.looped.shift()!, 'lo');
    return this.taken();
  }

  advance(ms: number): Emitted[] {
    this.now += ms;
    this.stack.advance(this.now);
    return this.taken();
  }

  private taken(): Emitted[] {
    const { out } = this;
    this.out = [];
    return out;
  }

  private walk(octets: Uint8Array, device: string): void {
    const pkt = Packet.of(octets);
    pkt.now = this.now;
    pkt.inDevice = device;
    this.reason = pkt.malformed;
    if (pkt.family !== 0 && !this.through(pkt)) this.reason = pkt.reason;
  }

  private through(pkt: Packet): boolean {
    const { stack } = this;
    if (!stack.receive(pkt)) return false;
    if (this.tracked && !['pass', 'whole'].includes(this.defragmenter.gather(pkt, 'input'))) return false;
    const where = stack.route(pkt);
    if (where === 'input') {
      if (!stack.input(pkt)) return false;
      stack.deliver(pkt);
    } else if (where === 'forward') {
      if (!stack.forward(pkt)) return false;
      stack.forwarded(pkt);
      this.emit(pkt);
    }
    return where !== 'dropped';
  }

  private send(octets: Uint8Array, now: number): void {
    const pkt = Packet.of(octets);
    pkt.now = now;
    if (!this.stack.routeOutput(pkt)) return;
    if (pkt.outDevice === 'lo') this.looped.push(octets);
    else this.emit(pkt);
  }

  private emit(pkt: Packet): void {
    const side = pkt.outDevice.slice(3) as Side;
    const emitted = this.stack.emit(pkt, (bytes, from, to) =>
      this.out.push({ out: side, hex: toHex(bytes, from, to) }),
    );
    if (emitted === 'whole') this.out.push({ out: side, hex: toHex(pkt.bytes, pkt.l3, pkt.end) });
  }
}

function topologyOf(places: Partial<Record<Side, Place>>): Topology {
  const entries = SIDES.map((side) => {
    const { addrs, routes, mtu } = { ...DEFAULT_TOPOLOGY[side], ...places[side] };
    return [`tun${side}`, { addresses: addrs ?? [], routes: routes ?? [], mtu: mtu ?? 1500 }] as const;
  });
  return Object.fromEntries(entries);
}

/** One packet that came out, for rows: without what the kernel draws at random in packets of its own. */
export function lineOf({ out, hex }: Emitted): string {
  const line = describeBytes(fromHex(hex)!, { verbose: true });
  return `${out} ${hex[0] === '4' ? line.replace(/, id \d+/, '') : line.replace(/ flow 0x[0-9a-f]+,/, '')}`;
}
