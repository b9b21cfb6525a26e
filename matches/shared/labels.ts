// Numbers that a file of the host may name, with a mask: device groups (/etc/iproute2/group) and realms (/etc/iproute2/rt_realms).

import type { ValueScope } from '../../grammar/options.ts';
import { scanNumber } from '../../grammar/scan.ts';
import { hex, type Mark } from '../../grammar/values.ts';

/** The one name that iproute2's files have as they are shipped: that of 0. */
export const numberedBy = (zero: string) => ({
  words: 1 as const,
  metavar: 'name|value[/mask]',
  parse([word]: readonly string[], scope: ValueScope): Mark {
    if (word === zero) return { value: 0, mask: 0xffff_ffff };
    const { extension, option } = scope;
    const value = scanNumber(word);
    if (!value || value.value > 0xffff_ffff || (value.end < word.length && word[value.end] !== '/'))
      return scope.fail(`${extension}: could not map name ${word} to an integer value for option "--${option}".`);
    if (value.end === word.length) return { value: Number(value.value), mask: 0xffff_ffff };
    const mask = scanNumber(word, value.end + 1);
    if (!mask || mask.value > 0xffff_ffff)
      return scope.fail(`${extension}: bad integer value for option "--${option}", or out of range.`);
    if (mask.end < word.length) scope.fail(`${extension}: trailing garbage after value for option "--${option}".`);
    return { value: Number(value.value), mask: Number(mask.value) };
  },
  print({ value, mask }: Mark): string {
    if (mask !== 0xffff_ffff) return `${hex(value)}/${hex(mask)}`;
    return value === 0 ? zero : hex(value);
  },
});

/** The same in numbers, for -L -n. */
export const inNumbers = ({ value, mask }: Mark): string =>
  mask === 0xffff_ffff ? hex(value) : `${hex(value)}/${hex(mask)}`;

/** Whether `number` is the one that was asked for, under the mask. */
export const fits = ({ value, mask }: Mark, number: number): boolean => ((number ^ value) & mask) === 0;
