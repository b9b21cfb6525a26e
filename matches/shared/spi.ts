// 32-bit ranges of ah, esp, ipcomp, frag and rt: how they print, and the match on a security parameters index.

import type { Given } from '../../grammar/options.ts';
import { type NumberRange, printRange } from '../../grammar/values.ts';
import { bang, option } from './text.ts';

export const ANY_SPI: NumberRange = [0, 0xffff_ffff];

export const isAnySpi = ([low, high]: NumberRange): boolean => low === 0 && high === 0xffff_ffff;

export interface SpiRange {
  readonly range: NumberRange;
  readonly inverted: boolean;
}

/** The option as given, `unless` without it. */
export const spiRange = (given: Given<NumberRange> | undefined, unless: NumberRange = ANY_SPI): SpiRange => ({
  range: given?.value ?? unless,
  inverted: given?.inverted ?? false,
});

/** Save text; the whole range is left out, inverted or not, as the tool does. */
export const saveSpis = (name: string, { range, inverted }: SpiRange): string =>
  isAnySpi(range) ? '' : option(name, printRange(range), inverted);

/** -L: `spi:5`, `spis:!5:6`; everything shows only when inverted. */
export function listSpis(label: string, range: NumberRange, inverted: boolean): string {
  if (isAnySpi(range) && !inverted) return '';
  const [low, high] = range;
  return low === high ? `${label}:${bang(inverted)}${low}` : `${label}s:${bang(inverted)}${low}:${high}`;
}

/** A range whose ends are the wrong way round holds nothing. */
export const spiTest = ({ range: [low, high], inverted }: SpiRange): ((spi: number) => boolean) =>
  inverted ? (spi) => spi < low || spi > high : (spi) => low <= spi && spi <= high;
