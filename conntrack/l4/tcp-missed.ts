// Packets that went past the tracker: what it believes of windows then is worth nothing until both sides have spoken again.

import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Tracking } from './l4.ts';
import { ESTABLISHED } from './tcp-states.ts';
import * as win from './tcp-window.ts';

/** Window tracking starts anew with the next packet of either side. */
export function forgetWindows({ table }: Tracking, id: number): void {
  if (table.state(id) !== ESTABLISHED) return;
  const { words } = table.slabs[IPPROTO_TCP]!;
  const record = table.own[id] * win.WORDS;
  for (const direction of [0, 1]) words[record + 4 * direction + win.MAXWIN] = 0;
}

/** The same after packets that we have missed for a while: what was acknowledged says nothing about resets any more. */
export function missedPackets(tracking: Tracking, id: number): void {
  const { table } = tracking;
  if (table.state(id) !== ESTABLISHED) return;
  forgetWindows(tracking, id);
  const { octets } = table.slabs[IPPROTO_TCP]!;
  const flags = 4 * table.own[id] * win.WORDS + win.FLAGS;
  for (const direction of [0, 1])
    octets[flags + direction] = (octets[flags + direction] & ~win.MAXACK_SET) | win.MISSED;
}
