// What targets do to packets, as rows for our own code (test/targets/packets.test.ts) and for the kernel (test/kernel/targets-effects.test.ts).
//
// A packet is as FORWARD sees it, between the two devices of the scenarios' default topology; the kernel gets it with one hop more.

import type { AnyTarget } from '../../../engine/extension.ts';
import type { Services } from '../../../engine/services.ts';
import { createRoutes, DEFAULT_TOPOLOGY } from '../../../engine/stack/routes.ts';
import type { TableName } from '../../../grammar/tables.ts';
import { seeded } from '../../../testing/bare-services.ts';
import type { PacketGiven, TargetAnswer, VerdictName } from '../../../testing/ext-cases.ts';

export interface EffectRow {
  /** What the row shows. */
  readonly shows: string;
  /** `frame ; options` as in rule rows. */
  readonly options: string;
  readonly packet: Uint8Array;
  readonly answer: VerdictName | TargetAnswer;
  /** The packet's mark before. */
  readonly mark?: number;
  /** MTU of each device where not 1500. */
  readonly mtu?: { readonly tunA?: number; readonly tunB?: number };
  /** Metadata that the kernel cannot be given, or another way to get there: the row is ours alone. */
  readonly set?: (pkt: Parameters<NonNullable<Exclude<PacketGiven, Uint8Array>['set']>>[0]) => void;
  readonly oursOnly?: string;
}

export interface Effects {
  readonly target: AnyTarget;
  readonly table: TableName;
  readonly rows: readonly EffectRow[];
}

/** A router with the scenarios' addresses. */
export const servicesOf = ({ tunA = 1500, tunB = 1500 }: EffectRow['mtu'] = {}): Partial<Services> => ({
  routes: createRoutes({
    tunA: { ...DEFAULT_TOPOLOGY.tunA, mtu: tunA },
    tunB: { ...DEFAULT_TOPOLOGY.tunB, mtu: tunB },
  }),
});

/** The IPv4 id that the first generated packet gets in a row. */
export const ID = seeded(1)() & 0xffff;

export const A4 = '10.0.1.2';
export const B4 = '10.0.2.2';
export const A6 = 'fd00:a::2';
export const B6 = 'fd00:b::2';
/** The router's own. */
export const RA4 = '10.0.1.1';
export const RA6 = 'fd00:a::1';
export const RB4 = '10.0.2.1';
export const RB6 = 'fd00:b::1';
