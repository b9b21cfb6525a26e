// Numbers as ipset reads them, and what is known while a text is read.

import type { Names } from '../../grammar/names.ts';
import { scanNumber } from '../../grammar/scan.ts';
import type { Family } from '../../packet/numbers.ts';
import { SetError, type SetType } from './types.ts';

export interface TextScope {
  readonly type: SetType;
  readonly family: Family | undefined;
  readonly names: Names;
  /** netmask: a range means one address of each network of that length. */
  readonly netmask?: number;
}

export const syntax = (message: string): SetError => new SetError(`Syntax error: ${message}`);

/** Decimal, 0x hex or 0 octal. */
export function wholeNumberOf(word: string, min: number, max: number): number {
  return Number(bigNumberOf(word, BigInt(min), BigInt(max)));
}

export function bigNumberOf(word: string, min: bigint, max: bigint): bigint {
  const negative = word.startsWith('-');
  const scanned = scanNumber(negative ? word.slice(1) : word);
  const text = negative ? word.slice(1) : word;
  if (!scanned || scanned.end !== text.length) throw syntax(`'${word}' is invalid as number`);
  const value = BigInt(scanned.value);
  if ((negative && value > 0n) || value < min || value > max) throw syntax(`'${word}' is out of range ${min}-${max}`);
  return value;
}
