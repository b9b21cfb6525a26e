// The text rows of one target, with the place where the real tools can load it: test/targets reads them with our grammar, and
// test/kernel gives the same rows to iptables 1.8.9.

import type { AnyTarget } from '../../../engine/extension.ts';
import { type Names, noNames } from '../../../grammar/names.ts';
import type { HookName, TableName } from '../../../grammar/tables.ts';
import type { Family } from '../../../packet/numbers.ts';
import type { RuleRow } from '../../../testing/ext-cases.ts';

export interface Subject {
  readonly target: AnyTarget;
  readonly table: TableName;
  readonly chain: HookName;
  /** Words in front of every row's options, unless the row has its own: '-p tcp'. */
  readonly frame?: string;
  readonly rules: readonly RuleRow[];
  /** Rows whose saved text the tool itself does not read back. */
  readonly oneWay?: readonly (readonly [options: string, saved: string, family?: Family])[];
  /** The kernel of a machine may not have it, so that it takes no rule: why. The tool reads, refuses and lists them all the same. */
  readonly notInKernel?: string;
  /** Shell commands that make what the rules name, in the namespace that they are loaded into. */
  readonly setup?: (family: Family) => string;
  /** Rules with the same name in them get into each other's way: each generated one is loaded alone. */
  readonly alone?: boolean;
  /** Why the real tool cannot be asked freely: rules of one namespace get into the way of another's. */
  readonly sharedInKernel?: string;
  /** `[options, text of -L -n, text of -L if it differs]` */
  readonly lists: readonly (readonly [options: string, numeric: string, named?: string])[];
}

const SERVICES: Readonly<Record<string, number>> = { http: 80, domain: 53, tftp: 69 };

/** The services that the rows use, with the numbers that they have everywhere. */
export const names: Names = { ...noNames, service: (name) => SERVICES[name] };

/** `EXT: option "--a" cannot be used together with "--b".`, for every pair in the order of the option table. */
export const exclusive = (target: string, options: readonly string[]): RuleRow[] =>
  options.flatMap((first, index) =>
    options.slice(index + 1).map((second): RuleRow => {
      const name = (option: string): string => option.split(' ')[0];
      return [
        `${second} <|${first}|>`,
        { fails: `${target}: option "${name(first)}" cannot be used together with "${name(second)}".` },
      ];
    }),
  );

/** The rule of a row: `-A CHAIN frame -j NAME options`, marks and all. */
export function command({ target, chain, frame = '' }: Subject, row: string): string {
  const cut = row.indexOf(';');
  const words = cut < 0 ? [frame, row] : [row.slice(0, cut).trim(), row.slice(cut + 1).trim()];
  return [`-A ${chain}`, words[0], `-j ${target.name}`, words[1]].filter((part) => part !== '').join(' ');
}
