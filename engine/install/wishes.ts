// What a rule wants of the machine for as long as it is loaded (engine/extension.ts says what each is), as bits.

import { type AnyMatch, type AnyTarget, turnsTrackingOn } from '../extension.ts';

export const TRACKING = 1;
export const GATHERING = 2;
export const LABELS = 4;
export const ACCOUNTING = 8;
export const PROXYING = 16;
export const TRACING = 32;
/** How many there are. */
export const WISHES = 6;

export const wishesOfMatch = (match: AnyMatch, checked: unknown): number =>
  (turnsTrackingOn(match, checked) ? TRACKING : 0) |
  (match.gathers ? GATHERING : 0) |
  (match.wantsLabels ? LABELS : 0) |
  (match.wantsAccounting ? ACCOUNTING : 0);

export const wishesOfTarget = (target: AnyTarget, checked: unknown): number =>
  (turnsTrackingOn(target, checked) ? TRACKING : 0) |
  (target.gathers ? GATHERING : 0) |
  (target.proxies ? PROXYING : 0) |
  (target.traces ? TRACING : 0);
