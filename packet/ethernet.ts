// Link-layer headers, as far as captures and bridge ports need them.
//   Ethernet:         | destination(6) | source(6) | etherType(2) | payload ...
//   VLAN, behind it:  | priority, id(2) | etherType(2) | payload ...        one or more, 802.1Q and 802.1ad
//   Linux cooked v1:  | packetType(2) | deviceType(2) | addressLength(2) | address(8) | etherType(2) |
//   Linux cooked v2:  | etherType(2) | reserved(2) | device(4) | deviceType(2) | packetType(1) | addressLength(1) | address(8) |

import { u16 } from './bytes.ts';

export const LENGTH = 14; // octets
export const SOURCE_AT = 6;
export const TYPE_AT = 12;
export const SLL_LENGTH = 16;
export const SLL2_LENGTH = 20;

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021AD = 0x88a8;

export const fits = (_bytes: Uint8Array, at: number, end: number): boolean => at + LENGTH <= end;

export const etherType = (bytes: Uint8Array, at: number): number => u16(bytes, at + TYPE_AT);

export const isVlan = (type: number): boolean => type === ETH_P_8021Q || type === ETH_P_8021AD || type === 0x9100;

/** Where the payload starts behind any VLAN tags, and the EtherType that says so is in the two octets before; -1: cut short. */
export function payloadAt(bytes: Uint8Array, typeAt: number, end: number): number {
  while (typeAt + 2 <= end) {
    if (!isVlan(u16(bytes, typeAt))) return typeAt + 2;
    typeAt += 4;
  }
  return -1;
}
