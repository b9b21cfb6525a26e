// What was dropped, where and why: a count for each pair of hook and reason. Reasons are constant strings, so the maps stay as small
// as the rulesets and the code that name them.

import { HOOKS, type HookName } from '../grammar/tables.ts';
import type { Packet } from '../packet/packet.ts';

/** Stands for the hook where a packet is refused before the first one, or after the last. */
export const OUTSIDE = HOOKS.length;
const PLACES = [...HOOKS, 'outside'] as const;

export interface DropCount {
  readonly hook: HookName | 'outside';
  readonly reason: string;
  readonly packets: number;
}

export class Drops {
  private readonly byPlace = PLACES.map(() => new Map<string, { packets: number }>());

  add(place: number, reason: string): void {
    const reasons = this.byPlace[place];
    const count = reasons.get(reason);
    if (count) count.packets++;
    else reasons.set(reason, { packets: 1 });
  }

  list(): DropCount[] {
    return this.byPlace.flatMap((reasons, place) =>
      [...reasons].map(([reason, { packets }]) => ({ hook: PLACES[place], reason, packets })),
    );
  }

  reset(): void {
    for (const reasons of this.byPlace) reasons.clear();
  }
}

/** What becomes of packets, for whoever wants to watch. Called for every packet: must be cheap, must not keep it. */
export type OnDrop = (pkt: Packet, place: number) => void;
