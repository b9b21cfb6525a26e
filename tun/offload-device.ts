// What all devices with a TUN behind them do about its offloads: a packet that its kernel does not take as it is gets its checksum finished, or
// is cut into segments; the others leave with the virtio-net header that says what is to be done.

import { finishPartial } from '../packet/checksum.ts';
import { GSO_ECN, GSO_TCP4, GSO_TCP6, GSO_UDP, Packet } from '../packet/packet.ts';
import { BUFFER_LENGTH, type Device, DeviceCounters } from './device.ts';
import { segment } from './segment.ts';
import { putHeader, takeHeader, VNET_LENGTH } from './vnet-header.ts';

/** What the kernel behind a device takes over. */
export interface Offloads {
  /** UDP super-packets too. */
  uso: boolean;
}

export interface OffloadDeviceOptions {
  readonly name: string;
  readonly mtu?: number;
  readonly counters?: DeviceCounters;
}

export abstract class OffloadDevice implements Device {
  abstract readonly descriptor: number;
  readonly name: string;
  readonly counters: DeviceCounters;
  mtu: number;
  /** Undefined: there are none, and no virtio-net header. */
  readonly offloads: Offloads | undefined;
  /** Octets in front of each packet. */
  readonly headerLength: number;
  private readonly piece = new Packet(BUFFER_LENGTH);

  constructor({ name, mtu = 1500, counters = new DeviceCounters() }: OffloadDeviceOptions, offloads?: Offloads) {
    this.name = name;
    this.mtu = mtu;
    this.counters = counters;
    this.offloads = offloads;
    this.headerLength = offloads ? VNET_LENGTH : 0;
  }

  abstract read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number;
  abstract flush(now: number): void;
  abstract close(): void;

  /** `into.bytes` from `at` to `end` is what was read, header first. */
  protected load(into: Packet, at: number, end: number, now: number): void {
    const { bytes } = into;
    into.load(at + this.headerLength, end, now);
    into.parse();
    if (this.offloads && (bytes[at] | bytes[at + 1]) !== 0) takeHeader(into, at);
  }

  write(pkt: Packet): boolean {
    if (pkt.gsoSize !== 0 && !this.takes(pkt.gsoType)) return this.writeSegments(pkt);
    if (!this.offloads) finishPartial(pkt);
    return this.send(pkt);
  }

  /** Takes a packet that the kernel takes. The header is to be written in front of it, wherever it is sent from. */
  protected abstract send(pkt: Packet): boolean;

  /** The header into the octets in front of `pkt`; returns where it starts. */
  protected putHeader(pkt: Packet): number {
    const at = pkt.l3 - this.headerLength;
    if (this.offloads) putHeader(pkt, at);
    return at;
  }

  private takes(gsoType: number): boolean {
    if (!this.offloads) return false;
    const kind = gsoType & ~GSO_ECN;
    return kind === GSO_TCP4 || kind === GSO_TCP6 || (kind === GSO_UDP && this.offloads.uso);
  }

  private writeSegments(pkt: Packet): boolean {
    let taken = true;
    const cut = segment(pkt, this.piece, (piece) => {
      taken = this.write(piece) && taken;
    });
    return cut ? taken : this.counters.dropped('refused');
  }
}
