// A match's sheet: its rows, and how to make option combinations at random. The rows run in test/matches; the kernel tier puts the same
// rows, and what `generate` makes, before the real tools and the real kernel.

import type { AnyMatch } from '../../engine/extension.ts';
import { type Names, noNames } from '../../grammar/names.ts';
import type { Family } from '../../packet/numbers.ts';
import type { MatchRows } from '../../testing/ext-cases.ts';
import type { Dice } from '../kernel/dice.ts';

export interface Sheet {
  readonly match: AnyMatch;
  readonly rows: MatchRows;
  /** Commands that the kernel's namespace begins with (ipset, nfacct ...); the rows bring the same as names and services. */
  readonly setup?: readonly string[];
  /** Why kernels often lack it: then the tool is asked with a kernel that takes every rule (test/kernel/any-rule.c). */
  readonly lacking?: string;
  /** Options of a random rule, valid or not. Words of the frame go before a semicolon, as in rows. */
  generate?(dice: Dice, family: Family): string;
}

export const sheet = (made: Sheet): Sheet => made;

/** A few services as every /etc/services has them. */
const SERVICES: readonly (readonly [name: string, port: number, protocols: readonly string[]])[] = [
  ['http', 80, ['tcp']],
  ['https', 443, ['tcp', 'udp']],
  ['domain', 53, ['tcp', 'udp']],
  ['ssh', 22, ['tcp']],
];

export const fewNames: Names = {
  ...noNames,
  service: (name, protocol) =>
    SERVICES.find((entry) => entry[0] === name && (protocol === undefined || entry[2].includes(protocol)))?.[1],
  serviceName: (port, protocol) =>
    SERVICES.find((entry) => entry[1] === port && (protocol === undefined || entry[2].includes(protocol)))?.[0],
  user: (name) => (name === 'root' ? 0 : undefined),
  userName: (uid) => (uid === 0 ? 'root' : undefined),
  group: (name) => (name === 'root' ? 0 : undefined),
  groupName: (gid) => (gid === 0 ? 'root' : undefined),
};

// --- Pieces of random options ------------------------------------------------------------------------------------------

export const not = (dice: Dice): string => (dice.chance(0.25) ? '! ' : '');

/** A number of up to `largest`, mostly small or at the edge, now and then too large or none at all. */
export function number(dice: Dice, largest: number): string {
  const value = dice.weighted<number>([
    [4, dice.int(0, Math.min(largest, 300))],
    [3, dice.u32() % (largest + 1)],
    [1, largest],
    [1, 0],
    [0.4, largest + 1],
  ]);
  return dice.weighted([
    [12, value.toString()],
    [2, `0x${value.toString(16)}`],
    [1, `0${value.toString(8)}`],
    [0.3, 'x1'],
    [0.2, `${value}x`],
    [0.2, '-1'],
  ]);
}

export const range = (dice: Dice, largest: number): string =>
  dice.weighted([
    [4, number(dice, largest)],
    [3, [dice.u32() % (largest + 1), dice.u32() % (largest + 1)].sort((a, b) => a - b).join(':')],
    [2, `${number(dice, largest)}:${number(dice, largest)}`],
    [1, `:${number(dice, largest)}`],
    [1, `${number(dice, largest)}:`],
    [1, ':'],
    [0.2, '1:2:3'],
  ]);

/** A port or ports, by number or by name. */
export const ports = (dice: Dice): string =>
  dice.chance(0.15)
    ? dice.pick(['http', 'https', 'domain', 'ssh', 'http:https', 'nosuch', 'HTTP'])
    : range(dice, 0xffff);

export const address = (dice: Dice, family: Family): string =>
  family === 4
    ? Array.from({ length: 4 }, () => dice.pick([0, 1, 10, 127, 192, 224, 255, dice.int(0, 255)])).join('.')
    : dice.pick([
        '::',
        '::1',
        'fe80::1',
        'ff02::1',
        '::ffff:1.2.3.4',
        `2001:db8::${dice.int(0, 0xffff).toString(16)}`,
        Array.from({ length: 8 }, () => dice.int(0, 0xffff).toString(16)).join(':'),
      ]);

/** Each option with that probability, in any order. */
export const some = (dice: Dice, options: readonly string[], share = 0.5): string =>
  dice
    .shuffled(options)
    .filter(() => dice.chance(share))
    .join(' ');

/** A list of one or more items. */
export const list = (dice: Dice, items: readonly string[], most = 4): string =>
  Array.from({ length: dice.int(1, most) }, () => dice.pick(items)).join(',');
