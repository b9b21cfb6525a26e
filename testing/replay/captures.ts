// Captures as packets for tests and replay: the IP packet in each frame, when it came, by which device, from whom.

import { readFileSync } from 'node:fs';
import * as ethernet from '../../packet/ethernet.ts';
import { type Frame, LINKTYPE_ETHERNET, networkAt, PcapError, readCapture } from '../../packet/pcap.ts';

export interface CapturedPacket {
  /** From 1, as tcpdump -# and Wireshark count frames; those that hold no IP are counted too. */
  readonly number: number;
  /** From the IP header on. Cut short where the capture was limited. */
  readonly bytes: Uint8Array;
  /** Milliseconds since the first frame of the file. */
  readonly at: number;
  /** Name of the interface, where the file has one (pcapng); ''. */
  readonly device: string;
  /** The Ethernet header in front of it, where there is one. */
  readonly linkHeader: Uint8Array | undefined;
  /** The octets on the wire that the capture left out. */
  readonly missing: number;
}

export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

/**
 * The IP packets of a pcap or pcapng file (Ethernet with VLANs, raw IP, Linux cooked v1 and v2, null and loop). Frames of other protocols
 * are passed over. Throws CaptureError for what is no capture, contradicts itself, or has a link type that is not known here.
 */
export function* packetsIn(file: Uint8Array, name = 'capture'): Generator<CapturedPacket> {
  let number = 0;
  let first: number | undefined;
  try {
    for (const frame of readCapture(file)) {
      number++;
      const time = frame.seconds * 1_000 + frame.nanoseconds / 1_000_000;
      first ??= time;
      const at = networkAt(frame);
      if (at < 0) {
        if (!LINK_TYPES.has(frame.linkType)) {
          throw new CaptureError(`${name}: frame ${number} has link type ${frame.linkType}, which is not known here`);
        }
        continue;
      }
      yield packetOf(frame, number, at, Math.max(0, time - first));
    }
  } catch (error) {
    if (error instanceof PcapError) throw new CaptureError(`${name}: ${error.message}`);
    throw error;
  }
}

/** All packets of the file at `path`. Throws CaptureError. */
export function capture(path: string | URL): CapturedPacket[] {
  let file: Uint8Array;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw new CaptureError((error as Error).message);
  }
  return [...packetsIn(file, String(path))];
}

/** Of those that networkAt() reads. */
const LINK_TYPES = new Set([0, 1, 12, 14, 101, 108, 113, 228, 229, 276]);

function packetOf(frame: Frame, number: number, at: number, since: number): CapturedPacket {
  const { bytes, linkType, device, originalLength } = frame;
  const linkHeader =
    linkType === LINKTYPE_ETHERNET
      ? Uint8Array.of(...bytes.subarray(0, ethernet.TYPE_AT), ...bytes.subarray(at - 2, at))
      : undefined;
  return {
    number,
    bytes: withoutPadding(bytes.slice(at)),
    at: since,
    device,
    linkHeader,
    missing: Math.max(0, originalLength - bytes.length),
  };
}

/** Short Ethernet frames are filled up to 60 octets; what lies behind the packet is none of it. */
function withoutPadding(octets: Uint8Array): Uint8Array {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const version = octets[0] >>> 4;
  if (version === 4 && octets.length >= 20) {
    const length = view.getUint16(2);
    return length >= 20 && length < octets.length ? octets.subarray(0, length) : octets;
  }
  if (version !== 6 || octets.length < 40) return octets;
  const length = view.getUint16(4);
  return length > 0 && 40 + length < octets.length ? octets.subarray(0, 40 + length) : octets;
}
