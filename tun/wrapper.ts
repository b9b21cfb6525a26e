// The part that all wrappers of a device share: pass everything on.

import type { Packet } from '../packet/packet.ts';
import type { Device, DeviceCounters } from './device.ts';

export class Wrapper implements Device {
  protected readonly inner: Device;

  constructor(inner: Device) {
    this.inner = inner;
  }

  get name(): string {
    return this.inner.name;
  }

  get descriptor(): number {
    return this.inner.descriptor;
  }

  get counters(): DeviceCounters {
    return this.inner.counters;
  }

  get mtu(): number {
    return this.inner.mtu;
  }

  set mtu(octets: number) {
    this.inner.mtu = octets;
  }

  read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    return this.inner.read(into, now, limit, each);
  }

  write(pkt: Packet): boolean {
    return this.inner.write(pkt);
  }

  flush(now: number): void {
    this.inner.flush(now);
  }

  close(): void {
    this.inner.close();
  }
}
