// Writes a capture of what passes a device, both ways, for Wireshark and tcpdump: classic pcap, link type RAW (IP without a link
// header), times from the packets. A packet with an unfinished checksum is recorded as it stands, as on any Linux host.

import type { Packet } from '../packet/packet.ts';
import { LINKTYPE_RAW, pcapFileHeader, pcapRecord } from '../packet/pcap.ts';
import type { Device } from './device.ts';
import { Wrapper } from './wrapper.ts';

export interface Recording {
  /** Takes the next octets of the file; they may be reused afterwards. */
  write(octets: Uint8Array): void;
  /** Wall-clock milliseconds at monotonic time 0: the times in the file are this plus `pkt.now`. 0 unless said otherwise. */
  epoch?: number;
}

export class RecordingDevice extends Wrapper {
  private readonly recording: Recording;

  constructor(inner: Device, recording: Recording) {
    super(inner);
    this.recording = recording;
    recording.write(pcapFileHeader(LINKTYPE_RAW));
  }

  override read(into: Packet, now: number, limit: number, each: (pkt: Packet) => void): number {
    return this.inner.read(into, now, limit, (pkt) => {
      this.record(pkt);
      each(pkt);
    });
  }

  override write(pkt: Packet): boolean {
    this.record(pkt);
    return this.inner.write(pkt);
  }

  private record(pkt: Packet): void {
    const time = (this.recording.epoch ?? 0) + pkt.now;
    const seconds = Math.floor(time / 1_000);
    const nanoseconds = Math.floor((time - seconds * 1_000) * 1_000_000);
    this.recording.write(pcapRecord(pkt.view(), { seconds, nanoseconds }));
  }
}
