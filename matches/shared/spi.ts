// 32-bit ranges of ah, esp, ipcomp and frag: how they print.

import type { NumberRange } from '../../grammar/values.ts';
import { bang } from './text.ts';

export const ANY_SPI: NumberRange = [0, 0xffff_ffff];

export const isAnySpi = ([low, high]: NumberRange): boolean => low === 0 && high === 0xffff_ffff;

/** -L: `spi:5`, `spis:!5:6`; everything shows only when inverted. */
export function listSpis(label: string, range: NumberRange, inverted: boolean): string {
  if (isAnySpi(range) && !inverted) return '';
  const [low, high] = range;
  return low === high ? `${label}:${bang(inverted)}${low}` : `${label}s:${bang(inverted)}${low}:${high}`;
}
