// A TCP segment that SYNPROXY sends in the name of one end to the other: addresses and ports are those of the packet at hand.

import { addressAt } from '../../packet/address.ts';
import { ip4, ip6, tcp as tcpLayer } from '../../packet/build.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';
import { type SynOptions, writeOptions } from './options.ts';

/** net.ipv4.ip_default_ttl and net.ipv6.conf.all.hop_limit. */
const TTL = 64;

export interface SegmentFields {
  readonly flags: number;
  /** Numbers wrap. */
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly options: SynOptions;
}

/** `back`: to where `pkt` came from; `onward`: to where it goes. */
export function segment(
  pkt: Packet,
  way: 'back' | 'onward',
  { flags, seq, ack, window, options }: SegmentFields,
): Uint8Array {
  const { bytes, l3, l4 } = pkt;
  const family = pkt.family || 4;
  const header = family === 4 ? ipv4 : ipv6;
  const ends = [header.SOURCE_AT, header.DESTINATION_AT].map((at) => addressAt(bytes, l3 + at, family));
  const ports = [tcp.sourcePort(bytes, l4), tcp.destinationPort(bytes, l4)];
  if (way === 'back') {
    ends.reverse();
    ports.reverse();
  }
  const layer = tcpLayer({
    sport: ports[0],
    dport: ports[1],
    flags,
    seq: seq >>> 0,
    ack: ack >>> 0,
    window,
    options: writeOptions(options),
  });
  const [src, dst] = ends;
  return family === 4 ? ip4({ src, dst, ttl: TTL, df: true }, layer) : ip6({ src, dst, hopLimit: TTL }, layer);
}
