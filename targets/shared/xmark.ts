// What MARK and CONNMARK share: five ways to say "clear these bits, then flip those", and how -L reads it back.

import type { Given, OptionSettings } from '../../grammar/options.ts';
import { hex, type Mark, mark, u32 } from '../../grammar/values.ts';

export const ALL_BITS = 0xffff_ffff;

/** `new = (old & ~mask) ^ value`. */
export interface Xmark {
  readonly value: number;
  readonly mask: number;
}

const WAYS = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const;
export type Way = (typeof WAYS)[number];

/**
 * The five options. Each excludes the others and those in `alsoExcluded`, and the tool complains of them in this order.
 * `what` is the mark's name in help texts.
 */
export function xmarkOptions(what: string, alsoExcluded: readonly string[] = []) {
  const order = ['set-mark', ...alsoExcluded, 'and-mark', 'or-mark', 'xor-mark', 'set-xmark'];
  const settings = (way: Way, help: string): OptionSettings => ({
    help,
    excludes: order.filter((other) => other !== way),
  });
  return {
    'set-xmark': mark(settings('set-xmark', `clear the bits of MASK in ${what}, then XOR with VALUE`)),
    'set-mark': mark(settings('set-mark', `clear the bits of MASK in ${what}, then OR with VALUE`)),
    'and-mark': u32(settings('and-mark', `AND ${what} with VALUE`)),
    'or-mark': u32(settings('or-mark', `OR ${what} with VALUE`)),
    'xor-mark': u32(settings('xor-mark', `XOR ${what} with VALUE`)),
  };
}

/** What one of the five means. */
export function toXmark(given: Given<Mark | number>): Xmark {
  if (typeof given.value === 'object') {
    const { value, mask } = given.value;
    return { value, mask: given.name === 'set-mark' ? (value | mask) >>> 0 : mask };
  }
  const bits = given.value;
  if (given.name === 'and-mark') return { value: 0, mask: ~bits >>> 0 };
  return { value: bits, mask: given.name === 'or-mark' ? bits : 0 };
}

export const isWay = (name: string): name is Way => (WAYS as readonly string[]).includes(name);

export const saveXmark = ({ value, mask }: Xmark): string => `--set-xmark ${hex(value)}/${hex(mask)}`;

/** -L guesses the mnemonic from the bits, so `--set-mark 0` reads "and 0x0". */
export function listXmark({ value, mask }: Xmark): string {
  if (value === 0) return `and ${hex(~mask >>> 0)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  if (mask === ALL_BITS) return `set ${hex(value)}`;
  return `xset ${hex(value)}/${hex(mask)}`;
}
