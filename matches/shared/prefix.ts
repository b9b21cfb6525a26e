// Prefix lengths that stand alone, as libxtables reads them: XTTYPE_PLENMASK.

import { parseAton } from '../../grammar/addresses.ts';
import type { ValueScope } from '../../grammar/options.ts';
import { wholeNumber } from '../../grammar/scan.ts';
import { parseAddress, prefixLength } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';

export const wholeLength = (family: Family): number => (family === 4 ? 32 : 128);

/** A length, or a mask; `holes` is what one with holes counts as, all ones unless given. */
const prefixKind = (holes?: number) => ({
  words: 1 as const,
  metavar: 'prefixlen',
  parse([word]: readonly string[], scope: ValueScope): number {
    const bits = wholeLength(scope.family);
    const number = wholeNumber(word, 0, bits);
    if (number !== undefined) return number;
    const mask = scope.family === 4 ? parseAton(word) : parseAddress(word, 6);
    if (!mask) {
      return scope.fail(
        `${scope.extension}: bad value for option "--${scope.option}", neither a valid network mask nor valid CIDR (0-${bits}).`,
      );
    }
    if (scope.family === 4) mask.fill(0xff, 0, 12);
    const length = prefixLength(mask, scope.family);
    return length < 0 ? (holes ?? bits) : length;
  },
  print: (length: number): string => length.toString(),
});

export const prefix = prefixKind();

/** What the kernel is told of a mask with holes: -1 in 8 bits. */
export const HOLES = 255;
export const prefixOrHoles = prefixKind(HOLES);
