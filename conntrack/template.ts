// What the CT and NOTRACK targets leave on a packet in the raw table, for the tracker that runs right after it. Until then it stands for
// the packet's connection: a NEW one without addresses, ports or protocol.

import { CT_NEW, type Packet } from '../packet/packet.ts';

export interface Template {
  readonly untracked: boolean;
  /** Zone per direction: 0 is the default zone. */
  readonly zoneOriginal: number;
  readonly zoneReply: number;
  /**
   * Directions (bit 0 original, bit 1 reply) whose zone is not the one above but the low 16 bits of the packet's mark when the tracker
   * sees it (`CT --zone mark`). 0 or undefined: none. nf_conntrack_zones.h nf_ct_zone_tmpl().
   */
  readonly markZones?: number;
  readonly helper: string | undefined;
  /** Name of a timeout policy. */
  readonly timeout: string | undefined;
  /** Bits of IPCT_ events that are reported; undefined: all. */
  readonly events: number | undefined;
  readonly expectEvents: number | undefined;
  /** SYNPROXY opens the connection in a client's name. */
  readonly proxied?: true;
  /** What CONNMARK in the raw table writes, and connmark reads there. The connection does not inherit it; the rule's next packet does. */
  mark: number;
}

/** The template that stands for the connection of `pkt`, which the tracker has not seen yet; undefined for nearly every packet. */
export const templateOf = (pkt: Packet): Template | undefined =>
  pkt.template !== undefined && pkt.connection === -1 && pkt.ctState === CT_NEW
    ? (pkt.template as Template)
    : undefined;
