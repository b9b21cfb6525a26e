// Packets from layers: `ip6({ dst: 'fd00:b::2' }, hopByHop(), tcp({ dport: 80, flags: 'S' }))`. For REJECT, ICMP errors and tests.
//
// The layers are emitted from the last to the first: each gets the octets behind it and the number of the layer that follows, so
// any stack can be built, sensible or not. Lengths, next headers and checksums come out right unless a field overrides them; that
// is how broken packets are made. Without addresses a packet goes between the two ends of the scenarios' default topology.

export * from './build-extensions.ts';
export * from './build-icmp.ts';
export { type Ip4Fields, type Ip6Fields, ip, ip4, ip6, raw } from './build-ip.ts';
export type { Data, Layer, Pseudo } from './build-layer.ts';
export * from './build-transport.ts';
export { fragments4, fragments6, type Sizes } from './split.ts';
