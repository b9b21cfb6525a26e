// The states of -m conntrack --ctstate and -m state: one predicate, two spellings.

import { IPS_DST_NAT, IPS_SRC_NAT } from '../../conntrack/tracker.ts';
import type { Constraints, Predicate, Range } from '../../engine/extension.ts';
import type { Services } from '../../engine/services.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, type Packet } from '../../packet/packet.ts';
import { type NamedBits, printNames } from './name-lists.ts';
import { union } from './ranges.ts';

// Beside the CT_ bits of a packet, two that are of its connection: it was given a translation.
export const STATE_SNAT = 1 << 7;
export const STATE_DNAT = 1 << 8;

export const STATES: NamedBits = [
  ['INVALID', CT_INVALID],
  ['NEW', CT_NEW],
  ['RELATED', CT_RELATED],
  ['ESTABLISHED', CT_ESTABLISHED],
  ['UNTRACKED', CT_UNTRACKED],
];
export const STATES_AND_NAT: NamedBits = [...STATES, ['SNAT', STATE_SNAT], ['DNAT', STATE_DNAT]];

export interface StateSet {
  readonly bits: number;
  readonly inverted: boolean;
}

/** A packet that the tracker has not seen yet (raw table) counts as INVALID, as in conntrack_mt(). */
const stateOf = (pkt: Packet): number => pkt.ctState || CT_INVALID;

export function stateMatch({ bits, inverted }: StateSet, services: Services): Predicate {
  const nat = (bits & STATE_SNAT ? IPS_SRC_NAT : 0) | (bits & STATE_DNAT ? IPS_DST_NAT : 0);
  if (nat === 0) {
    return inverted ? (pkt) => (bits & stateOf(pkt)) === 0 : (pkt) => (bits & stateOf(pkt)) !== 0;
  }
  const { connections } = services.tracker;
  return (pkt) => {
    const hit =
      (bits & stateOf(pkt)) !== 0 || (pkt.connection !== -1 && (connections.status(pkt.connection) & nat) !== 0);
    return hit !== inverted;
  };
}

export function stateConstraints({ bits, inverted }: StateSet): Constraints | undefined {
  if (bits & (STATE_SNAT | STATE_DNAT)) return undefined;
  const ranges: Range[] = STATES.filter(([, bit]) => ((bits & bit) !== 0) !== inverted).map(([, bit]) => [bit, bit]);
  // 0: not asked yet, which the predicate takes for INVALID.
  if (ranges.some(([bit]) => bit === CT_INVALID)) ranges.push([0, 0]);
  return { ctState: union(ranges) };
}

export function sawState(pkt: Packet, services: Services): string {
  const status = pkt.connection === -1 ? 0 : services.tracker.connections.status(pkt.connection);
  const nat = (status & IPS_SRC_NAT ? STATE_SNAT : 0) | (status & IPS_DST_NAT ? STATE_DNAT : 0);
  return printNames(stateOf(pkt) | nat, STATES_AND_NAT);
}
