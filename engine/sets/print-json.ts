// Sets as `ipset -o json` of 7.22 and newer prints them, each with its members. 1.8's companion 7.17 has no JSON yet.

import { headerOptions, membersOf, optionsOf, type Printing } from './print.ts';
import type { SetSlot } from './sets.ts';

/** `name value` as a member of an object, numbers as numbers; an option without value is true. */
function member(option: string): [name: string, value: string | number | true] {
  const blank = option.indexOf(' ');
  if (blank < 0) return [option, true];
  const value = option.slice(blank + 1).replace(/^"(.*)"$/, '$1');
  return [option.slice(0, blank), /^\d{1,15}$/.test(value) ? Number(value) : value];
}

function setJson(slot: SetSlot, printing: Printing): object {
  const { type, header, size } = slot.body;
  const members = membersOf(slot, printing).map(([elem, options]) => ({
    elem,
    ...Object.fromEntries(optionsOf(options).map(member)),
  }));
  return {
    name: slot.name,
    type: type.name,
    revision: type.revision,
    header: {
      ...Object.fromEntries(headerOptions(type, header).map(member)),
      memsize: size,
      references: printing.sets.references(slot),
      numentries: slot.body.entries(printing.now),
    },
    ...(printing.terse ? {} : { members }),
  };
}

export const setsJson = (slots: readonly SetSlot[], printing: Printing): string =>
  `${JSON.stringify(slots.map((slot) => setJson(slot, printing)))}\n`;

export const namesJson = (slots: readonly SetSlot[]): string =>
  `${JSON.stringify(slots.map(({ name }) => ({ name })))}\n`;
