// How a value kind and the settings of one option become the option.

import type { Family } from '../packet/numbers.ts';
import type { Option, OptionSettings, ValueKind } from './options.ts';

/** What a factory returns: the option, with `required` known to the type, and a print() that may be called with the value alone. */
export type Made<T, S extends OptionSettings> = Omit<
  Option<T, S extends { required: true } ? true : false>,
  'print'
> & {
  print(value: T, family?: Family): string;
};

export const make = <T, S extends OptionSettings>(
  kind: Omit<ValueKind<T>, 'print'> & { print(value: T, family?: Family): string },
  settings: S,
): Made<T, S> => ({ ...settings, ...kind }) as unknown as Made<T, S>;

/** An option of your own kind: the settings and the three members of ValueKind together. For kinds that one extension alone has. */
export const own = <T, const S extends OptionSettings>(
  kind: Omit<ValueKind<T>, 'print'> & { print(value: T, family?: Family): string },
  settings: S,
): Made<T, S> => make(kind, settings);
