// The second octet of IPv4 and the traffic class of IPv6, read and written alike.

import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Family } from '../../packet/numbers.ts';

export interface TrafficClass {
  get(bytes: Uint8Array, l3: number): number;
  set(bytes: Uint8Array, l3: number, value: number): void;
}

export const TRAFFIC_CLASS: Record<Family, TrafficClass> = {
  4: { get: ipv4.tos, set: ipv4.setTos },
  6: { get: ipv6.trafficClass, set: ipv6.setTrafficClass },
};
